from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from offhook.conversation.context import Context
from offhook.conversation.handover.context_plan import arrange
from offhook.conversation.tools.destinations import choose_destination, destinations_of
from offhook.conversation.tools.tool_messages import content_of, delayed_messages, pick_message
from offhook.conversation.tools.toolbox import Toolbox, definition_of
from offhook.language.language_model import Message, ToolCall
from offhook.schema.webhooks.answers import spoken
from tests.documents import a_tool, handoff_to, transfer_to

DESK = {"type": "number", "number": "+15551234567", "description": "the front desk"}
SALES = {"type": "assistant", "assistantName": "Sales"}


def render(text: str, variables: Mapping[str, Any]) -> str:
    return text.format(**variables)


def called(**arguments: Any) -> ToolCall:
    return ToolCall("c1", "tool", arguments)


def pick(tool: Mapping[str, Any], kind: Any, **arguments: Any) -> Any:
    return pick_message(a_tool(tool), kind, called(**arguments), random.Random(1), render)


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ({"type": "function", "function": {"name": "book"}}, "book"),
        ({"type": "apiRequest", "method": "GET", "name": "weather", "url": "https://example.com"}, "weather"),
        ({"type": "endCall"}, "endCall"),
        ({"type": "transferCall", "destinations": [DESK]}, "transferCall"),
        ({"type": "transferCall", "function": {"name": "desk"}, "destinations": [DESK]}, "desk"),
        (
            {"type": "handoff", "destinations": [{**SALES, "assistantName": "Sales Team"}]},
            "handoff_to_Sales_Team",
        ),
        (
            {"type": "handoff", "destinations": [SALES, {**SALES, "assistantName": "Desk"}]},
            "handoff_to_Sales",
        ),
        ({"type": "handoff"}, "handoff"),
        ({"type": "slack.message.send"}, "slack_message_send"),
    ],
)
def test_the_name_that_the_model_calls(tool: Mapping[str, Any], name: str) -> None:
    assert definition_of(a_tool(tool)).name == name


def test_a_transfer_offers_its_destinations() -> None:
    definition = definition_of(a_tool({"type": "transferCall", "destinations": [DESK, SALES]}))
    assert definition.parameters["properties"]["destination"]["enum"] == ["+15551234567", "Sales"]
    assert "the front desk" in definition.description


def test_the_destination_that_the_model_names() -> None:
    two = a_tool({"type": "transferCall", "destinations": [DESK, SALES]})
    assert choose_destination(two, called(destination="sales")) is destinations_of(two)[1]
    assert choose_destination(two, called(destination="nobody")) is None
    one = a_tool({"type": "transferCall", "destinations": [DESK]})
    assert choose_destination(one, called()) is destinations_of(one)[0]
    assert choose_destination(a_tool({"type": "transferCall"}), called(destination="x")) is None


def test_of_two_tools_with_one_name_the_first_counts() -> None:
    first, second = (a_tool({"function": {"name": "a", "description": d}}) for d in "12")
    box = Toolbox([first, second])
    assert box.find("a") is first
    assert [each.description for each in box.definitions] == ["1"]
    assert box.find("b") is None


def test_tools_that_are_named_by_their_type_are_told_apart() -> None:
    tools = [a_tool({"type": "apiRequest", "method": "GET", "url": url}) for url in "abc"]
    box = Toolbox(tools)

    assert [each.name for each in box.definitions] == ["apiRequest", "apiRequest_2", "apiRequest_3"]
    assert box.find("apiRequest_2") is tools[1]


@pytest.mark.parametrize(
    ("operator", "value", "given", "holds"),
    [
        ("eq", "gold", "gold", True),
        ("neq", "gold", "gold", False),
        ("neq", "gold", None, True),
        ("gt", "5", 10, True),
        ("gt", "5", "10", True),
        ("lt", "5", 10, False),
        ("gte", "5", 5, True),
        ("lte", "4", 5, False),
        ("gt", "5", None, False),
        ("eq", "true", True, True),
        ("eq", "1", True, False),
        ("eq", "5", 5.0, True),
        ("neq", "5", 5.0, False),
        ("eq", "five", 5, False),
        ("eq", "05", "5", False),
        ("gt", "b", "c", True),
    ],
)
def test_conditions(operator: str, value: str, given: Any, holds: bool) -> None:
    condition = {"param": "x", "operator": operator, "value": value}
    tool = {"messages": [{"type": "request-start", "content": "Go {x}", "conditions": [condition]}]}
    message = pick(tool, "request-start", x=given)
    assert (message is not None) is holds


def test_a_message_is_one_of_those_that_are_eligible() -> None:
    tool = a_tool({"messages": [{"type": "request-start", "content": text} for text in "abc"]})
    messages = [
        pick_message(tool, "request-start", called(), random.Random(seed), render) for seed in range(30)
    ]
    picked = {message.text for message in messages if message is not None}
    assert picked == {"a", "b", "c"}
    assert pick_message(tool, "request-complete", called(), random.Random(1), render) is None


def test_a_system_message_is_not_spoken_and_ends_nothing() -> None:
    message = {
        "type": "request-complete",
        "role": "system",
        "content": "Hint",
        "endCallAfterSpokenEnabled": True,
    }
    picked = pick({"messages": [message]}, "request-complete")
    assert (picked.role, picked.end_call_after) == ("system", False)


def test_delays_are_stages() -> None:
    messages = [
        {"type": "request-response-delayed", "content": "Still {q}", "timingMilliseconds": 5000},
        {"type": "request-response-delayed", "content": "Soon", "timingMilliseconds": 1000},
    ]
    stages = delayed_messages(a_tool({"messages": messages}), called(q="on it"), random.Random(1), render)
    assert [(stage.delay, stage.text) for stage in stages] == [(1.0, "Soon"), (5.0, "Still on it")]


def test_of_several_languages_the_wanted_one() -> None:
    contents = [
        {"type": "text", "text": "Hola", "language": "es"},
        {"type": "text", "text": "Hi", "language": "en-US"},
    ]
    assert content_of(spoken({"type": "custom-message", "contents": contents})) == "Hi"
    assert content_of(spoken({"contents": contents[:1]})) == "Hola"
    assert content_of(spoken("Hey")) == "Hey"
    assert content_of(spoken(None)) is None
    assert content_of(spoken({})) is None


OLD: list[Message] = [{"role": "system", "content": "old"}]
NEW: list[Message] = [{"role": "system", "content": "new"}]
CALLS = [{"id": "c1", "type": "function", "function": {"name": "transferCall", "arguments": "{}"}}]
HISTORY: list[Message] = [
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Sales."},
    {"role": "assistant", "content": "Sure.", "tool_calls": CALLS},
    {"role": "tool", "tool_call_id": "c1", "content": "ok"},
]


@pytest.mark.parametrize(
    ("destination", "by_transfer", "system", "history"),
    [
        ({}, True, OLD, [*HISTORY, *NEW]),
        ({"transferMode": "rolling-history"}, True, OLD, [*HISTORY, *NEW]),
        ({"transferMode": "swap-system-message-in-history"}, True, NEW, HISTORY),
        ({"transferMode": "delete-history"}, True, NEW, []),
        (
            {"transferMode": "swap-system-message-in-history-and-remove-transfer-tool-messages"},
            True,
            NEW,
            [*HISTORY[:2], {"role": "assistant", "content": "Sure."}],
        ),
        ({}, False, NEW, HISTORY),
        ({"contextEngineeringPlan": {"type": "none"}}, False, NEW, []),
        ({"contextEngineeringPlan": {"type": "lastNMessages", "maxMessages": 3}}, False, NEW, HISTORY[1:]),
        ({"contextEngineeringPlan": {"type": "lastNMessages", "maxMessages": 1}}, False, NEW, []),
        (
            {"contextEngineeringPlan": {"type": "userAndAssistantMessages"}},
            False,
            NEW,
            [*HISTORY[:2], {"role": "assistant", "content": "Sure."}],
        ),
        ({"contextEngineeringPlan": {"type": "previousAssistantMessages"}}, False, NEW, HISTORY[:2]),
    ],
)
def test_what_the_next_assistant_is_shown(
    destination: dict[str, Any], by_transfer: bool, system: list[Any], history: list[Any]
) -> None:
    context = Context([])
    context.rewrite(OLD, HISTORY[:2])
    for message in HISTORY[2:]:
        context.add(message)

    kind = transfer_to if by_transfer else handoff_to
    whole = kind({"type": "assistant", "assistantName": "Sales", **destination})
    assert arrange(whole, context, NEW) == (system, history)


def test_the_first_assistant_has_inherited_nothing() -> None:
    context = Context(OLD)
    context.add(HISTORY[0])

    plan = {"type": "previousAssistantMessages"}
    destination = handoff_to({"type": "assistant", "assistantName": "Sales", "contextEngineeringPlan": plan})
    assert arrange(destination, context, NEW) == (NEW, [])


def test_what_the_owner_has_fixed_is_not_the_model_s_to_choose() -> None:
    book = {"type": "apiRequest", "method": "POST", "name": "book", "url": "https://example.com"}
    body = {
        "type": "object",
        "properties": {"guests": {"type": "number"}, "source": {"type": "string", "value": "phone"}},
        "required": ["guests", "source"],
    }
    parameters = definition_of(a_tool({**book, "body": body})).parameters
    assert parameters["properties"] == {"guests": {"type": "number"}}
    assert parameters["required"] == ["guests"]
    free = {"type": "object", "properties": {"guests": {"type": "number"}}}
    assert definition_of(a_tool({**book, "body": free})).parameters == free
