"""Call set-ups per second: INVITE, 200, ACK, and BYE a tenth of a second later, at a steady rate."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, percentile
from benchmarks.phones import Order
from benchmarks.stage import Stage, calls_are_over, stage, warm_up

RATES = (50, 100, 150, 200)
BUDGET_RATE = 150
HOLD_SECONDS = 0.1


def fsync_seconds(folder: Path, times: int = 100) -> list[float]:
    """What the disk takes to keep a page: a call's row is committed before its 200."""
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return taken


def measure(quick: bool) -> list[Figure]:
    with stage() as on:
        user = on.service.number()
        first = warm_up(on, user) * 1000
        figures = [Figure("first call of a process: INVITE to 200", first, "ms")]
        best = 0
        for rate in (50, 150) if quick else RATES:
            found, held = _at(on, user, rate, 4.0 if quick else 12.0)
            figures += found
            best = rate if held else best
            calls_are_over(on)
        figures.append(
            Figure("highest rate tried with 200 p95 <= 15 ms", best, "set-ups/s", least=BUDGET_RATE)
        )
    return figures


def _at(on: Stage, user: str, rate: int, seconds: float) -> tuple[list[Figure], bool]:
    on.phones.measure()
    before = on.service.sample()
    calls = int(rate * seconds)
    on.phones.place(Order(user, calls, rate, hold=HOLD_SECONDS, media=False))
    time.sleep(seconds)
    after = on.service.sample()
    on.phones.wait_for_end(40)
    heard = on.phones.heard()
    busy = 100 * (after.cpu - before.cpu) / (after.at - before.at)
    p50 = 1000 * percentile(heard.answer_seconds, 0.5)
    p95 = 1000 * percentile(heard.answer_seconds, 0.95)
    disk = fsync_seconds(on.service.data)
    note = f"p50 {p50:.1f} ms, {heard.answered} of {calls} answered, {busy:.0f} % of a core"
    note += f"; waits for one commit: fsync here p50 {1000 * percentile(disk, 0.5):.1f} ms,"
    note += f" p95 {1000 * percentile(disk, 0.95):.1f} ms"
    budget = 15 if rate == BUDGET_RATE else None
    figure = Figure(f"{rate} set-ups/s: INVITE to 200, p95", p95, "ms", most=budget, cause=note)
    return [figure], p95 <= 15 and heard.answered == calls
