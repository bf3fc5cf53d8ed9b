"""An engine that fails ends the call after an apology, never in silence; whatever else goes wrong in a
conversation is logged, and the conversation goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from offhook.conversation.active_assistant import ended_reason
from offhook.conversation.events import EngineFailed, Event
from offhook.conversation.farewell import Farewell
from offhook.conversation.handover.active_assistants import ActiveAssistants
from offhook.conversation.own_words import APOLOGY
from offhook.conversation.text.chunks import ChunkingPlan, cut_into_pieces
from offhook.conversation.text.speakable import FormattingPlan, speakable
from offhook.conversation.turn_taking import TurnTaking
from offhook.speech.engine_protocols import EngineError, Voice
from offhook.speech.sentence_voice import sound_of

log = logging.getLogger(__name__)


async def prepare_apology(emergency: Voice) -> None:
    """Have a voice that keeps what it has made speak the apology once, so that it can be played when no
    engine works. Raises EngineError."""
    for piece in cut_into_pieces(APOLOGY, ChunkingPlan()):
        async for _ in sound_of(emergency, speakable(piece, FormattingPlan())):
            pass


class EngineFailures:
    """Keeps the first failure of an engine until failures are answered (`attend`); those after it are left
    out."""

    def __init__(self, call_id: str) -> None:
        self.first: EngineError | None = None
        """The failure that was not answered yet, or that ends the call."""
        self._call_id = call_id
        self._known: set[str] = set()
        self._answer: Callable[[EngineError], None] | None = None

    def report(self, error: EngineError) -> None:
        if self.first is None:
            self.first = error
            if self._answer is not None:
                self._answer(error)

    def attend(self, answer: Callable[[EngineError], None]) -> None:
        """From now on `answer` is called with each failure; with one that has come already, at once."""
        self._answer = answer
        if self.first is not None:
            answer(self.first)

    def log_exception(self, what: str) -> None:
        """To be called from an except clause; each kind of trouble is logged once."""
        if what not in self._known:
            self._known.add(what)
            log.exception("call=%s %s failed", self._call_id, what)

    def log_ended_task(self, task: asyncio.Task[None]) -> None:
        """To be called with a task that nobody waits for, when it has ended."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call=%s a background task failed", self._call_id, exc_info=error)


class Apology:
    """Ends a call of which an engine has failed. `emergency`: a voice that speaks the apology when the
    assistant's own voice has failed. `finish`: ends the call with these last words."""

    def __init__(
        self,
        failures: EngineFailures,
        assistants: ActiveAssistants,
        turn_taking: TurnTaking,
        farewell: Farewell,
        tell: Callable[[Event], None],
        finish: Callable[[str, str], None],
        emergency: Voice | None,
        call_id: str,
    ) -> None:
        self._failures = failures
        self._assistants = assistants
        self._turn_taking = turn_taking
        self._farewell = farewell
        self._tell = tell
        self._finish = finish
        self._emergency = emergency
        self._call_id = call_id

    def make(self, error: EngineError) -> None:
        """Apologise, with another voice if this one failed, and end the call. The other voice speaks English:
        to who speaks another language nothing is said rather than that."""
        reason = ended_reason(error)
        log.error("call=%s ends with %s: %s", self._call_id, reason, error.unquoted)
        self._tell(EngineFailed(reason, str(error), error.unquoted))
        speechless = error.stage == "voice"
        voice = self._assistants.current.engines.voice
        # A transcriber of the voice's own provider may have taken the voice with it.
        doubtful = error.stage == "transcriber" and error.provider == voice.provider
        if self._farewell.reason is not None:
            if speechless:
                self._farewell.hang_up(self._farewell.reason)
            return
        self._turn_taking.cut_off()
        profile = self._assistants.current.profile
        if self._emergency is not None and (speechless or doubtful) and profile.own_language is None:
            self._turn_taking.synthesis.adopt(self._emergency, ChunkingPlan(), FormattingPlan())
        elif speechless:
            self._farewell.hang_up(reason)
            return
        self._failures.first = None  # a second failure, of the apology, ends the call at once
        self._finish(reason, profile.own(APOLOGY))
