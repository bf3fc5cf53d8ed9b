"""Server messages: what a call costs more when its owner listens to everything, and how fast messages written
down are delivered."""

from __future__ import annotations

import time

from benchmarks.figure import Figure, percentile
from benchmarks.hooks import running_hooks
from benchmarks.phones import Order
from benchmarks.stage import calls_are_over, stage, until, warm_up

RATE = 50.0


def measure(quick: bool) -> list[Figure]:
    calls = 100 if quick else 600
    with running_hooks() as hooks, stage() as on:
        warm_up(on, on.service.number())
        user = on.service.number(hooks.url)
        on.phones.measure()
        began = time.monotonic()
        before = on.service.sample()
        on.phones.place(Order(user, calls, RATE, hold=1.0, media=False))
        time.sleep(calls / RATE)
        after = on.service.sample()
        on.phones.wait_for_end()
        calls_are_over(on)
        until(lambda: hooks.count("end-of-call-report") >= calls, 60)
        seconds = time.monotonic() - began
        delivered = hooks.count()
        reports = hooks.count("end-of-call-report")
        delays = hooks.delays()
        heard = on.phones.heard()
    busy = 100 * (after.cpu - before.cpu) / (after.at - before.at)
    note = f"{delivered / max(calls, 1):.1f} a call at {RATE:.0f} calls/s, {busy:.0f} % of a core"
    return [
        Figure("server messages written and delivered", delivered / seconds, "per s", cause=note),
        Figure(
            "event to delivery, p95",
            1000 * percentile(delays, 0.95),
            "ms",
            cause=f"p50 {1000 * percentile(delays, 0.5):.0f} ms",
        ),
        Figure("end-of-call-reports not delivered", calls - reports, f"of {calls}", most=0),
        Figure(
            f"INVITE to 200 at {RATE:.0f}/s with a webhook, p95",
            1000 * percentile(heard.answer_seconds, 0.95),
            "ms",
        ),
    ]
