"""Streamed tokens to pieces that a voice can speak: whole sentences where possible (`voice.chunkPlan`)."""

from __future__ import annotations

from dataclasses import dataclass

SENTENCE_BOUNDARIES = frozenset(".!?。！？।॥۔|;:")
LONGEST_PIECE = 300
"""Characters after which a piece is cut at a space even without punctuation."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Followed by more of the same sentence.
_ABBREVIATIONS = _set(
    "dr mr mrs ms mx prof rev hon gen col sgt capt lt st mt ft no nos vs approx dept ext fig vol ca cf viz "
    "e.g i.e jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat"
)
# Followed by more, or by a new sentence: a capital letter tells.
_MAYBE_LAST = _set("a.m p.m am pm etc inc ltd co corp jr sr ave rd blvd u.s u.k u.s.a ph.d")
_NEEDS_NO_SPACE = frozenset("。！？，،।॥۔|")


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """`boundaries`: the characters after which a piece may end. With `enabled` false, every sentence is a
    piece of its own, however short: an engine gets text as soon as there is any."""

    enabled: bool = True
    min_characters: int = 30
    boundaries: frozenset[str] = SENTENCE_BOUNDARIES


class Chunker:
    """`feed` tokens, get pieces as they become whole; `flush` gives what is left."""

    __slots__ = ("_boundaries", "_buffer", "_hurried", "_least", "_scanned")

    def __init__(self, plan: ChunkPlan) -> None:
        self._boundaries = plan.boundaries
        self._least = plan.min_characters if plan.enabled else 1
        self._buffer = ""
        self._scanned = 0  # no boundary before this position
        self._hurried = False

    def feed(self, text: str) -> list[str]:
        self._buffer += text
        pieces = []
        while (end := self._next_end()) is not None:
            pieces.append(self._buffer[:end].strip())
            self._buffer = self._buffer[end:].lstrip()
            self._scanned = 0
            self._hurried = False
        return [piece for piece in pieces if piece]

    def hurry(self) -> None:
        """The caller waits: the next piece may end at a comma, too, unless the boundaries are the owner's."""
        if self._boundaries == SENTENCE_BOUNDARIES and not self._hurried:
            self._hurried, self._scanned = True, 0

    def flush(self) -> str | None:
        rest, self._buffer, self._scanned = self._buffer.strip(), "", 0
        return rest or None

    def _next_end(self) -> int | None:
        """Where the first piece of the buffer ends; None if that is not known yet."""
        buffer = self._buffer
        for index in range(self._scanned, len(buffer)):
            verdict = self._ends_at(index)
            if verdict is None:  # the characters that decide it are still to come
                self._scanned = index
                break
            if verdict:
                return index + 1
        else:
            self._scanned = len(buffer)
        if len(buffer) <= LONGEST_PIECE:
            return None
        space = buffer.rfind(" ", 0, LONGEST_PIECE)
        return LONGEST_PIECE if space <= 0 else space

    def _ends_at(self, index: int) -> bool | None:
        buffer = self._buffer
        character = buffer[index]
        if character == "\n":
            return bool(buffer[:index].strip())
        if index + 1 < self._least:
            return False
        if character not in self._boundaries and not (self._hurried and character in ",，、"):
            return False
        if character in _NEEDS_NO_SPACE:
            return True
        if index + 1 == len(buffer):
            return None
        following = buffer[index + 1 :]
        if not following[0].isspace():
            return False  # 10:30, 3.5, 1,000, a quotation mark that belongs to the sentence
        return self._full_stop(index, following.lstrip()) if character == "." else True

    def _full_stop(self, index: int, following: str) -> bool | None:
        """Is the `.` at `index`, which a space follows, the end of a sentence?"""
        word = self._buffer[:index].rsplit(maxsplit=1)[-1].lstrip("(\"'“‘").lower()
        if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
            return False
        if word.isdigit() and self._starts_line(index - len(word)):
            return False  # the number of a list item
        if word in _MAYBE_LAST:
            return following[0].isupper() if following else None
        return True

    def _starts_line(self, position: int) -> bool:
        before = self._buffer[:position].rstrip(" ")
        return not before or before.endswith("\n")


def cut_into_pieces(text: str, plan: ChunkPlan) -> list[str]:
    """A whole text at once."""
    chunker = Chunker(plan)
    pieces = chunker.feed(text)
    last = chunker.flush()
    return [*pieces, last] if last else pieces
