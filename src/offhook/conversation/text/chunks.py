"""Streamed tokens to pieces that a voice can speak: whole sentences where possible (`voice.chunkPlan`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

SENTENCE_BOUNDARIES = frozenset(".!?。！？।॥۔|;:")
LONGEST_PIECE = 300
"""Characters after which a piece is cut at a space even without punctuation."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Followed by more of the same sentence.
_ABBREVIATIONS = _set(
    "dr mr mrs ms mx prof rev hon gen col sgt capt lt st mt ft no nos vs approx dept ext fig vol ca cf viz "
    "sq cu apt ste rm bldg hwy max incl excl pp p.o "
    "e.g i.e jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat"
)
# Followed by more, or by a new sentence: a capital letter tells.
_MAYBE_LAST = _set(
    "a.m p.m am pm etc inc ltd co corp jr sr ave rd blvd ln ct pkwy u.s u.k u.s.a ph.d "
    "min mins hr hrs sec lb lbs "
    "oz appt est"
)
_NEEDS_NO_SPACE = frozenset("。！？，،।॥۔|")

PAUSE = 0.15
"""Seconds. A model that gives nothing for so long behind a whole sentence may have said all that it has to
say for now: that it calls a tool comes without a sound."""
LONG_PAUSE = 0.6
"""The same, where the sentence may be going on."""
_AMONG_LETTERS = re.compile(r"\b\w\.\w\.\Z")
_CLOSERS = "\"'”’)]}»"
_CLOSER_SET = frozenset(_CLOSERS)
_SPACE = re.compile(r"\s*")
_FLUSH = re.compile(r"<\s{0,2}flush\s{0,2}/?\s{0,2}>", re.IGNORECASE)
"""By this tag a model has what came before it spoken at once."""
_FLUSH_BEGUN = re.compile(r"<\s{0,2}(?:f(?:l(?:u(?:s(?:h\s{0,2}(?:/\s{0,2})?)?)?)?)?)?\Z", re.IGNORECASE)
_LOOKAHEAD = 16
"""Characters beyond LONGEST_PIECE that are waited for if they decide where a piece ends."""


_ENTITY = re.compile(r"&#?\w{2,7};\Z")
_NEAR = 80
_BESIDE = 8
_FIGURES = re.compile(r"[\d$€£]")


@dataclass(frozen=True, slots=True)
class ChunkingPlan:
    """`boundaries`: the characters after which a piece may end. With `enabled` false, every sentence is a
    piece of its own, however short: an engine gets text as soon as there is any."""

    enabled: bool = True
    min_characters: int = 30
    boundaries: frozenset[str] = SENTENCE_BOUNDARIES


class Chunker:
    """`feed` tokens, get pieces as they become whole; `flush` gives what is left, `pause` what may well be
    all for now. A piece ends at a boundary behind a word, at `<flush />`, which is no part of it, and at
    LONGEST_PIECE at the latest, so that no more than that is ever looked through again."""

    __slots__ = ("_boundaries", "_buffer", "_hurried", "_least", "_scanned", "_start", "_worded")

    def __init__(self, plan: ChunkingPlan) -> None:
        self._boundaries = plan.boundaries
        self._least = plan.min_characters if plan.enabled else 1
        self._buffer = ""
        self._start = 0  # of the first piece in the buffer
        self._scanned = 0  # no boundary before this position
        self._worded = False  # is there anything to speak before it?
        self._hurried = False

    def feed(self, text: str) -> list[str]:
        self._buffer += text
        pieces = []
        while (piece := self._next()) is not None:
            pieces.append(piece.strip())
        self._buffer = self._buffer[self._start :]
        self._scanned -= self._start
        self._start = 0
        return [piece for piece in pieces if piece]

    def hurry(self) -> None:
        """The caller waits: the next piece may end at a comma, too, unless the boundaries are the owner's."""
        if self._boundaries == SENTENCE_BOUNDARIES and not self._hurried:
            self._hurried, self._scanned, self._worded = True, 0, False

    def flush(self) -> str | None:
        rest, self._buffer = self._buffer.strip(), ""
        self._scanned, self._worded = 0, False
        return rest or None

    def patience(self) -> float | None:
        """After how many seconds without another token `pause` is to be called: there is a whole sentence.
        None if there is none."""
        buffer = self._buffer
        if not buffer or not self._worded or not (buffer[-1].isspace() or buffer[-1] in self._closing):
            return None
        said = buffer.rstrip().rstrip(_CLOSERS)
        if not said or said[-1] not in self._boundaries:
            return None
        if said[-1] == "." and self._full_stop(len(said) - 1) is False:
            return None
        # More may follow without a space: 3.5, 10:30, a.m., U.S.
        open_end = len(said) == len(buffer) and (said[-2:-1].isdigit() or _AMONG_LETTERS.search(said))
        return LONG_PAUSE if open_end else PAUSE

    def pause(self) -> str | None:
        """The model has stopped for a moment: the sentence that has just ended, whatever its length."""
        return self.flush() if self.patience() is not None else None

    @property
    def _closing(self) -> frozenset[str]:
        return self._boundaries | _CLOSER_SET

    def _next(self) -> str | None:
        """The first piece of the buffer; None if its end is not known yet."""
        buffer, start = self._buffer, self._skip_space()
        latest, undecided = min(len(buffer), start + LONGEST_PIECE), False
        for index in range(self._scanned, latest):
            if buffer[index].isalnum():
                self._worded = True
                continue
            if buffer[index] == "<" and (tag := _FLUSH.match(buffer, index)) is not None:
                return self._take(index, tag.end())
            verdict = self._ends_at(index)
            if verdict:
                return self._take(index + 1, index + 1)
            if verdict is None:  # the characters that decide it are still to come
                self._scanned, undecided = index, True
                break
        else:
            self._scanned = latest
        if len(buffer) - start <= LONGEST_PIECE + undecided * _LOOKAHEAD:
            return None
        end = _last_space(buffer, start, start + LONGEST_PIECE)
        return self._take(end, end)

    def _skip_space(self) -> int:
        found = _SPACE.match(self._buffer, self._start)
        self._start = found.end() if found is not None else self._start
        self._scanned = max(self._scanned, self._start)
        return self._start

    def _take(self, end: int, after: int) -> str:
        piece = self._buffer[self._start : end]
        self._start = self._scanned = after
        self._worded = self._hurried = False
        return piece

    def _ends_at(self, index: int) -> bool | None:
        buffer = self._buffer
        character = buffer[index]
        if character == "<":
            return None if _FLUSH_BEGUN.match(buffer, index) is not None else False
        if character == "\n":
            return self._worded
        if index + 1 - self._start < self._least or not self._worded:
            return False
        if character not in self._boundaries and not (self._hurried and character in ",，、"):
            return False
        if character == "|" and self._in_a_row(index):
            return False
        if character in _NEEDS_NO_SPACE:
            return True
        if index + 1 == len(buffer):
            return None
        if not buffer[index + 1].isspace():
            return False  # 10:30, 3.5, 1,000, a quotation mark that belongs to the sentence
        if character == ";" and _ENTITY.search(buffer, max(index - 8, self._start), index + 1):
            return False
        if character in "),:":  # (415) 555-0132, May 5, 2026, your code is: 4821
            among = self._beside_digits(index)
            if among is not False:
                return None if among is None else False
        return self._full_stop(index) if character == "." else True

    def _beside_digits(self, index: int) -> bool | None:
        """Does a digit follow, and one stand before, or a colon between?"""
        if self._buffer[index] != ":" and not self._buffer[index - 1 : index].isdecimal():
            return False
        following = self._buffer[index + 1 : index + 3].lstrip()
        return following[0].isdecimal() if following else None

    def _in_a_row(self, index: int) -> bool:
        """Is this bar in a row of a table, which begins with one?"""
        line = self._buffer.rfind("\n", self._start, index) + 1 or self._start
        return self._buffer.startswith("|", line)

    def _full_stop(self, index: int) -> bool | None:
        """Is the `.` at `index` the end of a sentence, if a space follows it?"""
        word = self._buffer[self._start : index].rsplit(maxsplit=1)[-1].lstrip("(\"'“‘").lower()
        if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
            return False
        if word.isdigit() and self._starts_line(index - len(word)):
            return False  # the number of a list item
        if word in _MAYBE_LAST:
            following = _SPACE.match(self._buffer, index + 1)
            at = following.end() if following is not None else index + 1
            return self._begins_sentence(at)
        return True

    def _begins_sentence(self, at: int) -> bool | None:
        """A capital letter does; several are an acronym: 5 p.m. PST."""
        if at + 1 >= len(self._buffer):
            return None if at >= len(self._buffer) or self._buffer[at].isupper() else False
        return self._buffer[at].isupper() and not self._buffer[at + 1].isupper()

    def _starts_line(self, position: int) -> bool:
        before = self._buffer[self._start : position].rstrip(" ")
        return not before or before.endswith("\n")


def _last_space(buffer: str, start: int, end: int) -> int:
    """Where a piece is cut for its length: at a space that has no figures beside it, if there is one near."""
    space = last = buffer.rfind(" ", start, end)
    while space > max(start, end - _NEAR):
        if not _FIGURES.search(buffer, max(space - _BESIDE, start), space + _BESIDE):
            return space
        space = buffer.rfind(" ", start, space)
    return end if last <= start else last


def cut_into_pieces(text: str, plan: ChunkingPlan) -> list[str]:
    """A whole text at once."""
    chunker = Chunker(plan)
    pieces = chunker.feed(text)
    last = chunker.flush()
    return [*pieces, last] if last else pieces
