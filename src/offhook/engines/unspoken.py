"""What of an utterance has no sound yet, so that another voice can go on with it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Final

from offhook.frames import SAMPLE_RATE
from offhook.speech.engine_protocols import SpokenSound, TimedWord, Voice, closing
from offhook.speech.joined import WORD

CHARACTERS_PER_SECOND: Final = 15.0
"""English speech, where nothing says how fast it is spoken."""
_BYTES_PER_SECOND: Final = 2 * SAMPLE_RATE


class UnspokenTexts:
    """Texts as they are written, each kept until its sound is whole."""

    def __init__(self, texts: AsyncIterator[str]) -> None:
        self._texts = texts
        self._kept: deque[str] = deque()
        self._given = 0  # bytes of the sound of the first
        self._reached = 0  # its characters of which the words have been given

    async def spoken_by(self, voice: Voice) -> AsyncGenerator[SpokenSound, None]:
        """From what no voice has given before. Raises EngineError."""
        if self._begun and not self._rest():
            yield self._whole()
        before = self._given / _BYTES_PER_SECOND
        async with closing(voice.speak(self._unspoken())) as sounds:
            async for sound in sounds:
                yield self._taken(sound, before)
                before = 0.0 if sound.last else before

    @property
    def _begun(self) -> bool:
        return self._given > 0

    async def _unspoken(self) -> AsyncGenerator[str, None]:
        for at, text in enumerate(list(self._kept)):
            yield self._rest() if at == 0 and self._begun else text
        async for text in self._texts:
            self._kept.append(text)
            yield text

    def _taken(self, sound: SpokenSound, before: float) -> SpokenSound:
        """`before`: seconds of the sound of its text that another voice has made."""
        self._given += len(sound.audio)
        for word in sound.words:
            found = self._kept[0].find(word.text, self._reached)
            if found >= 0:
                self._reached = self._behind_marks(found + len(word.text))
        if sound.last:
            self._forget_first()
        if not before or not sound.words:
            return sound
        words = (TimedWord(one.text, one.start + before, one.end + before) for one in sound.words)
        return replace(sound, words=tuple(words))

    def _behind_marks(self, at: int) -> int:
        """Behind the marks at a word that ends here."""
        text = self._kept[0]
        while at < len(text) and not (text[at].isalnum() or text[at].isspace()):
            at += 1
        return at

    def _whole(self) -> SpokenSound:
        self._forget_first()
        return SpokenSound(b"", last=True)

    def _forget_first(self) -> None:
        self._kept.popleft()
        self._given = self._reached = 0

    def _rest(self) -> str:
        """What of the first text is not spoken: from the word on in which its sound broke off."""
        text = self._kept[0]
        reached: float = self._reached
        if not reached:
            reached = self._given / _BYTES_PER_SECOND * CHARACTERS_PER_SECOND
        begins = (word.start() for word in WORD.finditer(text) if word.end() > reached)
        return text[next(begins, len(text)) :].strip()
