"""What an assistant's hooks do to a whole call (vapi-wire §5); when they do it: tests/conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offhook.conversation.active_assistant import Engines
from offhook.speech.engine_protocols import EngineError
from tests.calls.house import House, open_house, virtual
from tests.calls.test_whole_call import ended
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

DESK = {"type": "sip", "sipUri": "sip:night@192.0.2.7", "message": "One moment."}
REPORT = {"type": "function", "function": {"name": "report"}}


def hook(house: House, *do: dict[str, Any], reasons: list[str]) -> None:
    filters = [{"type": "oneOf", "key": "call.endedReason", "oneOf": reasons}]
    house.assistant["hooks"] = [{"on": "call.ending", "filters": filters, "do": list(do)}]


@virtual
async def test_the_owner_s_server_is_told_before_the_report_is_made(tmp_path: Path) -> None:
    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        return {"results": [{"toolCallId": message["toolCallList"][0]["id"], "result": "noted"}]}

    async with open_house(tmp_path) as house:
        house.answering = answer
        house.directory.tools["report"] = REPORT
        hook(house, {"type": "tool", "toolId": "report"}, reasons=["customer-ended-call"])
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    (asked,) = house.asked
    assert asked.message["type"] == "tool-calls"
    assert asked.message["toolCallList"][0]["id"] == "hook-function-call"
    assert asked.message["toolCallList"][0]["arguments"]["properties"]["callEndedReason"] == {
        "type": "string",
        "value": "customer-ended-call",
    }
    kinds = [one["role"] for one in house.report["artifact"]["messages"]]
    assert kinds == ["bot", "tool_calls", "tool_call_result"]
    assert house.report["artifact"]["messages"][-1]["result"] == "noted"


@virtual
async def test_another_reason_leaves_the_server_in_peace(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        hook(house, REPORT, reasons=["pipeline-error"])
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert house.asked == []


@virtual
async def test_a_caller_whose_assistant_does_not_start_is_handed_on(tmp_path: Path) -> None:
    def build(assistant: Any) -> Engines:
        if assistant.name is None:
            return house.usual_engines(assistant)
        voice = ScriptedVoice(failure=EngineError("voice", "custom-voice", "no"))
        return Engines(ScriptedTranscriber(), ScriptedModel(("Yes.",)), voice)

    async with open_house(tmp_path) as house:
        house.build = build
        hook(house, {"type": "transfer", "destination": DESK}, reasons=["pipeline-error"])
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await ended(house)

    assert house.row["destination"] == DESK
    assert house.report["transcript"] == "AI: One moment.\n"
    assert house.row["endedReason"] == "assistant-forwarded-call"
    assert house.ledger.statuses[house.call_id] == ["ringing", "in-progress", "forwarding", "ended"]
