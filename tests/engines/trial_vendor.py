"""A vendor as whoever adds one writes it, with all three engines: this file and its line in `VENDORS`.

It judges turns by itself, takes an utterance as one context with text as it is written, and tells the times
of words, as vendors on sockets do; here nothing is on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from offhook.frames import FRAME_SECONDS, SAMPLE_RATE
from offhook.language.language_model import Finished, LanguageModel, Message, Reply, Text, ToolDefinition
from offhook.schema.assistants.model import VendorModel
from offhook.schema.assistants.transcriber import XaiTranscriber
from offhook.schema.assistants.voice import XaiVoice
from offhook.speech.engine_protocols import (
    FailureSink,
    SpokenSound,
    TimedWord,
    Transcriber,
    Transcript,
    TranscriptSink,
    Voice,
)
from offhook.speech.engine_request import EngineRequest

WORD_SECONDS = 0.3
HEARD = "How late are you open"


class TrialTranscriber:
    provider = "xai"
    segmented = False
    turn_patience = 6.0

    def __init__(self) -> None:
        self._tell: TranscriptSink | None = None
        self._seconds = 0.0
        self._began = 0.0

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        self._tell = on_transcript

    def push(self, heard: bytes, said: bytes) -> None:
        self._seconds += FRAME_SECONDS

    def speech_started(self) -> None:
        self._began = self._seconds

    def speech_stopped(self) -> None:
        assert self._tell is not None
        self._tell(Transcript(HEARD, final=False, turn="may-end"))
        word = TimedWord(HEARD, self._began, self._seconds)
        self._tell(Transcript(HEARD, final=True, words=(word,), turn="ended"))

    async def close(self) -> None:
        self._tell = None


class TrialModel:
    provider = "xai"
    generative = True

    def __init__(self, name: str, key: str) -> None:
        self.name = name
        self._key = key

    async def start(self) -> None: ...

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        for word in f"This is {self.name} with the key {self._key}. We are open until five.".split():
            yield Text(f"{word} ")
        yield Finished("stop")

    async def close(self) -> None: ...


class TrialVoice:
    provider = "xai"

    async def start(self) -> None: ...

    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        async for text in texts:
            for number, word in enumerate(text.split()):
                await asyncio.sleep(0.01)
                time = TimedWord(word, number * WORD_SECONDS, (number + 1) * WORD_SECONDS)
                yield SpokenSound(b"\x00\x10" * round(WORD_SECONDS * SAMPLE_RATE), (time,))
            yield SpokenSound(b"", last=True)

    async def close(self) -> None: ...


async def transcriber(request: EngineRequest[XaiTranscriber]) -> Transcriber:
    return TrialTranscriber()


async def model(request: EngineRequest[VendorModel]) -> LanguageModel:
    account = await request.account()
    return TrialModel(request.settings.model, account.key)


async def voice(request: EngineRequest[XaiVoice]) -> Voice:
    return TrialVoice()
