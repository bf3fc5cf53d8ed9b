"""The API plane in a process of its own."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any

from offhook.bootstrap import first_start
from offhook.planes.api_plane import api_plane
from offhook.planes.child import Child
from offhook.planes.link import Frame
from offhook.planes.live.live_elsewhere import LiveElsewhere
from offhook.schema.calls.call_watcher import CallEvent


class ApiProcess(Child):
    """Serves once all call planes do: what a first start makes is made when nothing more can fail. Once the
    node has served it waits for none of them."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._live = LiveElsewhere(self.link)
        self._may_start = asyncio.Event()

    async def start(self, stack: AsyncExitStack) -> dict[str, Any]:
        _, number = self.descriptors  # the first holds the data folder
        listening = socket.socket(fileno=number)
        await self._may_start.wait()
        ground = await self.ground(stack)
        started = await first_start(ground.database, ground.settings)
        ground.database.announce = self._live.changed
        # The process before this one may have died between a change and its word.
        await self._live.changed()
        await api_plane(ground, self._live, listening, stack)
        self.later(self._live.beat())
        return {"key": started.key, "demo": started.demo}

    def received(self, frame: Frame) -> None:
        super().received(frame)
        if "up" in frame:
            self._live.up(frozenset(frame["up"]), frame["of"])
            if self._live.all_up or frame["served"]:
                self._may_start.set()
        elif "answer" in frame:
            self._live.asking.answered(frame)
        elif "watched" in frame:
            event = None if frame["event"] is None else CallEvent(*frame["event"])
            self._live.watched.told(frame["from"], frame["watched"], event)
