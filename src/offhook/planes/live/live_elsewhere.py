"""What the API asks of the calls that are up, where these are in other processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel

from offhook.planes.link import Asking, Away, Link
from offhook.planes.live.watched import WatchedElsewhere
from offhook.schema.base import document
from offhook.schema.calls.call_watcher import CallWatcher
from offhook.schema.calls.monitored_call import MonitoredCall

READY_SECONDS: Final = 1.0
"""For a call plane to say whether it takes calls."""

TOLD_SECONDS: Final = 2.0
"""For a call plane to take note of a change; one that does not looks by itself before its next call."""

END_SECONDS: Final = 60.0
"""For a call to end; who asks has less patience."""

CONTROL_SECONDS: Final = 30.0
"""For a call to take a control message: another assistant may have to be made ready."""

BEAT_SECONDS: Final = 0.4
"""Between two signs that there is nothing to tell: who has none for a second looks by itself."""


class LiveElsewhere:
    """`api.services.Live` of the call planes that are up."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.asking = Asking(link.tell)
        self.watched = WatchedElsewhere(link, self.asking)
        self._planes: frozenset[str] = frozenset()
        self._of = 1

    def up(self, planes: frozenset[str], of: int) -> None:
        """These call planes serve now, of so many. One that has just begun to may have read what has been
        changed since, and was not told."""
        for plane in planes - self._planes:
            self._link.tell({"to": plane, "what": "changed", "ask": 0})
        self._planes, self._of = planes, of
        self.asking.gone(planes)
        self.watched.up(planes)

    @property
    def all_up(self) -> bool:
        return len(self._planes) == self._of

    async def is_ready(self) -> bool:
        """All of them: a new call is one plane's alone, and not answered while that one is away."""
        return self.all_up and all(await self._all("is_ready", READY_SECONDS))

    async def end_call(self, call_id: str) -> None:
        """Raises Away where a plane that may hold the call cannot be asked."""
        plane = await self._holder(call_id)
        if plane is not None and await self._ask(plane, "end_call", END_SECONDS, call=call_id) is None:
            raise Away("how the call ended is not known")

    async def monitored(self, call_id: str) -> MonitoredCall | None:
        """Raises Away as `end_call` does."""
        plane = await self._holder(call_id)
        if plane is None:
            return None
        found = await self.asking.ask(plane, "monitored", READY_SECONDS, call=call_id)
        return None if found is None else MonitoredCall(**found)

    async def control(self, call_id: str, message: BaseModel) -> str | None:
        """Raises Away as `end_call` does."""
        plane = await self._holder(call_id)
        if plane is None:
            return None
        done = await self.asking.ask(
            plane, "control", CONTROL_SECONDS, call=call_id, message=document(message)
        )
        if done is False:
            raise Away("what became of the message is not known")
        return None if done is None else str(done)

    async def watch(self, call_id: str, watcher: CallWatcher) -> Callable[[], None] | None:
        """Raises Away as `end_call` does."""
        plane = await self._holder(call_id)
        return None if plane is None else await self.watched.watch(plane, call_id, watcher)

    async def _holder(self, call_id: str) -> str | None:
        """The plane that has the call. Whose it is they say at once: one that stands still keeps nobody
        waiting for another one's call. Raises Away if one cannot be asked that may have it."""
        planes, away = self._planes, not self.all_up
        answers = await self._all("has_call", READY_SECONDS, call=call_id)
        for plane, has_it in zip(planes, answers, strict=True):
            if has_it:
                return plane
            away = away or has_it is None
        if away:
            raise Away("a call plane is away")
        return None

    async def forget(self, call_id: str) -> None:
        await self._all("forget", TOLD_SECONDS, call=call_id)

    def deliver(self) -> None:
        for plane in self._planes:
            self._link.tell({"to": plane, "what": "deliver"})

    async def changed(self) -> None:
        """What decides how calls are answered is another now."""
        await self._all("changed", TOLD_SECONDS)

    async def beat(self) -> None:
        """Tell again and again that all changes have been told."""
        while True:
            for plane in self._planes:
                self._link.tell({"to": plane, "what": "nothing"})
            await asyncio.sleep(BEAT_SECONDS)

    async def _all(self, what: str, within: float, **given: Any) -> list[Any]:
        """What each call plane says."""
        return await asyncio.gather(*(self._ask(plane, what, within, **given) for plane in self._planes))

    async def _ask(self, plane: str, what: str, within: float, **given: Any) -> Any:
        """None where it is away."""
        with contextlib.suppress(Away):
            return await self.asking.ask(plane, what, within, **given)
        return None
