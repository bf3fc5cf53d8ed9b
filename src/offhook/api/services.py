"""What the routes need from the rest of the house."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from offhook.links import RecordingLinks
from offhook.schema.calls.call_watcher import CallWatcher
from offhook.schema.calls.monitored_call import MonitoredCall
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

    async def monitored(self, call_id: str) -> MonitoredCall | None:
        """What may be done from outside with a call that goes on; None for any other. Raises ConnectionError
        while nobody can tell."""
        ...

    async def control(self, call_id: str, message: BaseModel) -> str | None:
        """Let the call do what this control message says, which is checked: "" once it has taken it, else why
        it does not; None for a call that does not go on. Raises ConnectionError while nobody can tell."""
        ...

    async def watch(self, call_id: str, watcher: CallWatcher) -> Callable[[], None] | None:
        """Tell the watcher what happens in a call of this node that goes on, until it has ended or nobody can
        tell any more; what this returns ends it before. None for any other call. Raises ConnectionError while
        nobody can tell."""
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
