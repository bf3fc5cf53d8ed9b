"""Tells when the caller has waited for a reply for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.conversation.audio.spoken_utterance import SpokenUtterance
from offhook.conversation.events import AssistantLate, Event

FILLER_SECONDS = 3.0
"""When nothing of a reply is heard for so long, the caller is told to wait."""
LATE_SECONDS = 5.0
"""When nothing of a reply is heard for so long, the assistant is late."""


class Lateness:
    """Counts from `start`, unless it counts already, to `stop`. `fill` is called when the caller is to be
    told to wait, and says so; `take_back` with what it says, when nobody needs to wait any more: it may be
    behind the reply in the queue."""

    __slots__ = ("_fill", "_loop", "_said", "_take_back", "_tell", "_timer")

    def __init__(
        self,
        tell: Callable[[Event], None],
        fill: Callable[[], SpokenUtterance | None],
        take_back: Callable[[SpokenUtterance], None],
    ) -> None:
        self._tell = tell
        self._fill = fill
        self._take_back = take_back
        self._said: SpokenUtterance | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(FILLER_SECONDS, self._silent)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        said, self._said = self._said, None
        if said is not None:
            self._take_back(said)

    def _silent(self) -> None:
        self._timer = self._loop.call_later(LATE_SECONDS - FILLER_SECONDS, self._late)
        self._said = self._fill()

    def _late(self) -> None:
        self._timer = None
        self._tell(AssistantLate(LATE_SECONDS))
