"""The tool-calls message, and all that a server may answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from offhook.calls.world.tools.server_tool import (
    MAX_RESULT_CHARACTERS,
    MAX_SPOKEN_CHARACTERS,
    NO_RESULT,
    read_results,
    tool_calls,
)
from offhook.calls.world.tools.tool_site import Result
from offhook.conversation.events import ToolOutcome
from offhook.language.language_model import ToolCall
from offhook.schema.webhooks.answers import ToolCallsAnswer
from tests.documents import a_tool

CALL = ToolCall("t1", "look_up", {"city": "Paris"})


def results_of(answer: Mapping[str, Any]) -> Result:
    return read_results(ToolCallsAnswer.of(answer), CALL)


def outcome(**result: Any) -> ToolOutcome:
    """Of an answer with one result for the call."""
    return read_results(
        ToolCallsAnswer.of({"results": [{"toolCallId": "t1", "name": "look_up", **result}]}), CALL
    ).outcome


def test_the_call_goes_out_in_every_shape_that_consumers_read() -> None:
    tool = {"type": "function", "server": {"url": "x", "secret": "s"}, "async": False}
    fields = tool_calls(a_tool(tool), CALL).properties()
    item = fields["toolCallList"][0]
    assert fields["toolCalls"] == [item]
    assert item["id"] == "t1"
    assert item["function"] == {"name": "look_up", "arguments": {"city": "Paris"}}
    assert item["arguments"] == item["parameters"] == {"city": "Paris"}
    assert fields["toolWithToolCallList"] == [{"type": "function", "async": False, "toolCall": item}]


OURS, OTHER = {"toolCallId": "t1", "result": "yes"}, {"toolCallId": "t2", "result": "no"}


@pytest.mark.parametrize(
    ("results", "result"),
    [
        ([OURS, OTHER], "yes"),
        ([OTHER, OURS], "yes"),
        ([5, None, OTHER, OURS], "yes"),
        ([{"result": "nameless"}], "nameless"),
        ([{"result": "nameless"}, OURS], "yes"),
        ([OTHER], None),
        ([], None),
        ([5], None),
    ],
)
def test_the_result_for_this_call_is_found_wherever_it_stands(results: list[Any], result: str | None) -> None:
    found = results_of({"results": results}).outcome

    assert found.result == result
    assert (found.error is None) is (result is not None)


@pytest.mark.parametrize(
    ("value", "text", "body"),
    [
        ("sunny", "sunny", None),
        ({"a": 1}, '{"a": 1}', {"a": 1}),
        ([1, 2], "[1, 2]", [1, 2]),
        ('{"a": "ü"}', '{"a": "ü"}', {"a": "ü"}),
        ("{not json", "{not json", None),
        (42, "42", 42),
        (False, "false", False),
        ("", "", None),
        (None, NO_RESULT, None),
        ("half \ud83d", "half ?", None),
        ("x" * 10**6, "x" * MAX_RESULT_CHARACTERS, None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_result_is_text_for_the_model_and_json_for_variables(value: Any, text: str, body: object) -> None:
    result = results_of({"results": [{"toolCallId": "t1", "result": value}]})

    assert result.outcome == ToolOutcome(result=text)
    assert result.body == body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"results": [{"toolCallId": "t1", "error": "closed", "result": "ignored"}]}, "closed"),
        ({"results": [{"toolCallId": "t1", "error": {"code": 5}}]}, '{"code": 5}'),
        ({"error": "all of it"}, "all of it"),
        ({}, "the tool's server did not answer with results"),
        ({"results": "yes"}, "the tool's server did not answer with results"),
        ({"results": {"toolCallId": "t1"}}, "the tool's server did not answer with results"),
        ({"results": [OTHER]}, "the tool's server gave no result for look_up"),
    ],
)
def test_an_error_is_an_outcome_and_brings_no_variables(answer: dict[str, Any], error: str) -> None:
    result = results_of(answer)

    assert result.outcome == ToolOutcome(error=error)
    assert result.body is None


@pytest.mark.parametrize("error", [None, "", {}, [], 0, False, {"code": 0, "message": ""}])
def test_what_typed_languages_write_for_no_error_is_none(error: object) -> None:
    nobody = {"toolCallId": "", "error": error, "result": "nobody's"}
    ours = {"toolCallId": "t1", "error": error, "result": "yes", "message": "", "metadata": {}, "new": 1}
    assert results_of({"error": error, "results": [ours]}).outcome == ToolOutcome(result="yes")
    assert results_of({"results": [nobody]}).outcome == ToolOutcome(result="nobody's")


def test_a_message_with_an_empty_type_and_role_is_spoken() -> None:
    message = {"type": "", "role": "", "content": "Done.", "contents": None, "conditions": None}
    assert outcome(result="yes", message=message).message == "Done."


def test_an_empty_error_beside_a_result_is_none() -> None:
    assert (
        outcome(result="fine", error="") == outcome(result="fine", error=None) == ToolOutcome(result="fine")
    )


WORDS = {"type": "request-complete", "content": "Done."}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (WORDS, {"message": "Done."}),
        ("Done.", {"message": "Done."}),
        (WORDS | {"endCallAfterSpokenEnabled": True}, {"message": "Done.", "end_call_after": True}),
        (WORDS | {"contents": [{"type": "text", "text": "Ready.", "language": "en"}]}, {"message": "Ready."}),
        (WORDS | {"role": "system", "endCallAfterSpokenEnabled": True}, {"hint": "Done."}),
        (
            WORDS | {"conditions": [{"param": "city", "operator": "eq", "value": "Paris"}]},
            {"message": "Done."},
        ),
        (WORDS | {"conditions": [{"param": "city", "operator": "eq", "value": "Rome"}]}, {}),
        (WORDS | {"conditions": [{"param": "city", "operator": "is", "value": "Paris"}]}, {}),
        (WORDS | {"conditions": [5]}, {}),
        (WORDS | {"conditions": "eq"}, {}),
        (WORDS | {"content": "x" * 5000}, {"message": "x" * MAX_SPOKEN_CHARACTERS}),
        (WORDS | {"type": "request-failed"}, {}),
        (WORDS | {"content": ""}, {}),
        (WORDS | {"content": 5}, {}),
        (5, {}),
        (None, {}),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_result_s_own_message(message: Any, told: dict[str, Any]) -> None:
    assert outcome(result="ok", message=message) == ToolOutcome(result="ok", **told)


def test_a_failure_has_its_own_kind_of_message() -> None:
    failed = {"type": "request-failed", "content": "Sorry."}

    assert outcome(error="no", message=failed) == ToolOutcome(error="no", message="Sorry.")
    assert outcome(error="no", message=WORDS) == ToolOutcome(error="no")
