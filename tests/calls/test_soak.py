"""Hundreds of calls in which everybody does what chance says, on a network that loses, doubles, reorders."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from offhook.conversation.active_assistant import Engines
from offhook.language.language_model import ModelError, ToolCall
from offhook.schema.calls.call import Call
from offhook.speech.engine_protocols import EngineError
from offhook.webhooks.client import AskFailed
from tests.calls.house import House, open_house
from tests.calls.phone import PhoneCall
from tests.schema.reasons import is_ended_reason
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice
from tests.virtual import run_virtual
from tests.wire import Datagram, MemoryWire

pytestmark = pytest.mark.slow

RANKS = {"ringing": 0, "in-progress": 1, "forwarding": 2, "ended": 3}
SAYINGS = ("Hello?", "When are you open?", "No, wait.", "Can I speak to somebody?", "")
DESTINATION = {"type": "sip", "sipUri": "sip:agent@10.0.0.9", "message": "One moment."}
TOOLS = [{"type": "endCall"}, {"type": "transferCall", "destinations": [DESTINATION]}]


def engines_by(rng: random.Random) -> Any:
    """Mostly sound; now and then slow, broken at the start, or broken later."""

    def answer(_: object) -> Any:
        throw = rng.random()
        if throw < 0.06:
            return ModelError("openai", "busy", "500-server-error")
        if throw < 0.14:
            return [ToolCall("t1", "endCall", {})]
        if throw < 0.25:
            return [ToolCall("t2", "transferCall", {"destination": DESTINATION["sipUri"]})]
        return rng.choice(("We are open until five.", "Let me see. " * 8, "Yes."))

    def build(assistant: Any) -> Engines:
        throw = rng.random() if assistant.name is not None else 1.0
        broken = EngineError("voice", "11labs", "scripted")
        return Engines(
            ScriptedTranscriber(failure=EngineError("transcriber", "vapi", "no") if throw < 0.03 else None),
            ScriptedModel(answer, latency=rng.choice((0.05, 0.4, 3.0))),
            ScriptedVoice(
                latency=rng.choice((0.03, 0.3, 1.5)),
                failure=broken if throw < 0.1 else None,
                fails_at=None if throw < 0.05 else "five",
            ),
        )

    return build


def owner_by(rng: random.Random) -> Any:
    async def answering(message: Any) -> Any:
        await asyncio.sleep(rng.choice((0.01, 0.2, 2.0, 6.0)))
        throw = rng.random()
        if throw < 0.1:
            raise AskFailed("timeout", "no answer in time")
        if throw < 0.2:
            return {"error": "We are closed."}
        if throw < 0.3:
            return {"destination": DESTINATION}
        if throw < 0.4:
            return rng.choice(({}, {"assistant": {"oops": 1}}, {"assistantId": "nobody"}))
        return {"assistantId": "assistant-1"}

    return answering


async def behave(call: PhoneCall, rng: random.Random) -> None:
    """One caller, from the INVITE to the end, whoever ends it."""
    await asyncio.sleep(rng.random() * 60)
    call.acknowledges = rng.random() > 0.03
    await call.place([("X-Case", str(rng.random()))])
    if rng.random() < 0.15:
        await asyncio.sleep(rng.random() * rng.choice((0.05, 3.0)))
        call.cancel()
        await asyncio.sleep(40)
    try:
        await call.until(lambda: call.is_up, 40)
        for _ in range(rng.randrange(6)):
            await asyncio.sleep(rng.random() * rng.choice((0.2, 3.0)))
            await _do_something(call, rng)
    except TimeoutError:
        pass
    call.muted = False
    if call.is_up and rng.random() < 0.85:
        call.hang_up()
    await call.ended(200)
    await call.close()


async def _do_something(call: PhoneCall, rng: random.Random) -> None:
    throw = rng.random()
    if not call.is_up:
        return
    if throw < 0.6:
        await call.says(rng.choice(SAYINGS), rng.random() * 2)
    elif throw < 0.7:
        await call.press(rng.choice("123*#"))
    elif throw < 0.8:
        await call.reoffer(rng.choice(("sendonly", "inactive", "sendrecv")))
    elif throw < 0.9:
        call.muted = not call.muted
    else:
        await call.hears(20)


def lossy(rng: random.Random) -> MemoryWire:
    """What the phone sends by SIP arrives: it repeats nothing. All else is as on a bad evening."""

    def lose(datagram: Datagram) -> bool | None:
        return False if datagram.to.port == 5060 and datagram.to.host == "10.0.0.2" else None

    return MemoryWire(rng, delay=0.02, jitter=0.03, loss=0.03, duplication=0.02, lose=lose, keep=0)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_every_call_ends_once_and_leaves_nothing(tmp_path: Path, seed: int) -> None:
    calls = 50

    async def story() -> House:
        rng = random.Random(seed)
        wire = lossy(random.Random(seed))
        async with open_house(tmp_path, wire=wire, media_timeout=12, seed=seed) as house:
            model = {"provider": "vapi", "model": "m", "tools": TOOLS}
            house.assistant.update(model=model, maxDurationSeconds=60, silenceTimeoutSeconds=10)
            house.directory.numbers["ask"] = {**house.number, "id": "number-2", "assistantId": None}
            house.directory.numbers["back"] = {
                **house.number, "id": "number-3", "assistantId": None, "fallbackDestination": DESTINATION,
            }  # fmt: skip
            house.build, house.answering = engines_by(rng), owner_by(rng)
            phone = await house.phone()
            phone.answers["INVITE"] = 488
            phone.answers["REFER"] = rng.choice((202, 603, None))
            placed = [phone.dial(rng.choice(("desk", "ask", "back"))) for _ in range(calls)]
            await asyncio.gather(*(behave(call, random.Random(rng.random())) for call in placed))
            async with asyncio.timeout(200):
                while len(house.calls):
                    await asyncio.sleep(1)
        return house

    house = run_virtual(story())

    assert len(house.ledger.rows) == calls
    reasons = set()
    for call_id, row in house.ledger.rows.items():
        sent = house.ledger.sent[call_id]
        assert is_ended_reason(row["endedReason"]), row["endedReason"]
        assert [one.type for one in sent].count("end-of-call-report") == 1
        assert sent[-1].type == "end-of-call-report"
        ranks = [RANKS[status] for status in house.ledger.statuses[call_id]]
        assert ranks == sorted(set(ranks))
        assert ranks[-1] == RANKS["ended"]
        assert (row["startedAt"] is None) == ("in-progress" not in house.ledger.statuses[call_id])
        Call.model_validate(row)
        Call.model_validate(sent[-1].message["call"])
        reasons.add(row["endedReason"])
    assert len(reasons) >= 6, reasons
