"""Calls that the API follows where they are: in other processes of the node. Each side has its half."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from offhook.planes.link import Asking, Link
from offhook.schema.calls.call_watcher import CallEvent, CallWatcher

WATCH_SECONDS: Final = 1.0
"""For a call plane to begin to tell of a call."""


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
        if watched is None:
            self._link.tell({"to": plane, "what": "unwatch", "number": number})
            return
        if event is None:
            del self._watched[number]
        watched.watcher(event)

    def up(self, planes: frozenset[str]) -> None:
        """Only these call planes are there now, and tell of calls."""
        gone = [number for number, watched in self._watched.items() if watched.plane not in planes]
        for watched in [self._watched.pop(number) for number in gone]:
            watched.watcher(None)

    def _end(self, number: int) -> None:
        watched = self._watched.pop(number, None)
        if watched is not None:
            self._link.tell({"to": watched.plane, "what": "unwatch", "number": number})


class WatchedHere:
    """A call plane's half. What the socket has no room for ends what it would have been told to."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._ends: dict[tuple[str, int], Callable[[], None]] = {}

    def watch(self, api: str, number: int, add: Callable[[CallWatcher], Callable[[], None] | None]) -> bool:
        """Whether there is such a call; `add` adds a watcher to it."""

        def watcher(event: CallEvent | None) -> None:
            told = self._link.tell({"to": api, "watched": number, "event": event})
            if event is None or not told:
                self.unwatch(api, number)

        end = add(watcher)
        if end is not None:
            self._ends[api, number] = end
        return end is not None

    def unwatch(self, api: str, number: int) -> None:
        end = self._ends.pop((api, number), None)
        if end is not None:
            end()
