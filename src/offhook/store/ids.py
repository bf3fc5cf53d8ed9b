"""Identifiers are UUIDs. Those of calls have version 7 (RFC 9562 §5.7), so that newer rows are stored after
older ones. All others have version 4: tools tell resources apart by their first digits, which UUIDs of
version 7 share for a minute."""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID


class IdMaker:
    """Call it for a call's id, and `random` for any other id. `now` gives seconds since the epoch. The ids of
    calls always grow: within a millisecond, and when the clock is set back, the 12 bits after the time are
    counted up (RFC 9562 §6.2)."""

    __slots__ = ("_counter", "_last", "_now", "_rng")

    def __init__(self, now: Callable[[], float], rng: random.Random) -> None:
        self._now = now
        self._rng = rng
        self._last = 0
        self._counter = 0

    def __call__(self) -> str:
        milliseconds = int(self._now() * 1000)
        if milliseconds > self._last:
            self._last, self._counter = milliseconds, self._rng.getrandbits(8)
        else:
            self._counter += 1
            if self._counter > 0xFFF:
                self._last, self._counter = self._last + 1, 0
        number = self._last << 80 | 7 << 76 | self._counter << 64 | 2 << 62 | self._rng.getrandbits(62)
        return str(UUID(int=number))

    def random(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))
