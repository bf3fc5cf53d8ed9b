"""The API over one kept connection: POST and GET of an assistant, alone and beside 50 calls."""

from __future__ import annotations

import time

from benchmarks.figure import Figure, percentile
from benchmarks.phones import Order
from benchmarks.stage import Stage, stage, warm_up


def measure(quick: bool) -> list[Figure]:
    times = 100 if quick else 400
    with stage() as on:
        user = on.service.number()
        warm_up(on, user)
        figures = _requests(on, times, "idle")
        on.phones.place(Order(user, 50, 20.0))
        time.sleep(4)
        figures += _requests(on, times, "beside 50 calls")
        on.phones.hang_up()
        on.phones.wait_for_end()
    return figures


def _requests(on: Stage, times: int, when: str) -> list[Figure]:
    body = {"name": "Bench", "firstMessage": "Hello.", "model": {"provider": "openai", "model": "gpt-4o"}}
    posts: list[float] = []
    gets: list[float] = []
    with on.service.api() as api:
        api.post("/assistant", json=body).raise_for_status()
        for _ in range(times):
            began = time.perf_counter()
            made = api.post("/assistant", json=body).raise_for_status()
            posts.append(1000 * (time.perf_counter() - began))
            began = time.perf_counter()
            api.get(f"/assistant/{made.json()['id']}").raise_for_status()
            gets.append(1000 * (time.perf_counter() - began))
    return [
        Figure(
            f"{name} /assistant, {when}: p99",
            percentile(taken, 0.99),
            "ms",
            cause=f"p50 {percentile(taken, 0.5):.1f} ms",
        )
        for name, taken in (("POST", posts), ("GET", gets))
    ]
