"""Tasks that a node cannot be without: when one of them ends, the node stops and says so, instead of going on
as if all were well."""

from __future__ import annotations

import asyncio
import logging

from offhook.network import words_of

_log = logging.getLogger(__name__)


class Vital:
    """Watches until `close`. `reason` is one line once one has ended."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.reason = ""
        self._closing = False

    def watch(self, what: str, task: asyncio.Task[None]) -> None:
        task.add_done_callback(lambda ended: self._ended(what, ended))

    def close(self) -> None:
        """From now on tasks end because the node does."""
        self._closing = True

    def _ended(self, what: str, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._closing or self.lost.is_set():
            return
        why = "without a reason" if error is None else words_of(error)
        self.reason = f"{what} has ended ({why}), and nothing works without it: the node stops"
        _log.critical("%s", self.reason, exc_info=error)
        self.lost.set()
