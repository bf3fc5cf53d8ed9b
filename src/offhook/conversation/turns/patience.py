"""How long a conversation waits after the caller's words, by the plan, the owner's server and the caller's
rhythm."""

from __future__ import annotations

from collections.abc import Callable

from offhook.conversation.events import World
from offhook.conversation.turns.endpointing import Ending, EndpointingPlan
from offhook.conversation.turns.endpointing_request import EndpointingRequest
from offhook.conversation.turns.rhythm import MOST_SECONDS, CallerRhythm
from offhook.speech.engine_protocols import Transcriber


class Patience:
    """`known` is called when the owner's server has said how long to wait. `turn_ended`: the transcriber that
    judges by itself has it that the caller's turn is over."""

    __slots__ = ("_ending", "_request", "_rhythm", "turn_ended")

    def __init__(self, world: World, known: Callable[[], None]) -> None:
        self._request = EndpointingRequest(world, known)
        self._rhythm = CallerRhythm()
        self._ending: Ending | None = None  # of the words that were last waited after
        self.turn_ended = False

    def close(self) -> None:
        self._request.close()

    def went_on(self, pause: float) -> None:
        """The caller goes on with a turn after so many seconds of silence."""
        if self._ending is not None and pause <= MOST_SECONDS:
            self._rhythm.paused(pause, self._ending)
        self._ending = None

    def after(self, words: str, assistant: str, plan: EndpointingPlan, transcriber: Transcriber) -> float:
        """Seconds from the end of the caller's speech to the earliest reply. `assistant`: what it said
        last."""
        if plan.asks and plan.ruled(words, assistant) is None:
            seconds = self._request.wait_after(words, plan.server)
            if seconds is not None:
                return max(plan.wait_seconds, seconds)
        judged = transcriber.turn_patience
        if judged is not None and self.turn_ended:
            judged = 0.0
        wait = plan.wait(words, assistant, transcriber.segmented, judged)
        self._ending = plan.ending(words, assistant)
        if judged is not None or plan.fixed(words, assistant):
            return wait
        return self._rhythm.wait(self._ending, wait)
