"""A template is what an owner wrote. What a model, a caller, a tool or a server said is put in as it is, by
whichever way it comes to be said."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.conversation import Engines
from offhook.conversation.events import Named, ToolOutcome
from offhook.conversation.tools.destination_templates import filled
from offhook.language.language_model import ToolCall
from offhook.schema.base import document
from tests.conversation.stage import assistant_of, on_stage
from tests.conversation.tools.test_acting import asks, said, settles, with_tools
from tests.documents import transfer_to
from tests.scripted import Script, ScriptedModel, ScriptedTranscriber, ScriptedVoice, ScriptedWorld
from tests.virtual import run_virtual

VARIABLES = {"secret": "hunter2", "name": "{{secret}}"}
"""`name`: such as a caller may give in an X- header."""
BAD = {"who": "{{secret}}"}


def message(kind: str, content: str = "Goodbye {{who}}.", **more: Any) -> dict[str, Any]:
    return {"type": kind, "content": content, **more}


def function(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "lookup"}, "messages": list(messages)}


LOOKUP: list[Script] = [[ToolCall("c1", "lookup", BAD)], "{{secret}}"]
SIP = {"type": "sip", "sipUri": "sip:a@b.test"}
TO_B = {"type": "assistant", "assistantName": "B"}


@pytest.mark.parametrize(
    ("answers", "assistant", "outcome", "expected"),
    [
        (
            [[ToolCall("c1", "endCall", BAD)]],
            with_tools({"type": "endCall", "messages": [message("request-start")]}),
            {},
            "Goodbye {{secret}}.",
        ),
        (
            [[ToolCall("c1", "endCall", {})]],
            with_tools({"type": "endCall"}, endCallMessage="Bye {{name}}."),
            {},
            "Bye {{secret}}.",
        ),
        (
            LOOKUP,
            with_tools(function(message("request-complete", endCallAfterSpokenEnabled=True))),
            {"result": "x"},
            "Goodbye {{secret}}.",
        ),
        (
            LOOKUP,
            with_tools(function(message("request-failed", endCallAfterSpokenEnabled=True))),
            {"error": "x"},
            "Goodbye {{secret}}.",
        ),
        (LOOKUP, with_tools(function(message("request-start"))), {"result": "x"}, "Goodbye {{secret}}."),
        (
            LOOKUP,
            with_tools(function()),
            {"result": "x", "message": "So {{secret}}.", "end_call_after": True},
            "So {{secret}}.",
        ),
        (LOOKUP, with_tools(function()), {"result": "x", "message": "So {{secret}}."}, "So {{secret}}."),
        (LOOKUP, with_tools(function()), {"result": "{{secret}}"}, "{{secret}}"),
        (
            [[ToolCall("c1", "transferCall", {**BAD, "destination": "sip:a@b.test"})]],
            with_tools({"type": "transferCall", "destinations": [{**SIP, "message": "To {{who}}."}]}),
            {},
            "To {{secret}}.",
        ),
        (
            [[ToolCall("c1", "transferCall", {**BAD, "destination": "sip:a@b.test"})]],
            with_tools(
                {
                    "type": "transferCall",
                    "destinations": [SIP],
                    "messages": [message("request-start", "To {{who}}.")],
                }
            ),
            {},
            "To {{secret}}.",
        ),
    ],
)
def test_what_a_model_or_a_tool_said_is_no_template(
    answers: list[Script], assistant: dict[str, Any], outcome: dict[str, Any], expected: str
) -> None:
    async def story() -> None:
        world = ScriptedWorld(outcomes={"lookup": (0.1, ToolOutcome(**(outcome or {"result": "x"})))})
        async with on_stage(answers, assistant=assistant, world=world, variables=VARIABLES) as stage:
            await asks(stage)
            await settles(stage)
            assert expected in said(stage)
            assert "hunter2" not in stage.text

    run_virtual(story())


@pytest.mark.parametrize(
    "named",
    [
        Named(transfer_to(SIP | {"message": "To {{secret}}."})),
        Named(transfer_to(SIP), message="To {{secret}}."),
        Named(transfer_to(SIP | {"message": {"type": "custom-message", "content": "To {{secret}}."}})),
    ],
)
def test_what_a_server_says_of_a_destination_is_no_template(named: Named) -> None:
    async def story() -> None:
        answers = [[ToolCall("c1", "transferCall", {})]]
        tools = with_tools({"type": "transferCall"})
        world = ScriptedWorld(named=named)
        async with on_stage(answers, assistant=tools, world=world, variables=VARIABLES) as stage:
            await asks(stage)
            await settles(stage)
            assert said(stage) == ["To {{secret}}."]
            assert named.destination is not None
            assert stage.world.transfers == [document(named.destination)]

    run_virtual(story())


def test_an_owner_s_destination_is_filled_before_it_leaves() -> None:
    plan = {
        "mode": "warm-transfer-say-message",
        "message": "Here is {{name}}, {{who}}.",
        "fallbackPlan": {"message": "Sorry, {{name}}.", "endCallEnabled": False},
    }
    destination = {**SIP, "message": "One moment.", "callerId": "{{name}}", "transferPlan": plan}

    async def story() -> None:
        answers = [[ToolCall("c1", "transferCall", {**BAD, "name": "me", "destination": "sip:a@b.test"})]]
        tools = with_tools({"type": "transferCall", "destinations": [destination]})
        async with on_stage(answers, assistant=tools, variables=VARIABLES) as stage:
            await asks(stage)
            await settles(stage)
            (sent,) = stage.world.transfers
            # The model's own `name` is not told to be calling.
            assert sent["callerId"] == "{{secret}}"
            assert sent["transferPlan"]["message"] == "Here is {{secret}}, {{who}}."
            assert sent["transferPlan"]["fallbackPlan"]["message"] == "Sorry, {{secret}}."

    run_virtual(story())


def test_messages_in_several_languages_are_filled_too() -> None:
    contents = [{"type": "text", "text": "To {{a}}", "language": "en"}]
    given = transfer_to(
        {**SIP, "message": {"type": "custom-message", "content": "{{a}}", "contents": contents}}
    )

    result = document(filled(given, lambda text: text.replace("{{a}}", "x")))

    assert result["message"]["content"] == "x"
    assert result["message"]["contents"][0]["text"] == "To x"


@pytest.mark.parametrize("kind", ["request-start", "request-complete"])
def test_what_a_model_said_of_a_hand_over_is_no_template(kind: str) -> None:
    async def story() -> None:
        tool = {"type": "handoff", "destinations": [TO_B], "messages": [message(kind, "To {{who}}.")]}
        answers: list[Script] = [[ToolCall("c1", "handoff_to_B", BAD)], "Ok."]
        world = ScriptedWorld(assistants={"B": assistant_of({"name": "B", "firstMessage": "Hi {{name}}."})})
        others = [Engines(ScriptedTranscriber(), ScriptedModel(["Ok."]), ScriptedVoice())]
        async with on_stage(
            answers, assistant=with_tools(tool), world=world, others=others, variables=VARIABLES
        ) as stage:
            await asks(stage)
            await settles(stage)
            assert said(stage) == ["To {{secret}}.", "Hi {{secret}}."]

    run_virtual(story())


def test_words_before_a_silent_call_ends_and_in_between_are_filled_once() -> None:
    plan = {
        "idleMessages": ["Hello, {{name}}?"],
        "idleTimeoutSeconds": 3,
        "silenceTimeoutMessage": "Bye, {{name}}.",
    }

    async def story() -> None:
        assistant = {"messagePlan": plan, "silenceTimeoutSeconds": 10}
        async with on_stage(assistant=assistant, variables=VARIABLES) as stage:
            await stage.caller.hears_the_end(pause=14)
            assert "Hello, {{secret}}?" in stage.text
            assert "Bye, {{secret}}." in stage.text
            assert "hunter2" not in stage.text

    run_virtual(story())


def test_a_caller_id_that_gets_too_long_is_none_rather_than_cut() -> None:
    destination = transfer_to({**SIP, "callerId": "{{name}}"})

    assert document(filled(destination, lambda text: "+1555" * 8))["callerId"] == "+1555" * 8
    assert "callerId" not in document(filled(destination, lambda text: "+1555" * 8 + "0"))
    assert document(destination)["callerId"] == "{{name}}"
