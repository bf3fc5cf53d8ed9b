"""Tells when the caller has waited for a reply for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.conversation.events import AssistantLate, Event

FILLER_SECONDS = 3.0
"""When nothing of a reply is heard for so long, the caller is told to wait."""
LATE_SECONDS = 5.0
"""When nothing of a reply is heard for so long, the assistant is late."""


class Lateness:
    """Counts from `start`, unless it counts already, to `stop`. `fill` is called when the caller is to be
    told to wait."""

    __slots__ = ("_fill", "_loop", "_tell", "_timer")

    def __init__(self, tell: Callable[[Event], None], fill: Callable[[], None]) -> None:
        self._tell = tell
        self._fill = fill
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(FILLER_SECONDS, self._silent)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _silent(self) -> None:
        self._timer = self._loop.call_later(LATE_SECONDS - FILLER_SECONDS, self._late)
        self._fill()

    def _late(self) -> None:
        self._timer = None
        self._tell(AssistantLate(LATE_SECONDS))
