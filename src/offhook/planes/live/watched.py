"""Calls that the API follows where they are: in other processes of the node. Each side has its half."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from offhook.planes.link import Asking, Link
from offhook.schema.calls.call_watcher import LOST, CallEvent, CallWatcher

WATCH_SECONDS: Final = 1.0
"""For a call plane to begin to tell of a call."""

REPEAT_SECONDS: Final = 1.0
"""Between two times that an API is told that no more comes: a socket on the way may have no room for it."""


@dataclass(frozen=True, slots=True)
class _Watched:
    plane: str
    watcher: CallWatcher


class WatchedElsewhere:
    """The API's half. What it follows has a number that the process before this one cannot have given."""

    def __init__(self, link: Link, asking: Asking) -> None:
        self._link = link
        self._asking = asking
        self._numbers = itertools.count(random.getrandbits(48))
        self._watched: dict[int, _Watched] = {}

    async def watch(self, plane: str, call_id: str, watcher: CallWatcher) -> Callable[[], None] | None:
        """None where the call has just ended. Raises Away."""
        number = next(self._numbers)
        self._watched[number] = _Watched(plane, watcher)
        begun = False
        try:
            begun = await self._asking.ask(plane, "watch", WATCH_SECONDS, call=call_id, number=number)
        finally:
            if not begun:
                self._end(number)
        return (lambda: self._end(number)) if begun else None

    def told(self, plane: str, number: int, event: CallEvent | None) -> None:
        """That plane tells what it was asked for under this number."""
        watched = self._watched.get(number)
        if watched is None or event in (None, LOST):
            self._watched.pop(number, None)
            self._link.tell({"to": plane, "what": "unwatch", "number": number})
        if watched is not None:
            watched.watcher(event)

    def up(self, planes: frozenset[str]) -> None:
        """Only these call planes are there now, and tell of calls."""
        gone = [number for number, watched in self._watched.items() if watched.plane not in planes]
        for watched in [self._watched.pop(number) for number in gone]:
            watched.watcher(LOST)

    def _end(self, number: int) -> None:
        watched = self._watched.pop(number, None)
        if watched is not None:
            self._link.tell({"to": watched.plane, "what": "unwatch", "number": number})


class WatchedHere:
    """A call plane's half. What the socket has no room for is the last that an API would have been told. That
    there is no more is repeated until the API has taken note of it: who follows a call would else wait for
    ever."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._ends: dict[tuple[str, int], Callable[[], None]] = {}

    def watch(self, api: str, number: int, add: Callable[[CallWatcher], Callable[[], None] | None]) -> bool:
        """Whether there is such a call; `add` adds a watcher to it."""

        def watcher(event: CallEvent | None) -> None:
            if event is not None and self._link.tell({"to": api, "watched": number, "event": event}):
                return
            self.unwatch(api, number)
            self._no_more(api, number, None if event is None else LOST)

        end = add(watcher)
        if end is not None:
            self._ends[api, number] = end
        return end is not None

    def _no_more(self, api: str, number: int, last: CallEvent | None) -> None:
        again = asyncio.get_running_loop().call_later(REPEAT_SECONDS, self._no_more, api, number, last)
        self._ends[api, number] = again.cancel
        self._link.tell({"to": api, "watched": number, "event": last})

    def unwatch(self, api: str, number: int) -> None:
        end = self._ends.pop((api, number), None)
        if end is not None:
            end()
