"""What is left after thousands of calls: answered and hung up, refused, and with a conversation."""

from __future__ import annotations

import os
import time

from benchmarks.figure import Figure
from benchmarks.phones import Order
from benchmarks.service import Sample
from benchmarks.stage import Stage, calls_are_over, stage, until, warm_up

RATE = 80.0
LINGER_SECONDS = 45.0
"""Transactions are remembered for 32 s (RFC 3261 §17.2), ports rest for 3 s."""

COUNTED = ("tasks", "fds", "ports", "dialogs", "transactions", "channels", "calls")


def measure(quick: bool) -> list[Figure]:
    calls = int(os.environ.get("BENCH_LEAK_CALLS", "300" if quick else "10000"))
    with stage() as on:
        user = on.service.number()
        for _ in range(3):
            warm_up(on, user)
        # A round that is not counted: the process first grows to what so many calls at once take. Strangers
        # that come all together make the database open each of the readers that it may have.
        on.phones.place(Order("nobody", 100, 2000.0, media=False))
        _run(on, user, min(calls, 1000))
        _rest(on)
        before = on.service.sample(collected=True)
        _run(on, user, calls)
        _rest(on)
        after = on.service.sample(collected=True)
    return [*_left(before, after, calls), _memory(before, after, calls)]


def _run(on: Stage, user: str, calls: int) -> None:
    on.phones.measure()
    on.phones.place(Order(user, calls, RATE, hold=0.2, media=False))
    on.phones.place(Order("nobody", calls // 10, RATE / 10, media=False))
    on.phones.place(Order(user, min(calls // 20, 100), 10.0, hold=5.0))
    time.sleep(calls / RATE + 5.0)
    on.phones.wait_for_end(60)
    calls_are_over(on)


def _rest(on: Stage) -> None:
    until(lambda: on.service.sample().transactions == 0, LINGER_SECONDS)
    time.sleep(1)


def _left(before: Sample, after: Sample, calls: int) -> list[Figure]:
    grown = {name: getattr(after, name) - getattr(before, name) for name in COUNTED}
    leaked = sum(max(0, count) for count in grown.values())
    note = ", ".join(f"{name} {count:+d}" for name, count in grown.items())
    return [Figure(f"left over after {calls:,} calls", leaked, "things", most=0, cause=note)]


def _memory(before: Sample, after: Sample, calls: int) -> Figure:
    grown = (after.rss - before.rss) / 1e6
    return Figure(
        f"memory grown over {calls:,} calls", grown, "MB", cause=f"{1000 * grown / calls:.1f} kB a call"
    )
