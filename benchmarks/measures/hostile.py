"""Twenty calls while somebody does the worst: each attack for itself, beside the same calls just before."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Final

from benchmarks.attackers import ATTACKS, Attackers, running_attackers
from benchmarks.figure import Figure, percentile
from benchmarks.phones import Order
from benchmarks.stage import DIAL_RATE, Stage, stage, warm_up

CALLS: Final = 20
HOURS: Final = 43_200
"""Seconds that a call may take, so that none ends meanwhile."""


@dataclass(frozen=True, slots=True)
class _Window:
    """`pacing`: p99 of how many ms packets were off 20, `longest` between two, `held` the longest that the
    loop did one thing after the other, all in ms; `missing`: packets that did not come in their time."""

    pacing: float
    longest: float
    held: float
    lost: int
    missing: int
    memory: float
    calls: int
    waited: float


@dataclass(frozen=True, slots=True)
class _Result:
    name: str
    before: _Window
    during: _Window
    failed: str

    def figure(self) -> Figure:
        one, other = self.during, self.before
        note = (
            f"p99 pacing {one.pacing:.1f} ms ({other.pacing:.1f} without), {one.lost} lost, "
            f"{one.missing} late or missing ({other.missing}), "
            f"loop held {one.held:.0f} ms ({other.held:.0f}), "
            f"memory {one.memory - other.memory:+.1f} MB, {one.calls} calls up, "
            f"waited {one.waited:.0f} % for the CPU"
        )
        failed = f"; the attack itself failed: {self.failed}" if self.failed else ""
        return Figure(f"{self.name}: longest gap", 1000 * one.longest, "ms", cause=note + failed)


def measure(quick: bool) -> list[Figure]:
    chosen = os.environ.get("BENCH_ATTACKS", "")
    seconds = 2.0 if quick else 6.0
    with stage(max_calls=200) as on:
        on.service.watch_holds()
        user = on.service.number(maxDurationSeconds=HOURS)
        for _ in range(3):
            warm_up(on, user)
        with running_attackers(on.service, on.service.number()) as attackers:
            on.phones.place(Order(user, CALLS, DIAL_RATE))
            time.sleep(CALLS / DIAL_RATE + 3)
            results = [
                _under(on, attackers, number, seconds)
                for number, attack in enumerate(ATTACKS)
                if chosen in f"{attack.group}: {attack.name}"
            ]
            ended = on.phones.heard().ended_by_peer
            on.phones.hang_up()
            on.phones.wait_for_end()
    return [*(result.figure() for result in results), *_worst(results, ended)]


def _under(on: Stage, attackers: Attackers, number: int, seconds: float) -> _Result:
    attack = ATTACKS[number]
    before = _watch(on, seconds / 2)
    attackers.begin(number)
    during = _watch(on, seconds)
    failed = attackers.end()
    result = _Result(f"{attack.group}: {attack.name}", before, during, failed)
    figure = result.figure()
    print(f"  {figure.name} {figure.value:.0f} ms, {figure.cause}", file=sys.stderr, flush=True)
    time.sleep(0.5)
    return result


def _watch(on: Stage, seconds: float) -> _Window:
    before = on.service.sample()
    on.phones.measure()
    began = time.monotonic()
    time.sleep(seconds)
    heard = on.phones.heard()
    passed = time.monotonic() - began
    after = on.service.sample()
    return _Window(
        pacing=percentile(heard.pacing, 0.99),
        longest=heard.longest,
        held=1000 * after.held,
        lost=heard.lost,
        missing=max(0, int(CALLS * (passed * 50 - 2)) - heard.received),
        memory=after.rss / 1e6,
        calls=after.calls,
        waited=100 * (after.waited - before.waited) / (after.at - before.at),
    )


def _worst(results: list[_Result], ended: int) -> list[Figure]:
    if not results:
        return []
    paced = max(results, key=lambda one: one.during.pacing)
    gap = max(results, key=lambda one: one.during.longest)
    held = max(results, key=lambda one: one.during.held)
    grown = results[-1].during.memory - results[0].before.memory
    count = f"{len(results)} attacks"
    return [
        Figure(f"{count}: p99 pacing", paced.during.pacing, "ms off 20", most=3, cause=paced.name),
        Figure(f"{count}: longest gap", 1000 * gap.during.longest, "ms", most=40, cause=gap.name),
        Figure(f"{count}: packets lost", sum(one.during.lost for one in results), "packets", most=0),
        Figure(f"{count}: calls that ended", ended, "calls", most=0),
        Figure(f"{count}: loop held", held.during.held, "ms", cause=held.name),
        Figure(
            f"{count}: memory grown",
            grown,
            "MB",
            most=100,
            cause="of it what is kept up to a limit: templates, rates, transactions",
        ),
    ]
