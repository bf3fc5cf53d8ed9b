"""Shares the loop between what strangers send and everything else: so much in each round of the loop, then
everything else.

A single message is bounded where it is read. But hundreds may arrive at once, on hundreds of connections, and
between two of them the loop runs no timer: 20 ms of audio would wait for all of them. So whoever has such
work asks for a turn with its cost, and gets it at once while there is room in the round."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

ROUND: Final = 2000
"""What may be done in one round of the loop. A cost of one is about a microsecond."""

Work = Callable[[], None]


class Lane:
    """Work of one kind, done in the order in which it came. Lanes with work take turns, so that none waits
    for everything in another. `len()` is the work that waits."""

    __slots__ = ("_turns", "_waiting")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._waiting: deque[tuple[int, Work]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, cost: int, work: Work) -> None:
        """Does `work` at once, or in a later round. It must not raise."""
        if not self._waiting and self._turns.has_room():
            self._turns.spend(cost)
            work()
            return
        if not self._waiting:
            self._turns.queue(self)
        self._waiting.append((cost, work))

    async def turn(self, cost: int) -> None:
        """Waits until it is the caller's turn to do something of that cost."""
        if not self._waiting and self._turns.has_room():
            self._turns.spend(cost)
            return
        turn = asyncio.get_running_loop().create_future()
        self.put(cost, lambda: None if turn.done() else turn.set_result(None))
        await turn

    def spend(self, cost: int) -> None:
        """What was done has cost so much more than was said."""
        self._turns.spend(cost)

    def next(self) -> tuple[int, Work]:
        return self._waiting.popleft()


class Turns:
    """The turns of one loop, see `turns`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spent = 0
        self._lanes: deque[Lane] = deque()  # those with work
        self._named: dict[str, Lane] = {}

    def lane(self, name: str) -> Lane:
        """The lane with that name."""
        return self._named.setdefault(name, Lane(self))

    def has_room(self) -> bool:
        return self._spent < ROUND

    def spend(self, cost: int) -> None:
        if not self._spent:
            # Not in the context of the call that happens to be the first.
            self._loop.call_soon(self._next_round, context=contextvars.Context())
        self._spent += max(cost, 1)

    def queue(self, lane: Lane) -> None:
        """A lane that was empty has work now. A round is under way, or the work would have been done."""
        self._lanes.append(lane)

    def _next_round(self) -> None:
        self._spent = 0
        while self._lanes and self.has_room():
            lane = self._lanes.popleft()
            cost, work = lane.next()
            if len(lane):
                self._lanes.append(lane)
            self.spend(cost)
            work()


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def lane(name: str) -> Lane:
    """The running loop's lane for work of that name."""
    loop = asyncio.get_running_loop()
    found = _of_loops.get(loop)
    if found is None:
        found = _of_loops[loop] = Turns(loop)
    return found.lane(name)
