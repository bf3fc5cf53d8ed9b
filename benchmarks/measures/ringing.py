"""What calls in progress notice of a hundred others that ring all at once, while their owner's server thinks
for seven seconds about who shall answer them: the same calls measured before and meanwhile, as a ratio."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.figure import Figure, percentile
from benchmarks.hooks import running_hooks
from benchmarks.phones import Order
from benchmarks.stage import DIAL_RATE, Stage, calls_are_over, stage, until, warm_up

TALKING = 50
RINGING = 100
AT_ONCE = 200.0
"""Calls per second: all of them ring within half a second."""
THINKS = 7.0
SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Window:
    """`pacing`: p99 of how many ms packets were off 20. `busy` in % of a core."""

    pacing: float
    lost: int
    received: int
    busy: float
    waited: float


def measure(quick: bool) -> list[Figure]:
    talking = TALKING // 5 if quick else TALKING
    with running_hooks(THINKS) as hooks, stage() as on:
        user, asking = on.service.number(), on.service.asking_number(hooks.url)
        warm_up(on, user)
        on.phones.place(Order(user, talking, DIAL_RATE))
        time.sleep(talking / DIAL_RATE + SETTLE_SECONDS)
        alone = _watch(on, THINKS - 1)
        on.phones.place(Order(asking, RINGING, AT_ONCE, hold=0.1, media=False))
        beside = _watch(on, THINKS - 1)
        until(lambda: hooks.count("end-of-call-report") >= RINGING, 60)
        asked, reported = hooks.count("assistant-request"), hooks.count("end-of-call-report")
        on.phones.hang_up()
        on.phones.wait_for_end()
        calls_are_over(on)
    return [
        Figure(
            f"{talking} calls beside {RINGING} that ring: packet pacing p99, against that before",
            beside.pacing / alone.pacing,
            "times",
            cause=f"{beside.pacing:.2f} ms off 20 against {alone.pacing:.2f}, "
            f"waited {beside.waited:.0f} % of the time for the CPU against {alone.waited:.0f} %",
        ),
        Figure(
            f"{talking} calls beside {RINGING} that ring: packets lost",
            beside.lost,
            f"of {beside.received:,}",
        ),
        Figure(
            f"CPU of {RINGING} calls that ring",
            beside.busy - alone.busy,
            "% of a core",
            cause=f"{beside.busy:.0f} % in all against {alone.busy:.0f} %, over {THINKS - 1:.0f} s",
        ),
        Figure("calls whose owner was asked", asked, f"of {RINGING}", least=RINGING),
        Figure("calls that were refused and reported", reported, f"of {RINGING}", least=RINGING),
    ]


def _watch(on: Stage, seconds: float) -> _Window:
    on.phones.measure()
    before = on.service.sample()
    time.sleep(seconds)
    heard, after = on.phones.heard(), on.service.sample()
    passed = after.at - before.at
    return _Window(
        pacing=percentile(heard.pacing, 0.99),
        lost=heard.lost,
        received=heard.received,
        busy=100 * (after.cpu - before.cpu) / passed,
        waited=100 * (after.waited - before.waited) / passed,
    )
