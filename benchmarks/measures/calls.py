"""Concurrent two-way calls: CPU of the service per call, pacing of its packets, packets lost; and how memory
grows with the calls."""

from __future__ import annotations

import time

from benchmarks.figure import Figure, percentile
from benchmarks.phones import Heard, Order
from benchmarks.service import Sample
from benchmarks.stage import DIAL_RATE, Stage, stage, warm_up

BUDGETS: dict[int, tuple[float, float | None]] = {
    50: (0.5, None),
    100: (0.5, None),
    200: (0.30, 2.0),
    300: (0.5, 5.0),
}
"""By load: CPU of a call (% of a core), and how far from 20 ms the packets may be (p99, ms; None: told, not
judged)."""
LOADS = tuple(BUDGETS)
SETTLE_SECONDS = 5.0


def measure(quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    with stage() as on:
        user = on.service.number()
        warm_up(on, user)
        empty = on.service.sample()
        up = 0
        for load in LOADS[:2] if quick else LOADS:
            added = load - up
            on.phones.place(Order(user, added, DIAL_RATE))
            time.sleep(added / DIAL_RATE + SETTLE_SECONDS)
            up = load
            figures += _load(on, load, 5.0 if quick else 20.0)
        full = on.service.sample()
        per_call = (full.rss - empty.rss) / max(full.calls, 1) / 1e6
        figures.append(Figure(f"memory per call (growth from 0 to {up})", per_call, "MB", most=0.5))
        on.phones.hang_up()
        on.phones.wait_for_end()
    return figures


def _load(on: Stage, load: int, seconds: float) -> list[Figure]:
    on.phones.measure()
    before = on.service.sample()
    time.sleep(seconds)
    heard, after = on.phones.heard(), on.service.sample()
    busy = 100 * (after.cpu - before.cpu) / (after.at - before.at)
    most_cpu, most_off = BUDGETS[load]
    lost = heard.lost + max(0, int(load * seconds * 50 * 0.99) - heard.received)
    note = f"{busy:.0f} % of a core in all, {len(heard.turns)} turns"
    return [
        Figure(
            f"{load} calls: CPU per call",
            busy / max(after.calls, 1),
            "% of a core",
            most=most_cpu,
            cause=note,
        ),
        Figure(
            f"{load} calls: packet pacing p99",
            percentile(heard.pacing, 0.99),
            "ms off 20",
            most=most_off,
            cause=_pacing_note(heard, before, after),
        ),
        Figure(f"{load} calls: packets lost", lost, f"of {heard.received:,}", most=None, cause=""),
        Figure(f"{load} calls: calls up at the end", after.calls, "calls", least=load),
    ]


def _pacing_note(heard: Heard, before: Sample, after: Sample) -> str:
    ticks = [new - old for new, old in zip(after.lateness, before.lateness, strict=True)]
    late = f"{sum(ticks[3:])} of {sum(ticks)} ticks > 5 ms late"
    return f"p50 {percentile(heard.pacing, 0.5):.2f} ms; {late}, {_wait(before, after)}"


def _wait(before: Sample, after: Sample) -> str:
    share = 100 * (after.waited - before.waited) / (after.at - before.at)
    return f"waited {share:.0f} % of the time for the CPU"
