"""However much comes at once, a round of the loop does so much of it, and no kind of it waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from offhook.network import turns
from offhook.network.turns import ROUND

Run = Callable[[Coroutine[Any, Any, None]], None]
COST = 200


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


class Rounds:
    """Counts the rounds of the loop, and notes what is done in each."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.done: list[list[Any]] = [[]]
        self._next()

    def _next(self) -> None:
        self.done.append([])
        self._handle = self._loop.call_soon(self._next)

    def note(self, what: object) -> None:
        self.done[-1].append(what)

    def all(self) -> list[Any]:
        return [one for each in self.done for one in each]

    async def wait(self, number: int) -> None:
        while len(self.all()) < number:
            await asyncio.sleep(0)
        self._handle.cancel()


def test_what_there_is_room_for_is_done_at_once(run: Run) -> None:
    async def story() -> None:
        done: list[int] = []
        for number in range(ROUND // COST):
            turns.lane("a").put(COST, lambda number=number: done.append(number))  # type: ignore[misc]
        assert done == list(range(ROUND // COST))

    run(story())


def test_a_round_does_no_more_than_its_part_and_timers_come_in_between(run: Run) -> None:
    async def story() -> None:
        rounds, ticks = Rounds(), 0

        def tick() -> None:
            nonlocal ticks
            ticks += 1
            asyncio.get_running_loop().call_later(0, tick)

        tick()
        for number in range(200):
            turns.lane("a").put(COST, lambda number=number: rounds.note(number))  # type: ignore[misc]
        await rounds.wait(200)
        assert rounds.all() == list(range(200))
        # The first of them, done at once, and the next round's may fall between two looks.
        assert max(map(len, rounds.done)) <= 2 * ROUND // COST
        assert ticks >= 200 * COST // ROUND // 2

    run(story())


def test_large_work_has_a_round_for_itself(run: Run) -> None:
    async def story() -> None:
        rounds = Rounds()
        for number in range(20):
            turns.lane("a").put(10 * ROUND, lambda number=number: rounds.note(number))  # type: ignore[misc]
        await rounds.wait(20)
        assert max(map(len, rounds.done)) <= 2

    run(story())


def test_nobody_waits_for_all_that_somebody_else_has(run: Run) -> None:
    async def story() -> None:
        rounds = Rounds()
        for number in range(1000):
            turns.lane("flood").put(COST, lambda number=number: rounds.note(number))  # type: ignore[misc]
        turns.lane("other").put(COST, lambda: rounds.note("other"))
        await rounds.wait(1001)
        assert rounds.all().index("other") <= ROUND // COST + 2

    run(story())


def test_turns_are_awaited_in_order_and_may_be_given_up(run: Run) -> None:
    async def story() -> None:
        rounds, lane = Rounds(), turns.lane("a")

        async def one(number: int) -> None:
            await lane.turn(COST)
            rounds.note(number)

        tasks = [asyncio.create_task(one(number)) for number in range(100)]
        await asyncio.sleep(0)
        tasks[50].cancel()
        await rounds.wait(99)
        assert rounds.all() == [number for number in range(100) if number != 50]
        assert max(map(len, rounds.done)) <= 2 * ROUND // COST

    run(story())


def test_what_breaks_takes_nothing_along(run: Run) -> None:
    async def story() -> None:
        loop, rounds = asyncio.get_running_loop(), Rounds()
        broken: list[Any] = []
        loop.set_exception_handler(lambda _, context: broken.append(context["exception"]))

        def breaks() -> None:
            rounds.note("broken")
            raise ValueError("odd")

        for number in range(60):
            lane = turns.lane("a")
            lane.put(COST, breaks if number == 30 else lambda number=number: rounds.note(number))  # type: ignore[misc]
        await rounds.wait(60)
        assert rounds.all() == [*range(30), "broken", *range(31, 60)]
        assert len(broken) == 1

    run(story())


def test_work_that_turns_out_to_be_more_uses_up_the_round(run: Run) -> None:
    async def story() -> None:
        rounds, lane = Rounds(), turns.lane("a")

        def more(number: int) -> None:
            rounds.note(number)
            lane.spend(ROUND)

        for number in range(20):
            lane.put(1, lambda number=number: more(number))  # type: ignore[misc]
        await rounds.wait(20)
        assert max(map(len, rounds.done)) <= 2

    run(story())
