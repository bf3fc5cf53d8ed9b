"""Voices that make the sound of each text by itself, and how any voice is given a single text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from offhook.speech.engine_protocols import SpokenSound, Voice, closing


class SentenceVoice(ABC):
    """`say` makes the sound of one text, in pieces of any length; the next text is asked for when that is
    whole."""

    @abstractmethod
    def say(self, text: str) -> AsyncIterator[bytes]: ...

    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        async for text in texts:
            async with closing(self.say(text)) as pieces:
                async for audio in pieces:
                    yield SpokenSound(audio)
            yield SpokenSound(b"", last=True)


async def alone(text: str) -> AsyncIterator[str]:
    """One text, and no more."""
    yield text


async def sound_of(voice: Voice, text: str) -> AsyncIterator[bytes]:
    """The sound of a single text. Raises EngineError."""
    async with closing(voice.speak(alone(text))) as sounds:
        async for sound in sounds:
            if sound.audio:
                yield sound.audio
