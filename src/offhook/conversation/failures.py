"""What goes wrong in a conversation: an engine that fails ends the call after an apology, never in silence;
anything else is logged and lived with."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from offhook.conversation.active_assistant import Member, ended_reason
from offhook.conversation.audio.synthesis import Mouth
from offhook.conversation.events import EngineFailed, Event
from offhook.conversation.farewell import Farewell
from offhook.conversation.text.chunks import ChunkPlan, cut_into_pieces
from offhook.conversation.text.speakable import FormatPlan, speakable
from offhook.language.base import ModelError
from offhook.speech.base import EngineError, Voice

log = logging.getLogger(__name__)

APOLOGY = "I'm sorry, something went wrong on our side and I have to end the call. Goodbye."


async def rehearse(emergency: Voice) -> None:
    """Let a voice that keeps what it has said make the apology, so that it can be heard when nothing works.
    Raises EngineError."""
    for piece in cut_into_pieces(APOLOGY, ChunkPlan()):
        async for _ in emergency.speak(speakable(piece, FormatPlan())):
            pass


class FailureStage(Protocol):
    """What is needed of the conversation."""

    member: Member

    @property
    def mouth(self) -> Mouth: ...

    def tell(self, event: Event) -> None: ...

    def cut_off(self) -> None:
        """Be silent at once, and give up what was to be said."""
        ...

    def finish(self, reason: str, message: str) -> None: ...


class Failures:
    """`emergency`: a voice that speaks the apology when the assistant's own voice has failed."""

    def __init__(
        self, stage: FailureStage, farewell: Farewell, emergency: Voice | None, call_id: str
    ) -> None:
        self.first: EngineError | ModelError | None = None
        """A failure that nobody has been told of yet, or that ends the call."""
        self._stage = stage
        self._farewell = farewell
        self._emergency = emergency
        self._call_id = call_id
        self._known: set[str] = set()

    def apologise(self, error: EngineError | ModelError) -> None:
        """Apologise, with another voice if this one failed, and end the call."""
        reason = ended_reason(error)
        log.error("call=%s ends with %s: %s", self._call_id, reason, error.unquoted)
        self.first = error
        self._stage.tell(EngineFailed(reason, str(error), error.unquoted))
        speechless = isinstance(error, EngineError) and error.stage == "voice"
        voice = self._stage.member.engines.voice
        # What has failed beside the voice, and is run by the same, may have taken the voice with it.
        doubtful = isinstance(error, EngineError) and error.provider == voice.provider
        if self._farewell.reason is not None:
            if speechless:
                self._farewell.now(self._farewell.reason)
            return
        self._stage.cut_off()
        if self._emergency is not None and (speechless or doubtful):
            self._stage.mouth.adopt(self._emergency, ChunkPlan(), FormatPlan())
        elif speechless:
            self._farewell.now(reason)
            return
        self.first = None  # a second failure, of the apology, ends the call at once
        self._stage.finish(reason, APOLOGY)

    def broken(self, what: str) -> None:
        """To be called from an except clause; each kind of trouble is logged once."""
        if what not in self._known:
            self._known.add(what)
            log.exception("call=%s %s failed", self._call_id, what)

    def unnoticed(self, task: asyncio.Task[None]) -> None:
        """To be called with a task that nobody waits for, when it has ended."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call=%s something in the background failed", self._call_id, exc_info=error)
