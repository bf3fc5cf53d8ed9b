"""What the routes need from the rest of the house."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from offhook.links import RecordingLinks
from offhook.settings import Settings
from offhook.store import Database


class Live(Protocol):
    """The calls that this node holds now; `calls/` implements it."""

    async def is_ready(self) -> bool:
        """True while SIP answers new calls: false before it listens and once the node drains."""
        ...

    async def end_call(self, call_id: str) -> None:
        """Hang up and return when the call's last state is stored. Returns at once for any other call.
        Raises ConnectionError while nobody can tell."""
        ...

    async def forget(self, call_id: str) -> None:
        """All messages of this call are erased: none of them goes out any more."""
        ...

    def deliver(self) -> None:
        """There are messages to deliver: look now instead of a little later."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Built once by the composition root. `now` gives seconds since the epoch."""

    database: Database
    settings: Settings
    live: Live
    links: RecordingLinks
    now: Callable[[], float]
    rng: random.Random
    node: str
    """The name of this node, which calls are held under."""

    @property
    def recordings(self) -> Path:
        return self.settings.recordings
