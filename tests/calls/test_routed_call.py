"""What the caller gets when nobody can answer, on the wire: hook, fallback destination, or a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from offhook.sip.messages.message import Request
from offhook.webhooks.client import AskFailed
from tests.calls.house import House, open_house
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.virtual import run_virtual

AGENT = {"type": "sip", "sipUri": "sip:agent@10.0.0.9", "message": "Putting you through."}
SILENT = {**AGENT, "message": ""}
SAY = {"on": "call.ending", "do": {"type": "say", "exact": "We will call you back."}}
HAND_ON = {"on": "call.ending", "do": {"type": "transfer", "destination": AGENT}}
RINGING_SAY = {"on": "call.ringing", "do": [{"type": "say", "exact": "Nobody works today."}]}
RINGING_TRANSFER = {"on": "call.ringing", "do": [{"type": "transfer", "destination": SILENT}]}
FAILED = AskFailed("timeout", "no answer in time")


def refer_to(call: PhoneCall) -> str | None:
    """Where the phone was told to go."""
    for one in call.phone.heard:
        if isinstance(one, Request) and one.method == "REFER":
            return one.headers.get("Refer-To")
    return None


SORRY = "Sorry, this number"
THROUGH = "Putting you through."


@dataclass(frozen=True)
class Case:
    """`answer` of the webhook; None: it is not asked. `spoken`: what is heard first, if anything."""

    number: dict[str, Any]
    answer: Any
    reason: str
    spoken: str | None
    sent_on: bool = False


REQUEST_FAILED = "assistant-request-failed"
FORWARDED = "assistant-request-returned-forwarding-phone-number"
NOBODY = "call-start-error-neither-assistant-nor-server-set"
CASES = {
    "sentence": Case({}, FAILED, REQUEST_FAILED, SORRY),
    "fallback": Case({"fallbackDestination": AGENT}, FAILED, REQUEST_FAILED, THROUGH, True),
    "fallback, silent": Case({"fallbackDestination": SILENT}, FAILED, REQUEST_FAILED, None, True),
    "hook says": Case(
        {"hooks": [SAY], "fallbackDestination": AGENT},
        FAILED,
        "call.ending.hook-executed-say",
        "We will call you back.",
    ),
    "hook transfers": Case({"hooks": [HAND_ON]}, {}, "call.ending.hook-executed-transfer", THROUGH, True),
    "ringing hook says": Case(
        {"hooks": [RINGING_SAY]}, None, "call.ringing.hook-executed-say", "Nobody works today."
    ),
    "ringing hook transfers": Case(
        {"hooks": [RINGING_TRANSFER]}, None, "call.ringing.hook-executed-transfer", None, True
    ),
    "error": Case({}, {"error": "We are closed."}, "assistant-request-returned-error", "We are closed."),
    "destination": Case({}, {"destination": AGENT}, FORWARDED, THROUGH, True),
    "no server": Case({"server": None}, None, NOBODY, SORRY),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_the_caller_gets(tmp_path: Path, case: Case) -> None:
    async def story() -> House:
        async with open_house(tmp_path) as house:
            house.number.update({"assistantId": None, **case.number})

            async def answering(message: Mapping[str, Any]) -> Mapping[str, Any]:
                assert case.answer is not None, "nobody should be asked"
                await asyncio.sleep(0.5)
                if isinstance(case.answer, AskFailed):
                    raise case.answer
                found: Mapping[str, Any] = case.answer
                return found

            house.answering = answering
            phone = await house.phone()
            call = await phone.dial().connect()
            if case.sent_on:
                await call.until(lambda: refer_to(call), 20)
                await asyncio.sleep(0.1)
                call.notify(200)
            assert await call.ended() == "BYE from the node"
            assert bool(call.heard_at) == (case.spoken is not None)
            assert refer_to(call) == ("<sip:agent@10.0.0.9>" if case.sent_on else None)
            await ended(house)
        return house

    house = run_virtual(story())
    if case.number.get("server", True):
        assert house.report["endedReason"] == case.reason
    assert house.row["endedReason"] == case.reason
    assert house.row["transcript"].startswith(f"AI: {case.spoken}" if case.spoken else "")
    statuses = (
        ["ringing", "in-progress", "forwarding", "ended"]
        if case.sent_on
        else ["ringing", "in-progress", "ended"]
    )
    assert house.ledger.statuses[house.call_id] == statuses
    if case.sent_on:
        (transfer,) = house.row["artifact"]["transfers"]
        assert (transfer["status"], transfer["destination"]["sipUri"]) == ("completed", "sip:agent@10.0.0.9")
