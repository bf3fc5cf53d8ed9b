"""Every server message of a call has what Vapi's published types require of it, however deep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from offhook.conversation.active_assistant import Engines
from offhook.language.language_model import Text, ToolCall
from offhook.schema.webhooks.message_type import ServerMessageType
from tests.calls.house import ASSISTANT, FIRST, House, open_house, virtual
from tests.calls.test_reporting import talk
from tests.calls.test_whole_call import QUESTION, ended
from tests.calls.transfers.line import on_the_line, send_on, sip
from tests.calls.transfers.test_warm import SAY_MESSAGE, announced
from tests.schema.official import PUBLISHED, UNIONS
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

EVERYTHING = [*get_args(ServerMessageType)]
ROW = {
    "id": "assistant-1", "orgId": "org-1",
    "createdAt": "2026-09-21T14:13:20.000Z", "updatedAt": "2026-09-21T14:13:20.000Z",
}  # fmt: skip
TYPES: dict[str, list[str]] = {
    "call": ["Call"],
    "artifact": ["Artifact"],
    "assistant": ["CreateAssistantDTO"],
    "customer": ["CreateCustomerDTO"],
    "phoneNumber": ["CreateVapiPhoneNumberDTO"],
    "toAssistant": ["CreateAssistantDTO"],
    "fromAssistant": ["CreateAssistantDTO"],
    "messages": UNIONS["Any UserMessage or 4 more"],
    "messagesOpenAIFormatted": ["OpenAIMessage"],
    "destination": ["TransferDestinationAssistant", "TransferDestinationNumber", "TransferDestinationSip"],
    "toolCallList": ["ToolCall"],
}
"""What the properties of messages hold, which the published table leaves open there."""
BY_ROLE = {"user": "UserMessage", "bot": "BotMessage", "system": "SystemMessage",
           "tool_calls": "ToolCallMessage", "tool_call_result": "ToolCallResultMessage"}  # fmt: skip


def names_of(spec: Mapping[str, Any]) -> list[str]:
    parts = [spec, *spec.get("oneOf", ())]
    return [one["ref"] for one in parts if "ref" in one] + UNIONS.get(spec.get("union", ""), [])


def wrong(names: list[str], value: Any, path: str) -> Iterator[str]:
    """What the published types of these names miss in it: the least of them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from wrong(names, item, f"{path}[{index}]")
        return
    if not isinstance(value, Mapping):
        return
    if set(names) == set(BY_ROLE.values()):
        names = [BY_ROLE[value["role"]]]
    tried = [list(wrong_one(name, value, path)) for name in names if name in PUBLISHED]
    yield from min(tried, key=len, default=[])


def wrong_one(name: str, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for prop, spec in PUBLISHED[name].items():
        if value.get(prop) is None:
            if spec.get("required"):
                yield f"{path} ({name}) has no {prop}"
            continue
        if "enum" in spec and value[prop] not in spec["enum"]:
            yield f"{path}.{prop} is {value[prop]!r}"
        yield from wrong(names_of(spec) + names_of(spec.get("items", {})), value[prop], f"{path}.{prop}")


def mistakes(message: Mapping[str, Any]) -> list[str]:
    kind = str(message["type"])
    published = {
        value: name
        for name, properties in PUBLISHED.items()
        if name.startswith("ServerMessage") and not name.startswith("ServerMessageResponse")
        for value in properties.get("type", {}).get("enum", [])
    }
    found = list(wrong_one(published[kind], message, kind)) if kind in published else []
    for prop, names in TYPES.items():
        found += wrong(names, message.get(prop), f"{kind}.{prop}")
    return found


def check(house: House) -> None:
    said = [one.message for one in house.sent] + [one.message for one in house.asked]
    assert [one for message in said for one in mistakes(message)] == []
    for message in said:
        if message["type"] != "assistant-request":
            artifact = message["artifact"]
            assert {"messages", "messagesOpenAIFormatted", "transcript"} <= artifact.keys()


def told(house: House, kind: str) -> list[dict[str, Any]]:
    return [one.message for one in house.sent if one.type == kind]


def test_of_a_conversation_with_a_tool_and_a_knowledge_base(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            base = {"provider": "custom-knowledge-base", "server": {"url": "http://facts.test"}}
            tool = {"type": "function", "function": {"name": "look_up"}}
            house.assistant.update(
                ROW,
                serverMessages=EVERYTHING,
                server={"url": "http://owner.test", "secret": "hush"},
                model={"provider": "vapi", "tools": [tool], "knowledgeBase": base},
            )
            house.answers = ([ToolCall("c1", "look_up", {"day": "Monday"})], "We are open until five.")
            await talk(house)

        check(house)
        (asked,) = [one.message for one in house.asked if one.message["type"] == "knowledge-base-request"]
        first, question = asked["messages"]
        known = house.report["messages"]
        assert (first["role"], first["message"], first["time"]) == ("bot", FIRST, known[0]["time"])
        assert (question["role"], question["message"]) == ("user", QUESTION)
        assert question["secondsFromStart"] == known[1]["secondsFromStart"] > 0
        # Messages tell of the call as it is when they are written.
        sizes = [len(one.message["artifact"]["messages"]) for one in house.sent]
        assert sizes == sorted(sizes)
        assert sizes[0] == 0
        (called,) = [one.message for one in house.asked if one.message["type"] == "tool-calls"]
        assert called["artifact"]["transcript"] == f"AI: {FIRST}\nUser: {QUESTION}\n"
        for one in house.sent:
            assert {name: one.message["assistant"][name] for name in ROW} == ROW
            assert one.message["assistant"]["isServerUrlSecretSet"] is True
            assert one.message["assistant"]["model"]["model"]
            assert "hush" not in str(one.message)

    story()


@pytest.mark.parametrize(
    ("destination", "called"),
    [
        ({"type": "assistant", "assistantName": "Sales"}, "handoff_to_Sales"),
        ({"type": "assistant", "assistantId": "sales"}, "handoff_to_sales"),
        ({"type": "squad", "squadId": "s2"}, "handoff_to_s2"),
    ],
)
def test_of_a_hand_over(tmp_path: Path, destination: dict[str, Any], called: str) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            handoff = {"type": "handoff", "destinations": [destination], "function": {"name": called}}
            model = {"provider": "vapi", "model": "m", "tools": [handoff]}
            desk = {**ASSISTANT, "name": "Desk", "model": model, "serverMessages": EVERYTHING}
            sales = {"name": "Sales", "firstMessage": "Sales here.", "serverMessages": EVERYTHING}
            house.directory.assistants["sales"] = {**ROW, **sales, "id": "sales"}
            house.number.update(assistantId=None, squadId="s1")
            members = [{"assistant": desk}, {"assistantId": "sales"}]
            house.directory.squads["s1"] = {"members": members}
            house.directory.squads["s2"] = {"members": members[1:]}

            def build(assistant: Any) -> Engines:
                first = [Text("One moment."), ToolCall("c1", called, {})]
                answers: Any = [first] if assistant.name == "Desk" else ["Gladly."]
                return Engines(ScriptedTranscriber(), ScriptedModel(answers), ScriptedVoice())

            house.build = build
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.hears_the_end()
            await call.says("I want to buy something.")
            await call.hears_the_end(pause=3)
            await call.says(QUESTION)
            await call.hears_the_end()
            call.hang_up()
            await ended(house)

        check(house)
        (update,) = told(house, "transfer-update")
        assert update["destination"]["assistantName"] == "Sales"
        assert (update["fromAssistant"]["name"], update["toAssistant"]["id"]) == ("Desk", "sales")
        finals = [one for one in told(house, "transcript") if one["transcriptType"] == "final"]
        said_by = {one["transcript"]: one.get("assistantName") for one in finals}
        assert said_by[FIRST] == "Desk"
        assert said_by["Sales here."] == "Sales"
        assert said_by[QUESTION] is None

    story()


def test_of_a_warm_transfer(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, _, operator):
            house.assistant["serverMessages"] = EVERYTHING
            send_on(house, sip(SAY_MESSAGE))
            await operator.connected()
            await announced(operator)
            operator.hang_up()
            await ended(house)

        check(house)
        (transfer,) = house.report["artifact"]["transfers"]
        (said,) = transfer["messages"]
        assert said["endTime"] > said["time"] > house.report["messages"][0]["time"]
        assert said["secondsFromStart"] > 0

    story()


@virtual
async def test_the_sides_of_a_recording_have_links_of_their_own(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await talk(house)

    assert house.report["artifact"]["recording"] == {
        "stereoUrl": f"http://api.test/{house.call_id}/stereo",
        "mono": {
            "combinedUrl": f"http://api.test/{house.call_id}/mono",
            "customerUrl": f"http://api.test/{house.call_id}/customer",
            "assistantUrl": f"http://api.test/{house.call_id}/assistant",
        },
    }
