"""The one clock of the node: a tick every 20 ms for all legs together."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from bisect import bisect_left
from collections.abc import Callable
from typing import Protocol

from offhook.log_context import CALL

log = logging.getLogger(__name__)

TICK = 0.02
"""Seconds."""

CATCH_UP = 2
"""Ticks that are run one right after the other when the loop was late. What is missed beyond them is left
out: a burst would only overrun the peers' buffers."""

LATENESS_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Seconds; upper bounds of the lateness histogram, whose last bucket is everything later."""


class Ticked(Protocol):
    """What runs at every tick. Hashable, and the same only as itself. `call` is the id of the call it is of,
    for the log."""

    call: str

    def tick(self) -> None: ...

    def failed(self, error: Exception) -> None:
        """`tick` raised `error`, and the clock let go of this."""
        ...


class Clock:
    """Ticks on an absolute schedule while anything is attached, and is at rest otherwise.

    `lateness` counts the ticks by how late they began (see LATENESS_BOUNDS), `skipped` the ticks that were
    left out. The callables in `after_tick` run after all legs, at each tick."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float = TICK) -> None:
        self._loop = loop
        self._interval = interval
        self._attached: dict[Ticked, None] = {}
        self._order: tuple[Ticked, ...] = ()
        self._removed: set[Ticked] = set()
        self._due = 0.0
        self._timer: asyncio.Handle | None = None
        self._context = contextvars.copy_context()  # not that of the leg which sets it going
        self._complained: set[Callable[[], None]] = set()
        self.after_tick: list[Callable[[], None]] = []
        self.ticks = 0
        self.skipped = 0
        self.lateness = [0] * (len(LATENESS_BOUNDS) + 1)

    def __len__(self) -> int:
        return len(self._attached)

    def add(self, ticked: Ticked) -> None:
        """Tick it from the next tick on. During a tick: not yet in this one."""
        self._attached[ticked] = None
        self._order = ()
        self._removed.discard(ticked)
        if self._timer is None:
            self._due = self._loop.time() + self._interval
            self._timer = self._loop.call_at(self._due, self._run, context=self._context)

    def remove(self, ticked: Ticked) -> None:
        """Tick it no more, also not later in the tick that runs now. Does nothing if it is not attached."""
        if ticked in self._attached:
            del self._attached[ticked]
            self._order = ()
            self._removed.add(ticked)
        if not self._attached and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        late = self._loop.time() - self._due
        self.lateness[bisect_left(LATENESS_BOUNDS, late)] += 1
        self.ticks += 1
        self._due += self._interval
        behind = int(late / self._interval)
        if behind > CATCH_UP:
            self.skipped += behind - CATCH_UP
            self._due += (behind - CATCH_UP) * self._interval
        self._timer = self._loop.call_at(self._due, self._run, context=self._context)
        self._tick_all()
        for callback in tuple(self.after_tick):
            try:
                callback()
            except Exception:
                self._complain(callback)

    def _tick_all(self) -> None:
        order = self._order
        if not order:
            order = self._order = tuple(self._attached)
        removed = self._removed
        removed.clear()
        for ticked in order:
            if removed and ticked in removed:
                continue
            # In the clock's own context, so it need not be put back after each leg.
            CALL.set(ticked.call)
            try:
                ticked.tick()
            except Exception as error:
                self._drop(ticked, error)
        CALL.set(None)

    def _drop(self, ticked: Ticked, error: Exception) -> None:
        """One leg's failure is its own: let go of it and tell it."""
        self.remove(ticked)
        log.error("a leg failed and is ticked no more: %r", ticked, exc_info=error)
        try:
            ticked.failed(error)
        except Exception:
            log.exception("the failure of %r could not be handled", ticked)

    def _complain(self, callback: Callable[[], None]) -> None:
        """Once for each callback, not fifty times a second."""
        if callback not in self._complained:
            self._complained.add(callback)
            log.exception("%r failed after a tick", callback)
