"""Transfers over a bad line, with callers, operators and nodes that hang up whenever chance says so: one
report, statuses that only move forward, and nothing left (`open_house` and `open_operator` look)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from tests.calls.house import open_house
from tests.calls.test_whole_call import ended
from tests.calls.transfers.line import STATUSES, dial, send_on, sip
from tests.calls.transfers.operator import HOST, open_operator
from tests.calls.transfers.test_warm import MESSAGE, WAIT, consult, two_assistants
from tests.virtual import run_virtual
from tests.wire import Datagram, MemoryWire

pytestmark = pytest.mark.slow

PLANS: list[dict[str, Any] | None] = [
    None,
    dial(),
    dial(dialTimeout=3, fallbackPlan={"message": "Nobody is there.", "endCallEnabled": False}),
    {"mode": "warm-transfer-say-message", "message": MESSAGE},
    {"mode": WAIT, "message": MESSAGE, "timeout": 4},
    consult(silenceTimeoutSeconds=6),
]


def not_the_callers(datagram: Datagram) -> bool | None:
    """The caller's phone of these tests repeats nothing: what it sends and gets arrives."""
    return None if HOST in (datagram.source.host, datagram.to.host) else False


@pytest.mark.parametrize("seed", range(18))
def test_whatever_happens(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    async def story() -> None:
        wire = MemoryWire(random.Random(seed), loss=0.08, jitter=0.03, keep=0, lose=not_the_callers)
        async with open_house(tmp_path, wire=wire) as house, open_operator(house) as operator:
            two_assistants(house, chance.choice(["transferSuccessful", "transferCancel"]))
            operator.answers_after = chance.uniform(0, 4)
            operator.refuses = chance.choice([None, None, None, 486])
            phone = await house.phone()
            phone.answers["REFER"] = chance.choice([202, 405])
            call = await phone.dial().connect()
            await call.hears_the_end()
            send_on(house, sip(PLANS[seed % len(PLANS)]))
            if chance.random() < 0.5:
                operator.loop.call_later(chance.uniform(3, 8), operator.start_speaking, 1.5)
            await asyncio.sleep(chance.uniform(0, 14))
            leaver = chance.choice(["caller", "operator", "node"])
            if leaver == "operator" and operator.is_up:
                operator.hang_up()
            elif leaver == "node":
                await house.calls.end_call(house.call_id)
            elif call.is_up:
                call.hang_up()
            await asyncio.sleep(30)
            if call.is_up:
                call.hang_up()
            await ended(house)

        assert house.row["status"] == "ended"
        assert house.ledger.statuses[house.call_id] == STATUSES
        (entry,) = house.report["artifact"]["transfers"]
        assert entry["status"] in ("completed", "busy", "no-answer", "failed", "cancelled")

    run_virtual(story())
