"""A process that is to be there, as its supervisor sees it: what it told, and how long it is waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from offhook.json_document import PlaneMessage
from offhook.planes.link import Link
from offhook.process import Ends

LOOK_SECONDS: Final = 1.0

START_LOOKS: Final = 180
"""Until it serves: with many calls to end of the process before, on a slow machine."""

SILENT_LOOKS: Final = 30
"""Without a word from one that serves, which gives one every few seconds. Counted in looks, not in time: the
supervisor may have been stopped itself."""


@dataclass(slots=True)
class Plane:
    """`number` among those of its `kind`. `calls` that were up when it was told to drain; `drained`, once
    there are none; `holds`: how many are up, as it told last. `media`: the process at its side that carries
    sound, by its own words. `looks` since it was started, or said something; `unserved`: how many in a row
    have ended before they served."""

    name: str
    kind: str
    number: int
    pid: int = 0
    calls: int | None = None
    drained: bool = False
    holds: int | None = None
    link: Link | None = None
    since: float = 0.0
    ready: bool = False
    restarts: int = 0
    ended: str = ""
    media: PlaneMessage | None = None
    ends: Ends = field(default_factory=Ends)
    looks: int = 0
    unserved: int = 0

    def tell(self, **frame: Any) -> bool:
        return self.link is not None and self.link.tell(frame)

    def began(self, pid: int, now: float) -> None:
        self.pid, self.since, self.ready, self.looks, self.ended = pid, now, False, 0, ""
        self.holds = None

    def shown(self) -> PlaneMessage:
        """What others on this machine can know of it."""
        shown: PlaneMessage = {
            "plane": self.name,
            "process": self.pid,
            "since": round(self.since),
            "restarts": self.restarts,
            "up": self.ready,
        }
        return shown if self.holds is None else {**shown, "calls": self.holds}

    def hangs(self) -> str:
        """One look more at it: why its process has to be ended, if it has to."""
        self.looks += 1
        if self.ready and self.looks > SILENT_LOOKS:
            return f"said nothing for {SILENT_LOOKS * LOOK_SECONDS:g} s"
        if not self.ready and self.looks > START_LOOKS:
            return f"did not serve within {START_LOOKS * LOOK_SECONDS:g} s"
        return ""
