"""What the called party hears and says before it is joined with the caller: an announcement in the
assistant's voice, and, where it is to speak first, its own first words."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from offhook.conversation.chunks import ChunkPlan, cut_into_pieces
from offhook.conversation.speakable import FormatPlan, speakable
from offhook.conversation.voicing import VOICE_PATIENCE, closing, next_within
from offhook.speech.activity import CHUNK_SECONDS, VoiceActivity
from offhook.speech.base import FRAME_BYTES, EngineError, Voice

LONGEST: Final = 2000
"""Characters that are spoken; nobody listens longer than that before a call."""
SPEAKING_SECONDS: Final = 180.0

SPEECH: Final = 0.5
"""Probability above which a piece of sound is speech, and below `PAUSE` it is none."""
PAUSE: Final = 0.35
ENOUGH_SECONDS: Final = 0.12
"""Of speech, for somebody to have spoken: a "yes" is longer, a click shorter."""
PAUSE_SECONDS: Final = 0.6

_log = logging.getLogger(__name__)


class Announcement:
    """One text, in pieces as the voice makes them. An audio source and sink of the party's leg."""

    def __init__(self, voice: Voice, call_id: str) -> None:
        self._voice = voice
        self._call_id = call_id
        self._audio = bytearray()
        self._whole = False
        self._played = asyncio.Event()

    async def say(self, text: str) -> None:
        """Returns when it was played. What the voice does not manage to say is left out."""
        try:
            async with asyncio.timeout(SPEAKING_SECONDS):
                await self._make(text[:LONGEST])
                while self._audio:
                    await self._played.wait()
        except TimeoutError:
            _log.error("call=%s the announcement was not heard within %g s", self._call_id, SPEAKING_SECONDS)

    async def _make(self, text: str) -> None:
        try:
            for piece in cut_into_pieces(text, ChunkPlan()):
                await self._speak(speakable(piece, FormatPlan()))
        except (EngineError, TimeoutError) as error:
            _log.error("call=%s the announcement was cut short: %r", self._call_id, error)
        self._whole = True

    async def _speak(self, piece: str) -> None:
        if not piece:
            return
        async with closing(self._voice.speak(piece)) as parts:
            while (part := await next_within(parts, VOICE_PATIENCE)) is not None:
                self._audio += part

    def next_frame(self) -> bytes | None:
        audio = self._audio
        if len(audio) < FRAME_BYTES and not (self._whole and audio):
            return None
        frame = bytes(audio[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
        del audio[:FRAME_BYTES]
        if self._whole and not audio:
            self._played.set()
        return frame

    def exchanged(self, heard: bytes, said: bytes) -> None:
        """What the party says meanwhile changes nothing."""

    def digit(self, digit: str, milliseconds: int) -> None:
        """Nor do keys."""


class FirstWords:
    """Waits until the party has said something and paused."""

    def __init__(self, activity: VoiceActivity) -> None:
        self._channel = activity.open(self._judged)
        self._spoken = 0.0
        self._paused = 0.0
        self._done = asyncio.Event()

    async def heard(self, seconds: float) -> bool:
        """False when nothing was said for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._done.wait()
        except TimeoutError:
            return False
        finally:
            self._channel.close()
        return True

    def _judged(self, probability: float) -> None:
        if probability > SPEECH:
            self._spoken += CHUNK_SECONDS
            self._paused = 0.0
        elif probability < PAUSE and self._spoken >= ENOUGH_SECONDS:
            self._paused += CHUNK_SECONDS
            if self._paused >= PAUSE_SECONDS:
                self._done.set()

    def next_frame(self) -> bytes | None:
        return None

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self._channel.push(heard)

    def digit(self, digit: str, milliseconds: int) -> None:
        """A key is no word."""
