from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from offhook.schema import answered
from offhook.schema.answered import NotValid, given, is_empty, read_answered, unwrapped
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import document
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.handoff import HandoffDestination

KINDS: list[Any] = [Assistant, CallDestination, HandoffDestination, Squad]
ADAPTERS = {kind: TypeAdapter(kind) for kind in KINDS}


def read(kind: Any, answered: object) -> dict[str, Any]:
    return document(read_answered(kind, answered, ADAPTERS[kind], "an answer"))


FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}
TRANSFER = {"type": "transferCall"}
AGENT = {"type": "number", "number": "+15550100"}


def with_tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {"model": {"provider": "openai", "model": "gpt-4o", "tools": [tool]}}


@pytest.mark.parametrize(
    ("answered", "kept"),
    [
        ({"firstMessage": "Hi", "nobodyKnows": {"a": [1]}}, {"firstMessage": "Hi"}),
        ({"firstMessageMode": ""}, {}),
        ({"maxDurationSeconds": 0, "silenceTimeoutSeconds": 0.0}, {}),
        ({"voice": {}, "transcriber": {"provider": "", "language": ""}, "model": None}, {"model": None}),
        ({"model": {"provider": "", "model": "", "messages": [], "temperature": 0}}, {}),
        ({"endCallPhrases": ["", "bye"], "serverMessages": [""]}, {"endCallPhrases": ["bye"]}),
        ({"serverMessages": ["hang", "from.tomorrow"]}, {"serverMessages": ["hang"]}),
        ({"clientMessages": ["from.yesterday", "hang"]}, {"clientMessages": ["hang"]}),
        ({"hooks": [{}, None], "credentials": [{"provider": ""}]}, {}),
        (
            # nobody has set a plan of nothing but zeros
            {"startSpeakingPlan": {"smartEndpointingPlan": {"provider": ""}, "waitSeconds": 0}},
            {},
        ),
        (
            {"analysisPlan": {"summaryPlan": {"timeoutSeconds": 0, "new": True}}},
            {"analysisPlan": {"summaryPlan": {}}},
        ),
        # `function` is the tag of the union as well as a property
        (with_tool({**TOOL, "name": "f", "function": {**FUNCTION, "new": 1}}), with_tool(TOOL)),
        (
            with_tool({**TRANSFER, "destinations": [{**AGENT, "new": 1, "transferPlan": {"mode": ""}}]}),
            with_tool({**TRANSFER, "destinations": [AGENT]}),
        ),
        ({"name": "A", "voicemailDetection": {"provider": "", "enabled": False}}, {"name": "A"}),
    ],
)  # fmt: skip
def test_what_is_unknown_or_empty_is_left_out_and_said(
    answered: dict[str, Any], kept: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert read(Assistant, answered) == kept
    assert "an answer: unknown or empty properties are left out: " in caplog.text


@pytest.mark.parametrize(
    ("kind", "answered", "sentence"),
    [
        (Assistant, {"firstMessage": 5, "unknown": 1}, "firstMessage must be a string"),
        (Assistant, "a1", "the document must be an object"),
        (Assistant, {"maxDurationSeconds": 5}, "maxDurationSeconds must not be less than 10"),
        (Assistant, {"voice": {"provider": "no"}, "transcriber": {}}, "voice.provider must be one of"),
        (CallDestination, {"type": "number", "number": ""}, "number should not be empty"),
        (Squad, {"members": "x"}, "members must be an array"),
    ],
)
def test_what_is_meant_and_wrong_is_still_an_error(kind: Any, answered: object, sentence: str) -> None:
    with pytest.raises(NotValid, match=sentence):
        read(kind, answered)


def test_what_is_valid_stays_as_it_is_even_if_empty(caplog: pytest.LogCaptureFixture) -> None:
    answered: dict[str, Any] = {"firstMessage": "", "endCallPhrases": [], "metadata": {}, "voice": None}
    assert read(Assistant, answered) == answered
    assert not caplog.text


def test_a_thousand_unknown_properties_make_one_line(caplog: pytest.LogCaptureFixture) -> None:
    answered: dict[str, Any] = {f"unknown{n}": {} for n in range(1000)}
    assert read(Assistant, {**answered, "name": "A"}) == {"name": "A"}
    (line,) = caplog.messages
    assert line.endswith("and 980 more")
    assert len(line) < 5000


@pytest.mark.parametrize(
    "value",
    [None, "", 0, 0.0, False, [], {}, {"a": {"b": [None, {"c": ""}]}},
     "00000000-0000-0000-0000-000000000000", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00"],
)  # fmt: skip
def test_empty_values(value: object) -> None:
    assert is_empty(value)
    assert given({"a": value}, "a") is None


@pytest.mark.parametrize("value", [1, " ", "0", True, [1], {"a": [{"b": "x"}]}])
def test_values_that_say_something(value: object) -> None:
    assert not is_empty(value)
    assert given({"a": value}, "a") == value


@pytest.mark.parametrize("other", [{}, {"error": ""}, {"assistantId": "b"}])
def test_an_answer_may_stand_in_message_response(other: dict[str, Any]) -> None:
    assert unwrapped({"messageResponse": {"assistantId": "a"}, **other}) == {"assistantId": "a"}


@pytest.mark.parametrize("wrapper", [None, {}, "", {"assistantId": ""}, [1]])
def test_an_empty_wrapper_wraps_nothing(wrapper: object) -> None:
    answer = {"messageResponse": wrapper, "assistantId": "a"}
    assert unwrapped(answer) == answer


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return {"metadata": value}


@pytest.mark.parametrize(
    ("kind", "answered", "sentence"),
    [
        (Assistant, {f"u{n}": 1 for n in range(50_000)}, "10000 values"),
        (Assistant, {f"u{n}": 1 for n in range(5000)}, "1000 mistakes"),
        (Assistant, {"endCallPhrases": [1] * 100_000}, "10000 values"),
        (Assistant, {"endCallPhrases": [""] * 5000}, "1000 mistakes"),
        (Assistant, {"hooks": [{"on": "call.ending", "do": []}] * 5000}, "10000 values"),
        (Assistant, {"metadata": {"a": [0] * 20_000}}, "10000 values"),
        (Assistant, nested(100), "64 levels"),
        (Squad, {"members": [{"assistant": {"firstMessage": "x"}}] * 5000}, "10000 values"),
    ],
)
def test_what_is_too_wide_or_too_deep_is_not_looked_at(kind: Any, answered: object, sentence: str) -> None:
    with pytest.raises(NotValid, match=sentence):
        read(kind, answered)


def test_a_large_assistant_is_read() -> None:
    properties = {f"p{n}": {"type": "string", "description": "x"} for n in range(20)}
    parameters = {"type": "object", "properties": properties}
    tools = [
        {"type": "function", "function": {"name": f"f{n}", "parameters": parameters}} for n in range(100)
    ]
    answered = {
        "model": {"provider": "openai", "model": "m", "tools": tools},
        "firstMessage": "x" * 500_000,
    }
    assert read(Assistant, answered) == answered


def test_what_is_around_hundreds_of_mistakes_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    whole = answered.is_empty

    def counting(value: object, depth: int = answered.DEEPEST_EMPTY) -> bool:
        looked.append(id(value))
        return whole(value, depth)

    monkeypatch.setattr(answered, "is_empty", counting)
    tools = [{"type": "", "function": {"name": ""}} for _ in range(250)]
    found = answered._needless(
        {"model": {"tools": tools}}, [("missing", ("model", "tools", n, "type")) for n in range(250)]
    )
    assert found == [("model",)]
    assert looked.count(id(tools)) <= 2
    assert len(looked) <= 20 * len(tools)
