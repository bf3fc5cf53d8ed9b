"""Things to do later, for a loop over `select`."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Agenda:
    """Times are `time.monotonic()` seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, what))

    def next_in(self, now: float) -> float:
        """Seconds until the next thing; an hour if there is none."""
        return self._heap[0][0] - now if self._heap else 3600.0

    def run(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
