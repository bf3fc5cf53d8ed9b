"""Those who follow one call while it goes on: each is told what happens, and once that there is no more."""

from __future__ import annotations

import logging
from collections.abc import Callable

from offhook.schema.calls.call_watcher import CallEvent, CallWatcher

_log = logging.getLogger(__name__)


class Watchers:
    """None of them can harm the call, or keep another one from what it is told."""

    __slots__ = ("_watchers",)

    def __init__(self) -> None:
        self._watchers: list[CallWatcher] = []

    def __bool__(self) -> bool:
        return bool(self._watchers)

    def add(self, watcher: CallWatcher) -> Callable[[], None]:
        """What it returns ends it; the watcher is told nothing then."""
        self._watchers.append(watcher)

        def end() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return end

    def tell(self, event: CallEvent) -> None:
        for watcher in tuple(self._watchers):
            _tell(watcher, event)

    def over(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            _tell(watcher, None)


def _tell(watcher: CallWatcher, event: CallEvent | None) -> None:
    try:
        watcher(event)
    except Exception:
        _log.exception("who watches the call could not be told")
