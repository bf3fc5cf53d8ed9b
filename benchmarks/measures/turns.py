"""The platform's share of a turn: what is left of the wait for a reply without endpointing and engines.

The service says it of itself (`performanceMetrics` of each call, read through the API); the callers check it
on the wire, from their last packet with speech to the first packet with sound of the reply."""

from __future__ import annotations

import time

from benchmarks.figure import Figure, percentile
from benchmarks.phones import Order
from benchmarks.stage import Stage, calls_are_over, stage, warm_up

LOADS = (1, 100)


def measure(quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    for load in LOADS:
        with stage() as on:
            figures += _load(on, load, 15.0 if quick else 40.0)
    return figures


def _load(on: Stage, load: int, seconds: float) -> list[Figure]:
    user = on.service.number()
    warm_up(on, user)
    on.phones.measure()
    on.phones.place(Order(user, load, 10.0))
    time.sleep(load / 10 + seconds)
    wire = [reply - end for end, reply in on.phones.heard().turns]
    on.phones.hang_up()
    on.phones.wait_for_end()
    calls_are_over(on)
    shares, waits = _told(on)
    with_share = f"{load} call{'s' if load > 1 else ''}"
    seen = 1000 * (percentile(wire, 0.5) - percentile(waits, 0.5) / 1000)
    return [
        Figure(
            f"{with_share}: platform share of a turn, p95",
            percentile(shares, 0.95),
            "ms",
            most=20,
            cause=f"p50 {percentile(shares, 0.5):.1f} ms over {len(shares)} turns",
        ),
        Figure(
            f"{with_share}: speech's last packet to reply's first, less endpointing and engines, median",
            seen,
            "ms",
            cause=f"on the wire; whole wait p50 {1000 * percentile(wire, 0.5):.0f} ms,"
            f" p95 {1000 * percentile(wire, 0.95):.0f} ms; with jitter buffer and voice activity",
        ),
    ]


def _told(on: Stage) -> tuple[list[float], list[float]]:
    """Of every turn: the platform's share, and what endpointing and engines took; in ms."""
    shares: list[float] = []
    waits: list[float] = []
    with on.service.api() as api:
        for call in api.get("/call", params={"limit": 1000}).raise_for_status().json():
            metrics = (call.get("artifact") or {}).get("performanceMetrics") or {}
            for turn in metrics.get("turnLatencies") or ():
                shares.append(turn["platformLatency"])
                waits.append(turn["turnLatency"] - turn["platformLatency"])
    return shares, waits
