"""A hand-over: what the caller hears between the last packet of one assistant and the first of the next.

Each answer ends with a handoff to an assistant that speaks first and whose voice takes 300 ms to its first
sound, as a voice elsewhere does. 20 ms: packets with sound followed each other as ever."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.engines import VOICE_SECONDS
from benchmarks.figure import Figure, percentile
from benchmarks.phones import Order
from benchmarks.service import Service
from benchmarks.stage import calls_are_over, stage, warm_up

LOAD = 20
VOICE_LATENCY = 0.3


def measure(quick: bool) -> list[Figure]:
    with stage() as on:
        warm_up(on, on.service.number())
        user = _handing_over(on.service)
        on.phones.measure()
        on.phones.place(Order(user, LOAD, 10.0, quiet=1.5))
        time.sleep(20.0 if quick else 60.0)
        gaps = [1000 * gap for gap in on.phones.heard().gaps]
        on.phones.hang_up()
        on.phones.wait_for_end()
        calls_are_over(on)
    return [
        Figure(
            "hand-over: last sound of one assistant -> first of the next, p95",
            percentile(gaps, 0.95),
            "ms",
            cause=f"p50 {percentile(gaps, 0.5):.0f} ms over {len(gaps)} hand-overs in {LOAD} calls;"
            f" the next voice takes {1000 * VOICE_LATENCY:.0f} ms, packets are 20 ms apart",
        )
    ]


def _handing_over(service: Service) -> str:
    """A number whose assistant hands over to another, which hands over to itself for ever."""
    model: dict[str, Any] = {"provider": "openai", "model": "gpt-4o"}
    with service.api() as api:
        document = {
            "name": "Next",
            "firstMessage": "You are through to the next assistant now. What else can I do for you?",
            "model": model,
            "metadata": {VOICE_SECONDS: VOICE_LATENCY},
        }
        made = api.post("/assistant", json=document).raise_for_status().json()
        destination = {"type": "assistant", "assistantId": made["id"]}
        model["tools"] = [{"type": "handoff", "destinations": [destination]}]
        api.patch(f"/assistant/{made['id']}", json={"model": model}).raise_for_status()
    return service.number(model=model)
