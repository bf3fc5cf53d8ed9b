"""Tells when the caller has waited for a reply for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.conversation.events import AssistantLate, Event

LATE_SECONDS = 5.0
"""When nothing of a reply is heard for so long, the assistant is late."""


class Lateness:
    """Counts from `start`, unless it counts already, to `stop`."""

    __slots__ = ("_loop", "_tell", "_timer")

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None

    def start(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(LATE_SECONDS, self._late)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self._tell(AssistantLate(LATE_SECONDS))
