"""Who is told what: which server, which messages, with which credential (vapi-wire §4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from offhook.conversation.events import AssistantInterrupted, ConversationChanged, SpeechStarted
from offhook.language.language_model import ToolCall
from offhook.webhooks.client import AskFailed
from tests.calls.house import House, open_house, virtual
from tests.calls.test_whole_call import QUESTION, ended
from tests.virtual import run_virtual


async def talk(house: House) -> None:
    """One question and its answer."""
    phone = await house.phone()
    call = await phone.dial().connect([("X-Case", "7")])
    await call.hears_the_end()
    await call.says(QUESTION)
    await call.hears_the_end()
    call.hang_up()
    await ended(house)


SERVERS = {
    name: {"url": f"http://{name}.test", "secret": f"hush-{name}"} for name in ("assistant", "number", "org")
}


@pytest.mark.parametrize(
    "missing", [(), ("assistant",), ("assistant", "number"), ("assistant", "number", "org")]
)
def test_one_server_gets_the_messages_and_the_nearest_it_is(tmp_path: Path, missing: tuple[str, ...]) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            del house.number["server"]
            house.directory.orgs["org-1"] = {}
            places = {
                "assistant": house.assistant,
                "number": house.number,
                "org": house.directory.orgs["org-1"],
            }
            for name, document in places.items():
                if name not in missing:
                    document["server"] = SERVERS[name]
            await talk(house)

        nearest = next((name for name in SERVERS if name not in missing), None)
        if nearest is None:
            assert house.sent == []
            assert house.row["endedReason"] == "customer-ended-call"
            return
        assert {(one.receiver.url, one.receiver.secret) for one in house.sent} == {
            (f"http://{nearest}.test", f"hush-{nearest}")
        }
        assert "hush" not in json.dumps([one.body for one in house.sent])

    run_virtual(story())


@virtual
async def test_the_number_s_server_hears_of_a_call_until_an_assistant_has_its_own(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.number["assistantId"] = None

        async def answering(message: Mapping[str, Any]) -> Mapping[str, Any]:
            return {
                "assistant": {
                    "firstMessage": "Hello.",
                    "server": {"url": "http://transient.test", "secret": "hush"},
                }
            }

        house.answering = answering
        await talk(house)

    (asked,) = house.asked
    assert (asked.receiver.url, asked.seconds) == ("http://owner.test/hook", 7.5)
    assert asked.message["type"] == "assistant-request"
    assert asked.message["call"]["status"] == "ringing"
    assert asked.message["call"]["assistantOverrides"] == {"variableValues": {"case": "7"}}
    assert asked.message["call"]["transport"]["sbcCallSid"] in house.engines
    assert asked.message["phoneNumber"]["sipUri"] == "sip:desk@10.0.0.2"
    assert {one.receiver.url for one in house.sent} == {"http://transient.test"}
    assert "hush" not in json.dumps([one.body for one in house.sent])
    assert house.row["assistant"]["server"]["secret"] == "hush"


@pytest.mark.parametrize(
    ("chosen", "types"),
    [
        ([], set()),
        (["end-of-call-report"], {"end-of-call-report"}),
        (["transcript"], {"transcript"}),
        (['transcript[transcriptType="final"]', "status-update"], {"transcript", "status-update"}),
        (["model-output", "voice-input"], {"model-output", "voice-input"}),
    ],
)
def test_the_assistant_chooses_its_messages(tmp_path: Path, chosen: list[str], types: set[str]) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant["serverMessages"] = chosen
            await talk(house)

        assert {one.type for one in house.sent} == types
        for transcript in house.messages("transcript"):
            assert transcript["transcriptType"] == "final" or "transcript" in chosen
        if "transcript" in types:
            said = [(one["role"], one["transcript"]) for one in house.messages("transcript")]
            assert ("user", QUESTION) in said
        assert house.row["transcript"].count("\n") == 3

    run_virtual(story())


@virtual
async def test_the_report_is_the_last_word(tmp_path: Path) -> None:
    """An engine that hangs may leave a conversation behind that still talks."""
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        placed = house.calls.get(house.call_id)
        assert placed is not None
        call.hang_up()
        await placed.finished.wait()
        count = len(house.sent)
        for event in (SpeechStarted("user", 9, 1.0), AssistantInterrupted(9, "", 1.0), ConversationChanged()):
            placed.reporter.told(event)
        assert len(house.sent) == count
        assert house.row["status"] == "ended"


@virtual
async def test_a_credential_is_looked_up_for_the_server_that_names_it(tmp_path: Path) -> None:
    plan = {"type": "bearer", "token": "hush"}
    async with open_house(tmp_path) as house:
        house.directory.credentials["cred-1"] = {"provider": "webhook", "authenticationPlan": plan}
        house.assistant["server"] = {"url": "http://a.test", "credentialId": "cred-1"}
        await talk(house)

    assert {json.dumps(one.receiver.authentication) for one in house.sent} == {json.dumps(plan)}
    assert "hush" not in json.dumps([one.body for one in house.sent])


TOOL = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
    "server": {"url": "http://tool.test", "secret": "hush"},
}  # fmt: skip


@pytest.mark.parametrize("with_server", [True, False])
def test_a_tool_s_own_server_is_asked_else_the_assistant_s(tmp_path: Path, with_server: bool) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            tool = dict(TOOL) if with_server else {key: TOOL[key] for key in TOOL if key != "server"}
            house.assistant["model"] = {"provider": "vapi", "model": "m", "tools": [tool]}
            house.answers = ([ToolCall("t1", "look_up", {"day": "Monday"})], "From eight.")

            async def answering(message: Mapping[str, Any]) -> Mapping[str, Any]:
                return {"results": [{"toolCallId": "t1", "result": "open 8-5"}]}

            house.answering = answering
            await talk(house)

        (asked,) = house.asked
        assert asked.receiver.url == ("http://tool.test" if with_server else "http://owner.test/hook")
        assert asked.message["type"] == "tool-calls"
        assert asked.message["toolCallList"][0]["function"]["arguments"] == {"day": "Monday"}
        assert "hush" not in json.dumps(asked.message)
        roles = [one["role"] for one in house.report["messages"]]
        assert roles[roles.index("tool_calls") :][:2] == ["tool_calls", "tool_call_result"]
        assert "open 8-5" in json.dumps(house.report["messages"])

    run_virtual(story())


@virtual
async def test_a_tool_whose_server_is_down_does_not_end_the_call(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["model"] = {"provider": "vapi", "model": "m", "tools": [TOOL]}
        house.answers = ([ToolCall("t1", "look_up", {})], "I could not find out.")

        async def answering(message: Mapping[str, Any]) -> Mapping[str, Any]:
            await asyncio.sleep(0.5)
            raise AskFailed("refused", "nobody there")

        house.answering = answering
        await talk(house)

    assert house.report["endedReason"] == "customer-ended-call"
    assert house.report["transcript"].endswith("AI: I could not find out.\n")
    assert "did not answer: refused" in json.dumps(house.report["messages"])
