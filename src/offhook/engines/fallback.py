"""When an engine fails, the next one in the list goes on: `fallbackPlan` of transcribers and voices,
`fallbackModels`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from offhook.engines.preference import Preference, fall_back
from offhook.frames import FRAME_SECONDS
from offhook.language.language_model import LanguageModel, Message, Reply, ToolDefinition
from offhook.speech.engine_protocols import (
    EngineError,
    FailureSink,
    SpokenSound,
    TimedWord,
    Transcriber,
    Transcript,
    TranscriptSink,
    Voice,
)

log = logging.getLogger(__name__)

_MOST_KEPT = 260
"""Frames: five seconds and a little. The hints among them are all kept, so that what began ends."""


class FallbackVoice:
    """A sentence goes to the next voice as long as nothing of it has been given, and so do those that follow;
    the call then stays with that voice."""

    def __init__(self, voices: Sequence[Voice]) -> None:
        self._voices = Preference(voices, lambda at: voices[at].start())

    @property
    def provider(self) -> str:
        return self._voices.current.provider

    async def start(self) -> None:
        await self._voices.take(0)

    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        kept = _Unspoken(texts)
        spoken = self._voices.first_that_gives(lambda voice: voice.speak(kept.again()), lambda one: one.last)
        async with aclosing(spoken) as sounds:
            async for sound in sounds:
                if sound.last:
                    kept.forget_first()
                yield sound

    async def close(self) -> None:
        await self._voices.close()


class _Unspoken:
    """The texts of which the sound is not whole, so that another voice can begin with the first of them."""

    def __init__(self, texts: AsyncIterator[str]) -> None:
        self._texts = texts
        self._kept: deque[str] = deque()

    def forget_first(self) -> None:
        self._kept.popleft()

    async def again(self) -> AsyncIterator[str]:
        for text in list(self._kept):
            yield text
        async for text in self._texts:
            self._kept.append(text)
            yield text


class FallbackModel:
    """A reply is made by the next model as long as nothing of it has been given; the call then stays with
    that model."""

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        self._models = Preference(models, lambda at: models[at].start())

    @property
    def provider(self) -> str:
        return self._models.current.provider

    @property
    def name(self) -> str:
        return self._models.current.name

    @property
    def generative(self) -> bool:
        return self._models.current.generative

    async def start(self) -> None:
        await self._models.take(0)

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        asked = self._models.first_that_gives(lambda model: model.respond(messages, tools))
        async with aclosing(asked) as replies:
            async for reply in replies:
                yield reply

    async def close(self) -> None:
        await self._models.close()


class FallbackTranscriber:
    """`provider`, `segmented` and `turn_patience` are those of the one in charge, so they may change in the
    middle of a call. `segmented` says what holds for the speech that ends next.

    While the next one connects, what is heard is kept for it, five seconds at most; nobody is in charge then,
    and nothing is promised. Phrases that the failed one owed an answer for end empty, so that nobody waits
    for them."""

    def __init__(self, transcribers: Sequence[Transcriber]) -> None:
        self._transcribers = Preference(transcribers, self._start_one)
        self._kept: list[Callable[[], None]] = []
        self._switching: asyncio.Task[None] | None = None
        self._speaking = False
        self._owed = 0
        self._pushed = 0  # frames, kept ones too
        self._kept_frames = 0
        self._missed = 0  # of those, what the one in charge was not given
        self._on_transcript: TranscriptSink | None = None
        self._on_failure: FailureSink | None = None
        self.segmented = self._transcribers.current.segmented

    @property
    def provider(self) -> str:
        return self._transcribers.current.provider

    @property
    def turn_patience(self) -> float | None:
        return self._transcribers.current.turn_patience

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        await self._take(0)

    def push(self, heard: bytes, said: bytes) -> None:
        self._pushed += 1
        if self._switching is None:
            self._transcribers.current.push(heard, said)
        elif len(self._kept) < _MOST_KEPT:
            self._kept.append(lambda: self._transcribers.current.push(heard, said))
            self._kept_frames += 1

    def speech_started(self) -> None:
        if self._switching is None:
            self._speaking = True
            self._transcribers.current.speech_started()
        else:
            self._kept.append(self.speech_started)

    def speech_stopped(self) -> None:
        if self._switching is None:
            self._speaking = False
            self._owed += self.segmented
            self._transcribers.current.speech_stopped()
        else:
            self._kept.append(self.speech_stopped)

    async def close(self) -> None:
        switching, self._switching = self._switching, None
        if switching is not None:
            switching.cancel()
            await asyncio.gather(switching, return_exceptions=True)
        await self._transcribers.close()

    async def _take(self, at: int) -> None:
        """Raises the EngineError of the last one if none starts."""
        await self._transcribers.take(at)
        self.segmented = self._transcribers.current.segmented

    async def _start_one(self, at: int) -> None:
        await self._transcribers.engines[at].start(
            lambda transcript: self._heard(at, transcript), lambda error: self._failed(at, error)
        )

    def _heard(self, at: int, transcript: Transcript) -> None:
        if at == self._transcribers.at:
            if transcript.final and self._owed:
                self._owed -= 1
            self._tell(self._timed(transcript))

    def _timed(self, transcript: Transcript) -> Transcript:
        """By the sound that this one was given, and not only the one in charge."""
        if not transcript.words or not self._missed:
            return transcript
        before = self._missed * FRAME_SECONDS
        words = (TimedWord(one.text, one.start + before, one.end + before) for one in transcript.words)
        return replace(transcript, words=tuple(words))

    def _failed(self, at: int, error: EngineError) -> None:
        if at != self._transcribers.at or self._switching is not None:
            return
        if not self._transcribers.has_after(at):
            self._give_up(error)
            return
        fall_back(error)
        self._switching = asyncio.create_task(self._switch(at))
        self._switching.add_done_callback(self._switched)
        if self._speaking:
            self._kept.append(self.speech_started)
        owed, self._owed = self._owed, 0
        for _ in range(owed):
            self._tell(Transcript("", final=True))
        self.segmented = False

    async def _switch(self, failed: int) -> None:
        await self._transcribers.close_one(failed)
        try:
            await self._take(failed + 1)
        except EngineError as error:
            self._give_up(error)
            return
        self._switching = None
        self._missed, self._kept_frames = self._pushed - self._kept_frames, 0
        kept, self._kept = self._kept, []
        for again in kept:
            again()

    def _switched(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("falling back to another transcriber failed", exc_info=error)
            self._give_up(EngineError("transcriber", self.provider, "falling back failed"))

    def _tell(self, transcript: Transcript) -> None:
        if self._on_transcript is not None:
            self._on_transcript(transcript)

    def _give_up(self, error: EngineError) -> None:
        if self._on_failure is not None:
            self._on_failure(error)
