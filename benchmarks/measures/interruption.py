"""Interruption: from the decision that the caller interrupts to the last packet with sound of the assistant.
0: no such packet came after the millisecond that the decision's message is stamped with.

The decision's time is the `timestamp` of the `user-interrupted` server message (to the millisecond), the
packet's the kernel's; both are the same machine's clock. Also told: from the caller's first packet."""

from __future__ import annotations

import time

from benchmarks.figure import Figure, percentile
from benchmarks.hooks import running_hooks
from benchmarks.phones import Order
from benchmarks.stage import calls_are_over, stage, warm_up

LOAD = 20


def measure(quick: bool) -> list[Figure]:
    with running_hooks() as hooks, stage() as on:
        warm_up(on, on.service.number())
        user = on.service.number(hooks.url, serverMessages=["user-interrupted", "end-of-call-report"])
        on.phones.measure()
        on.phones.place(Order(user, LOAD, 10.0, clip="wait", interrupt_after=1.0))
        time.sleep(10.0 if quick else 30.0)
        cuts = on.phones.heard().cuts
        on.phones.hang_up()
        on.phones.wait_for_end()
        calls_are_over(on)
        decided: dict[str, list[float]] = {}
        for message in hooks.messages("user-interrupted"):
            call = message["call"]["phoneCallProviderDetails"]["sbcCallId"]
            decided.setdefault(call, []).append(message["timestamp"] / 1000)
    after: list[float] = []
    whole: list[float] = []
    for call_id, began, last in cuts:
        moments = [moment for moment in decided.get(call_id, ()) if began < moment < began + 2.0]
        if moments:
            after.append(max(0.0, last - moments[0]) * 1000)
            whole.append(max(0.0, last - began) * 1000)
    missed = len(cuts) - len(after)
    note = (
        f"{len(after)} interruptions, p50 {percentile(after, 0.5):.1f} ms (0: none after the decision's"
        f" millisecond); {missed} were none to the service"
    )
    return [
        Figure(
            "decision to interrupt -> last packet with sound, p95",
            percentile(after, 0.95),
            "ms",
            20,
            None,
            note,
        ),
        Figure(
            "caller's first packet -> last packet with sound, median",
            percentile(whole, 0.5),
            "ms",
            cause="of it 200 ms are the plan's voiceSeconds",
        ),
    ]
