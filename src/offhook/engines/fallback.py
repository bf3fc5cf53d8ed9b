"""When an engine fails, the next one in the list goes on: `fallbackPlan` of transcribers and voices,
`fallbackModels`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from enum import Enum, auto
from typing import NamedTuple

from offhook.engines.circuits import Circuit
from offhook.engines.preference import Preference
from offhook.engines.unspoken import UnspokenTexts
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


class _Hint(Enum):
    STARTED = auto()
    STOPPED = auto()


class _Sound(NamedTuple):
    heard: bytes
    said: bytes


_Given = _Hint | _Sound

_MOST_UNANSWERED = 500
"""Frames: ten seconds, for it takes a while to find out that nobody answers."""
_MOST_KEPT = 260
"""Frames: five seconds and a little. The hints among them are all kept, so that what began ends."""


class FallbackVoice:
    """A text goes to the next voice when one fails, from the word on that has not been given, and so do those
    that follow; the call then stays with that voice."""

    def __init__(self, voices: Sequence[Voice], circuits: Sequence[Circuit] = ()) -> None:
        self._voices = Preference(voices, lambda at: voices[at].start(), circuits)

    @property
    def provider(self) -> str:
        return self._voices.current.provider

    async def start(self) -> None:
        await self._voices.take(0)

    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        unspoken = UnspokenTexts(texts)
        # Whatever has been given, the next one goes on behind it.
        given = self._voices.first_that_gives(unspoken.spoken_by, ends=lambda _: True)
        async with aclosing(given) as sounds:
            async for sound in sounds:
                yield sound

    async def close(self) -> None:
        await self._voices.close()


class FallbackModel:
    """A reply is made by the next model as long as nothing of it has been given; the call then stays with
    that model."""

    def __init__(self, models: Sequence[LanguageModel], circuits: Sequence[Circuit] = ()) -> None:
        self._models = Preference(models, lambda at: models[at].start(), circuits)

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
    and nothing is promised. So is what one that hears as it goes on has not answered for. Phrases that the
    failed one owed an answer for end empty, so that nobody waits for them."""

    def __init__(self, transcribers: Sequence[Transcriber], circuits: Sequence[Circuit] = ()) -> None:
        self._transcribers = Preference(transcribers, self._start_one, circuits)
        self._kept: list[_Given] = []
        self._unanswered: deque[_Given] = deque(
            maxlen=_MOST_UNANSWERED
        )  # to the one in charge, by words for good
        self._most_kept = _MOST_KEPT
        self._switching: asyncio.Task[None] | None = None
        self._speaking = False
        self._owed = 0
        self._pushed = 0  # frames, kept ones too
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
            self._unanswered.append(_Sound(heard, said))
            self._transcribers.current.push(heard, said)
        elif len(self._kept) < self._most_kept:
            self._kept.append(_Sound(heard, said))

    def speech_started(self) -> None:
        if self._switching is not None:
            self._kept.append(_Hint.STARTED)
            return
        self._speaking = True
        self._unanswered.append(_Hint.STARTED)
        self._transcribers.current.speech_started()

    def speech_stopped(self) -> None:
        if self._switching is not None:
            self._kept.append(_Hint.STOPPED)
            return
        self._speaking = False
        self._owed += self.segmented
        self._unanswered.append(_Hint.STOPPED)
        self._transcribers.current.speech_stopped()

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
            if transcript.final:
                self._transcribers.worked(at)
            if transcript.final and self._owed:
                self._owed -= 1
            if transcript.final:
                self._unanswered.clear()
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
        self._transcribers.failed(at, error)
        if not self._transcribers.has_after(at):
            self._give_up(error)
            return
        self._switching = asyncio.create_task(self._switch(at))
        self._switching.add_done_callback(self._switched)
        self._kept = self._to_be_answered()
        self._most_kept = len(self._kept) + _MOST_KEPT
        owed, self._owed = self._owed, 0
        for _ in range(owed):
            self._tell(Transcript("", final=True))
        self.segmented = False

    def _to_be_answered(self) -> list[_Given]:
        """What the next one is given again: sound that the failed one has heard and not answered for,
        beginning with the hint that it is speech. One of whole phrases has taken its phrases with it."""
        unanswered, self._unanswered = list(self._unanswered), deque(maxlen=_MOST_UNANSWERED)
        if self.segmented:
            return [_Hint.STARTED] if self._speaking else []
        hints = [one for one in unanswered if isinstance(one, _Hint)]
        began_before = self._speaking if not hints else hints[0] is _Hint.STOPPED
        return [*([_Hint.STARTED] if began_before else []), *unanswered]

    async def _switch(self, failed: int) -> None:
        await self._transcribers.close_one(failed)
        try:
            await self._take(failed + 1)
        except EngineError as error:
            self._give_up(error)
            return
        self._switching = None
        kept, self._kept = self._kept, []
        frames = sum(isinstance(one, _Sound) for one in kept)
        self._missed = self._pushed - frames
        self._pushed -= frames  # each is counted as it is given
        for one in kept:
            if isinstance(one, _Sound):
                self.push(one.heard, one.said)
            elif one is _Hint.STARTED:
                self.speech_started()
            else:
                self.speech_stopped()

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
