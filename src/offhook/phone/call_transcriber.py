"""What the other side of a call says, as text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from offhook.phone.handset import PhoneCall
from offhook.speech.engine_protocols import EngineError, Transcript
from offhook.speech.gate import SpeechBegan, SpeechGate
from offhook.speech.providers.local import LocalTranscriber
from offhook.speech.workers import Workers

_log = logging.getLogger(__name__)

GRACE_SECONDS = 3.0
"""Seconds for the words of the last phrase."""


class CallTranscriber:
    """Transcribes a call with the local engine; `on_words` gets each phrase."""

    def __init__(self, call: PhoneCall, workers: Workers, on_words: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._gate = SpeechGate()
        self._transcriber = LocalTranscriber(workers)
        self._on_words = on_words
        self._speaking = False
        self._owed = 0
        self._settled = asyncio.Event()
        self._settled.set()
        call.on_heard = self._transcriber.push
        call.on_probability = self._judge

    async def start(self) -> None:
        """Raises EngineError."""
        await self._transcriber.start(self._heard, self._failed)

    async def caught_up(self) -> None:
        """Waits, at most GRACE_SECONDS, until `on_words` has got everything that was said so far."""
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._settled.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        """Waits a little for what is being transcribed, then ends."""
        if self._speaking:
            self._stopped()
        await self.caught_up()
        await self._transcriber.close()

    def _judge(self, probability: float) -> None:
        decision = self._gate.feed(probability, self._loop.time())
        if isinstance(decision, SpeechBegan):
            self._speaking = True
            self._settled.clear()
            self._transcriber.speech_started()
        elif decision is not None:
            self._stopped()

    def _stopped(self) -> None:
        self._speaking = False
        self._owed += 1
        self._transcriber.speech_stopped()

    def _heard(self, transcript: Transcript) -> None:
        if not transcript.final:
            return
        self._owed -= 1
        if self._owed <= 0 and not self._speaking:
            self._settled.set()
        if transcript.text.strip():
            self._on_words(transcript.text.strip())

    def _failed(self, error: EngineError) -> None:
        _log.warning("the transcriber failed, and nothing more is transcribed: %s", error)
        self._owed = 0
        self._settled.set()
