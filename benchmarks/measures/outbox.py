"""Server messages: what one costs the service, and how fast messages written down are delivered."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.figure import Figure, percentile
from benchmarks.hooks import Hooks, running_hooks
from benchmarks.phones import Order
from benchmarks.stage import Stage, calls_are_over, stage, until, warm_up

RATE = 50.0


@dataclass(frozen=True, slots=True)
class _Wave:
    """Seconds from its first call to its last message, seconds of CPU, and each call's wait for an answer."""

    seconds: float
    cpu: float
    answers: list[float]


def measure(quick: bool) -> list[Figure]:
    calls = 100 if quick else 600
    with running_hooks() as hooks, stage() as on:
        silent, telling = on.service.number(), on.service.number(hooks.url)
        warm_up(on, silent)
        warm_up(on, telling)
        until(lambda: hooks.count("end-of-call-report") == 1, 20)
        already = hooks.count()
        plain = _wave(on, silent, calls)
        told = _wave(on, telling, calls, hooks)
        delivered, reports = hooks.count() - already, hooks.count("end-of-call-report") - 1
        delays = hooks.delays()[already:]
    note = f"{delivered / calls:.1f} a call at {RATE:.0f} calls/s"
    return [
        Figure("server messages written and delivered", delivered / told.seconds, "per s", cause=note),
        Figure(
            "CPU of a server message",
            1000 * (told.cpu - plain.cpu) / max(delivered, 1),
            "ms",
            cause=f"a call without any: {1000 * plain.cpu / calls:.1f} ms",
        ),
        Figure(
            "event to delivery, p95",
            1000 * percentile(delays, 0.95),
            "ms",
            cause=f"p50 {1000 * percentile(delays, 0.5):.0f} ms",
        ),
        Figure("end-of-call-reports not delivered", calls - reports, f"of {calls}", most=0),
        Figure(
            f"INVITE to 200 at {RATE:.0f}/s with a webhook, p95", 1000 * percentile(told.answers, 0.95), "ms"
        ),
    ]


def _wave(on: Stage, user: str, calls: int, hooks: Hooks | None = None) -> _Wave:
    """Calls of a second each, until all is written down and told."""
    reports = 0 if hooks is None else hooks.count("end-of-call-report") + calls
    on.phones.measure()
    before = on.service.sample()
    on.phones.place(Order(user, calls, RATE, hold=1.0, media=False))
    time.sleep(calls / RATE)
    on.phones.wait_for_end()
    calls_are_over(on)
    until(lambda: hooks is None or hooks.count("end-of-call-report") >= reports, 60)
    after = on.service.sample()
    return _Wave(after.at - before.at, after.cpu - before.cpu, on.phones.heard().answer_seconds)
