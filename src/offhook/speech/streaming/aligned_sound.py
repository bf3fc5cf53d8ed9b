"""The sound of several texts that comes in one stream, cut into that of each by the times of its
characters."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from offhook.frames import SAMPLE_RATE
from offhook.speech.engine_protocols import SpokenSound, TimedWord

_TAG: Final = re.compile(r"<[^<>]{0,200}>")
_SPACE: Final = re.compile(r"\s+")
_MOST_EXTRA: Final = 20
"""Characters beyond those of a text, after which they are taken for those of the next one."""
_TOLERANCE: Final = 0.005
_EARLY_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class TimedCharacter:
    """`start`, `end`: in seconds from where the sound of its message begins."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class VoicePiece:
    """What a vendor says of an utterance in one message. `audio`: s16le at 8 kHz. `characters`: those whose
    times it brings. `words`: the same, by words, in seconds from where the utterance begins. `text_ended`:
    the sound of one text more is whole. `ended`: there is no more."""

    audio: bytes = b""
    characters: Sequence[TimedCharacter] = ()
    words: Sequence[TimedWord] = ()
    text_ended: bool = False
    ended: bool = False


class SoundShape(Protocol):
    """How the sound of an utterance becomes that of its texts."""

    @property
    def owed(self) -> int:
        """How many texts have sound to come."""
        ...

    @property
    def settled(self) -> bool:
        """Is all there, as far as can be told, though the vendor has not said so?"""
        ...

    @property
    def may_be_whole(self) -> bool:
        """Has all that is owed been begun, and does nothing tell where it ends?"""
        ...

    def add(self, text: str) -> None:
        """A text that the vendor is given."""
        ...

    def take(self, piece: VoicePiece) -> Iterator[SpokenSound]: ...

    def finish_text(self) -> Iterator[SpokenSound]:
        """The sound of the text is whole."""
        ...


@dataclass(slots=True)
class _Text:
    """`left`: characters that are still to come."""

    first: str
    left: int
    end: float | None = None
    extra: int = 0


@dataclass(slots=True)
class _Letters:
    text: str = ""
    start: float = 0.0
    end: float = 0.0


class AlignedSound:
    """By counting characters: space and tags are not counted, since vendors treat them in their own ways."""

    __slots__ = ("_begin", "_given", "_held", "_texts", "_word", "_words")

    def __init__(self) -> None:
        self._texts: deque[_Text] = deque()
        self._held = bytearray()  # sound that was not given on
        self._given = 0  # bytes that were
        self._begin = 0  # where the sound of the first text begins
        self._word = _Letters()
        self._words: list[TimedWord] = []

    @property
    def owed(self) -> int:
        return len(self._texts)

    @property
    def settled(self) -> bool:
        if len(self._texts) != 1:
            return False
        end = self._texts[0].end
        return self._texts[0].left <= 0 and end is not None and self._seconds() >= end - _TOLERANCE

    @property
    def may_be_whole(self) -> bool:
        """Vendors leave the times of some texts out."""
        return len(self._texts) == 1 and self._texts[0].end is None and self._given > self._begin

    def add(self, text: str) -> None:
        letters = _SPACE.sub("", _TAG.sub("", text))
        self._texts.append(_Text(letters[:1].casefold(), len(letters)))

    def take(self, piece: VoicePiece) -> Iterator[SpokenSound]:
        base = self._seconds()
        self._held += piece.audio
        for one in piece.characters:
            yield from self._character(one.text, base + one.start, base + one.end)
        if self._texts:
            yield from self._give(len(self._held))
        if piece.ended:
            while self._texts:
                yield from self.finish_text()

    def finish_text(self) -> Iterator[SpokenSound]:
        self._end_word()
        yield from self._give(len(self._held))
        yield from self._next_text()

    def _character(self, text: str, start: float, end: float) -> Iterator[SpokenSound]:
        if not text.strip():
            self._end_word()
            return
        if self._texts and self._texts[0].left <= 0 and self._begins_next(text):
            self._end_word()
            yield from self._give(self._bytes_until(start))
            yield from self._next_text()
        if not self._texts:
            return
        current = self._texts[0]
        current.left -= len(text)
        current.end = end
        if not self._word.text:
            self._word.start = start
        self._word.text += text
        self._word.end = end
        if current.left == 0:
            self._end_word()

    def _begins_next(self, text: str) -> bool:
        if len(self._texts) < 2:
            return False
        self._texts[0].extra += 1
        return text[:1].casefold() == self._texts[1].first or self._texts[0].extra > _MOST_EXTRA

    def _end_word(self) -> None:
        word = self._word
        if word.text:
            before = self._begin / (2 * SAMPLE_RATE)
            self._words.append(
                TimedWord(word.text, max(word.start - before, 0.0), max(word.end - before, 0.0))
            )
            self._word = _Letters()

    def _give(self, count: int) -> Iterator[SpokenSound]:
        count &= ~1
        words, self._words = tuple(self._words), []
        if count or words:
            audio = bytes(self._held[:count])
            del self._held[:count]
            self._given += count
            yield SpokenSound(audio, words)

    def _next_text(self) -> Iterator[SpokenSound]:
        self._texts.popleft()
        self._begin = self._given
        yield SpokenSound(b"", last=True)

    def _seconds(self) -> float:
        """Of sound that has come."""
        return (self._given + len(self._held)) / (2 * SAMPLE_RATE)

    def _bytes_until(self, seconds: float) -> int:
        """Of what is held."""
        return min(max(round(seconds * SAMPLE_RATE) * 2 - self._given, 0), len(self._held))


class MarkedSound:
    """By the vendor's own marks: it says when the sound of each text is whole. Some begin to count the times
    of words anew with each text: the first word of a text tells."""

    __slots__ = ("_before", "_begin", "_given", "_held", "_owed")

    def __init__(self) -> None:
        self._owed = 0
        self._given = 0
        self._begin = 0
        self._held = b""  # half a sample
        self._before: float | None = None  # what the times of this text's words count from

    @property
    def owed(self) -> int:
        return self._owed

    @property
    def settled(self) -> bool:
        return False

    @property
    def may_be_whole(self) -> bool:
        return False

    def _counted_from(self, first: TimedWord) -> float:
        if self._before is None:
            begin = self._begin / (2 * SAMPLE_RATE)
            self._before = begin if first.start >= begin - _EARLY_SECONDS else 0.0
        return self._before

    def add(self, text: str) -> None:
        self._owed += 1

    def take(self, piece: VoicePiece) -> Iterator[SpokenSound]:
        if not self._owed:
            return
        audio = self._held + piece.audio
        whole = len(audio) & ~1
        self._held = audio[whole:]
        before = self._counted_from(piece.words[0]) if piece.words else 0.0
        words = tuple(
            TimedWord(one.text, max(one.start - before, 0.0), max(one.end - before, 0.0))
            for one in piece.words
        )
        if whole or words:
            self._given += whole
            yield SpokenSound(audio[:whole], words)
        if piece.text_ended:
            yield from self.finish_text()
        if piece.ended:
            while self._owed:
                yield from self.finish_text()

    def finish_text(self) -> Iterator[SpokenSound]:
        self._owed -= 1
        self._begin, self._before = self._given, None
        yield SpokenSound(b"", last=True)
