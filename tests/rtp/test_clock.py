"""The clock: one steady tick for all legs, which no leg can stop and no lateness turns into a burst."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from offhook.log_context import CALL
from offhook.rtp.clock import CATCH_UP, Clock
from tests.virtual import VirtualLoop, run_virtual


class Leg:
    def __init__(self, then: Callable[[], None] = lambda: None, call: str = "c1") -> None:
        self.call = call
        self.loop = asyncio.get_running_loop()
        self.times: list[float] = []
        self.errors: list[Exception] = []
        self.then = then

    def tick(self) -> None:
        self.times.append(round(self.loop.time(), 6))
        self.then()

    def failed(self, error: Exception) -> None:
        self.errors.append(error)


def new_clock() -> Clock:
    return Clock(asyncio.get_running_loop())


def test_ticks_lie_on_an_absolute_schedule() -> None:
    async def story() -> None:
        clock, leg = new_clock(), Leg()
        clock.add(leg)

        await asyncio.sleep(600.01)
        clock.remove(leg)

        assert len(leg.times) == 30_000
        assert leg.times[:3] == [0.02, 0.04, 0.06]
        assert leg.times[-1] == 600.0
        assert clock.lateness == [30_000, 0, 0, 0, 0, 0, 0]

    run_virtual(story())


def test_at_rest_nothing_is_scheduled_and_it_wakes_again() -> None:
    async def story() -> None:
        clock, leg = new_clock(), Leg()
        clock.add(leg)
        await asyncio.sleep(0.05)
        clock.remove(leg)
        clock.remove(leg)

        await asyncio.sleep(100)
        assert (clock.ticks, len(clock)) == (2, 0)
        clock.add(leg)
        await asyncio.sleep(0.03)

        assert leg.times == [0.02, 0.04, 100.07]
        clock.remove(leg)

    run_virtual(story())


def test_a_leg_that_fails_is_let_go_and_told_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        def fail() -> None:
            raise ValueError("broken sink")

        clock, bad, good = new_clock(), Leg(fail), Leg()
        clock.add(bad)
        clock.add(good)

        await asyncio.sleep(0.05)

        assert (len(bad.times), len(good.times), len(clock)) == (1, 2, 1)
        assert [str(error) for error in bad.errors] == ["broken sink"]
        clock.remove(good)

    with caplog.at_level(logging.ERROR):
        run_virtual(story())
    assert len(caplog.records) == 1


def test_a_leg_whose_failure_handler_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Worse(Leg):
        def failed(self, error: Exception) -> None:
            raise RuntimeError("worse")

    async def story() -> None:
        def fail() -> None:
            raise ValueError("broken")

        clock, good = new_clock(), Leg()
        clock.add(Worse(fail))
        clock.add(good)
        await asyncio.sleep(0.05)
        assert len(good.times) == 2
        clock.remove(good)

    run_virtual(story())
    assert "could not be handled" in caplog.text


def test_legs_may_come_and_go_during_a_tick() -> None:
    async def story() -> None:
        clock, second, third = new_clock(), Leg(), Leg()

        def swap() -> None:
            clock.remove(second)
            clock.add(third)

        first = Leg(swap)
        clock.add(first)
        clock.add(second)
        await asyncio.sleep(0.05)

        assert second.times == []
        assert third.times == [0.04]
        clock.remove(first)
        clock.remove(third)

    run_virtual(story())


def test_the_last_leg_may_leave_in_its_own_tick() -> None:
    async def story() -> None:
        clock = new_clock()
        leg = Leg(lambda: clock.remove(leg))
        clock.add(leg)

        await asyncio.sleep(1)

        assert leg.times == [0.02]

    run_virtual(story())


@pytest.mark.parametrize("blocked", [0.03, 0.07, 1.0])
def test_after_a_stall_it_catches_up_a_little_and_skips_the_rest(blocked: float) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        clock, leg = new_clock(), Leg()
        clock.add(leg)
        await asyncio.sleep(0.025)

        loop.advance(blocked)  # somebody computes and blocks the loop
        resumed = round(loop.time(), 6)
        await asyncio.sleep(0.001)

        caught_up = [time for time in leg.times if time >= resumed]
        assert 1 <= len(caught_up) <= 1 + CATCH_UP
        behind = int((resumed - 0.02) / 0.02)
        assert clock.skipped == behind - len(caught_up)
        await asyncio.sleep(0.1)
        assert leg.times[-1] % 0.02 == pytest.approx(0, abs=1e-6) or leg.times[-1] % 0.02 > 0.0199
        clock.remove(leg)

    run_virtual(story())


def test_what_follows_the_tick_runs_once_after_all_legs(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        order: list[str] = []

        def broken() -> None:
            order.append("broken")
            raise ValueError("batch")

        clock = new_clock()
        legs = [Leg(lambda: order.append("leg")) for _ in range(2)]
        for leg in legs:
            clock.add(leg)
        clock.after_tick += [broken, lambda: order.append("after")]

        await asyncio.sleep(0.05)

        assert order == ["leg", "leg", "broken", "after"] * 2
        for leg in legs:
            clock.remove(leg)

    run_virtual(story())
    assert len(caplog.records) == 1


def test_each_leg_works_for_its_own_call_and_the_clock_for_none() -> None:
    async def story() -> None:
        working_for: list[str | None] = []

        def note() -> None:
            working_for.append(CALL.get())

        def break_down() -> None:
            note()
            raise ValueError("a leg")

        CALL.set("whoever made the clock")
        clock = new_clock()
        broken, sound = Leg(break_down, call="a"), Leg(note, call="b")
        broken.failed = lambda error: note()  # type: ignore[method-assign]
        clock.after_tick.append(note)
        clock.add(broken)
        clock.add(sound)

        await asyncio.sleep(0.03)
        clock.remove(sound)

        assert working_for == ["a", "a", "b", None]
        assert CALL.get() == "whoever made the clock"

    run_virtual(story())
