"""What the called party hears and says before it is joined with the caller: an announcement in the
assistant's voice, and, where it is to speak first, its own first words."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from offhook.conversation.audio.playout_queue import PlayoutQueue
from offhook.conversation.audio.spoken_utterance import SpokenPiece, SpokenUtterance
from offhook.conversation.audio.synthesis import VOICE_PATIENCE, next_within
from offhook.conversation.text.chunks import ChunkingPlan, cut_into_pieces
from offhook.conversation.text.speakable import FormattingPlan, speakable
from offhook.media.channel import Channel
from offhook.speech.engine_protocols import EngineError, Voice, closing
from offhook.speech.sentence_voice import sound_of

LONGEST: Final = 2000
"""Characters that are spoken before a transfer. Nobody listens longer."""
SPEAKING_SECONDS: Final = 180.0

ENOUGH_SECONDS: Final = 0.12
"""Seconds of speech that count as an answer: a "yes" is longer, a click shorter."""
PAUSE_SECONDS: Final = 0.6

_log = logging.getLogger(__name__)


class Announcement:
    """One text, in pieces as the voice makes them, on a channel that the party's leg is given."""

    def __init__(self, voice: Voice, call_id: str, channel: Channel) -> None:
        self._voice = voice
        self._call_id = call_id
        self._playout = PlayoutQueue(self, channel)
        self._played = asyncio.Event()

    async def say(self, text: str) -> None:
        """Returns when the text was played. Pieces that the voice cannot make are left out."""
        utterance = SpokenUtterance(said=None, interruptible=False)
        self._playout.put(utterance)
        try:
            async with asyncio.timeout(SPEAKING_SECONDS):
                await self._make(utterance, text[:LONGEST])
                await self._played.wait()
        except TimeoutError:
            _log.error("call=%s the announcement was not heard within %g s", self._call_id, SPEAKING_SECONDS)

    async def _make(self, utterance: SpokenUtterance, text: str) -> None:
        try:
            for words in cut_into_pieces(text, ChunkingPlan()):
                spoken = speakable(words, FormattingPlan())
                if spoken:
                    await self._speak(utterance, spoken)
        except (EngineError, TimeoutError) as error:
            _log.error("call=%s the announcement was cut short: %r", self._call_id, error)
        utterance.close()

    async def _speak(self, utterance: SpokenUtterance, spoken: str) -> None:
        piece = SpokenPiece(spoken)
        utterance.add(piece)
        try:
            async with closing(sound_of(self._voice, spoken)) as parts:
                while (part := await next_within(parts, VOICE_PATIENCE)) is not None:
                    piece.add(part)
        finally:
            piece.complete = True

    # -- what the playout tells -----------------------------------------------------------------

    def utterance_began(self, utterance: SpokenUtterance) -> None:
        """What the party says meanwhile changes nothing."""

    def piece_played(self, utterance: SpokenUtterance, piece: SpokenPiece) -> None:
        """Only the end of the last piece matters."""

    def utterance_finished(self, utterance: SpokenUtterance) -> None:
        self._played.set()


class FirstWords:
    """Waits until the party has said something and paused."""

    def __init__(self, channel: Channel) -> None:
        self._spoken = False
        self._pause: asyncio.TimerHandle | None = None
        self._done = asyncio.Event()
        channel.listener = self

    async def heard(self, seconds: float) -> bool:
        """False if nothing was said within the time given."""
        try:
            async with asyncio.timeout(seconds):
                await self._done.wait()
        except TimeoutError:
            return False
        finally:
            self._go_on()
        return True

    def hear(self, heard: bytes, said: bytes) -> None:
        """Only the voice activity counts here."""

    def voice_began(self, at: float) -> None:
        self._go_on()

    def voice_went_on(self, seconds: float) -> None:
        self._spoken = self._spoken or seconds >= ENOUGH_SECONDS

    def voice_ended(self, at: float) -> None:
        if self._spoken:
            self._pause = asyncio.get_running_loop().call_at(at + PAUSE_SECONDS, self._done.set)

    def _go_on(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
