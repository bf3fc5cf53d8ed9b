"""`fallbackPlan`: when an engine fails, the next one in the list goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from offhook.speech.base import EngineError, FailureSink, Transcriber, Transcript, TranscriptSink, Voice

log = logging.getLogger(__name__)

_MOST_KEPT = 260
"""Frames: five seconds and a little. The hints among them are all kept, so that what began ends."""


class FallbackVoice:
    """Voices in the order of preference. A sentence goes to the next voice as long as nothing of it has been
    given; the call then stays with that voice."""

    def __init__(self, voices: Sequence[Voice]) -> None:
        self._voices = list(voices)
        self._at = 0
        self._started: set[int] = set()
        self.provider = self._voices[0].provider

    async def start(self) -> None:
        await self._start_from(self._at)

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        while True:
            at = self._at
            given = False
            voice = self._voices[at]
            pieces = voice.speak(text)
            try:
                async for piece in pieces:
                    given = True
                    yield piece
                return
            except EngineError as error:
                if given or at + 1 >= len(self._voices):
                    raise
                log.warning("falling back to the next voice: %s", error.unquoted)
            finally:
                await _end(pieces)
            await self._start_from(at + 1)

    async def close(self) -> None:
        for at in sorted(self._started):
            await self._voices[at].close()
        self._started.clear()

    async def _start_from(self, at: int) -> None:
        """Raises the EngineError of the last voice if none starts."""
        while True:
            try:
                if at not in self._started:
                    await self._voices[at].start()
                    self._started.add(at)
            except EngineError as error:
                if at + 1 >= len(self._voices):
                    raise
                log.warning("falling back to the next voice: %s", error.unquoted)
                at += 1
            else:
                self._at = max(self._at, at)
                self.provider = self._voices[self._at].provider
                return


async def _end(pieces: AsyncIterator[bytes]) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


class FallbackTranscriber:
    """Transcribers in the order of preference; `provider` and `segmented` are those of the one in charge, so
    they may change in the middle of a call. `segmented` says what holds for the speech that ends next.

    While the next one connects, what is heard is kept for it, five seconds at most; nobody is in charge then,
    and nothing is promised. Phrases that the failed one owed an answer for end empty, so that nobody waits
    for them."""

    def __init__(self, transcribers: Sequence[Transcriber]) -> None:
        self._transcribers = list(transcribers)
        self._at = 0
        self._kept: list[Callable[[], None]] = []
        self._switching: asyncio.Task[None] | None = None
        self._speaking = False
        self._owed = 0
        self._on_transcript: TranscriptSink | None = None
        self._on_failure: FailureSink | None = None
        self.provider = self._transcribers[0].provider
        self.segmented = self._transcribers[0].segmented

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        await self._start_from(0)

    def push(self, heard: bytes, said: bytes) -> None:
        if self._switching is None:
            self._transcribers[self._at].push(heard, said)
        elif len(self._kept) < _MOST_KEPT:
            self._kept.append(lambda: self.push(heard, said))

    def speech_started(self) -> None:
        if self._switching is None:
            self._speaking = True
            self._transcribers[self._at].speech_started()
        else:
            self._kept.append(self.speech_started)

    def speech_stopped(self) -> None:
        if self._switching is None:
            self._speaking = False
            self._owed += self.segmented
            self._transcribers[self._at].speech_stopped()
        else:
            self._kept.append(self.speech_stopped)

    async def close(self) -> None:
        switching, self._switching = self._switching, None
        if switching is not None:
            switching.cancel()
            await asyncio.gather(switching, return_exceptions=True)
        await self._transcribers[self._at].close()

    async def _start_from(self, at: int) -> None:
        """Raises the EngineError of the last one if none starts."""
        while True:
            self._at = at
            self.provider = self._transcribers[at].provider
            try:
                await self._start_one(at)
                self.segmented = self._transcribers[at].segmented
                return
            except EngineError as error:
                if at + 1 >= len(self._transcribers):
                    raise
                log.warning("falling back to the next transcriber: %s", error.unquoted)
                at += 1

    async def _start_one(self, at: int) -> None:
        await self._transcribers[at].start(
            lambda transcript: self._heard(at, transcript), lambda error: self._failed(at, error)
        )

    def _heard(self, at: int, transcript: Transcript) -> None:
        if at == self._at:
            if transcript.final and self._owed:
                self._owed -= 1
            self._tell(transcript)

    def _failed(self, at: int, error: EngineError) -> None:
        if at != self._at or self._switching is not None:
            return
        if at + 1 >= len(self._transcribers):
            self._give_up(error)
            return
        log.warning("falling back to the next transcriber: %s", error.unquoted)
        self._switching = asyncio.create_task(self._switch(at))
        self._switching.add_done_callback(self._switched)
        if self._speaking:
            self._kept.append(self.speech_started)
        owed, self._owed = self._owed, 0
        for _ in range(owed):
            self._tell(Transcript("", final=True))
        self.segmented = False

    async def _switch(self, failed: int) -> None:
        await self._transcribers[failed].close()
        try:
            await self._start_from(failed + 1)
        except EngineError as error:
            self._give_up(error)
            return
        self._switching = None
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
