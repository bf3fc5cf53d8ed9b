"""What templates see in the course of a call: what tools bring, what hand-overs bring, who speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.world.variables import filling
from offhook.conversation.active_assistant import Engines
from offhook.language.language_model import ToolCall, ToolDefinition
from offhook.webhooks.client import AskFailed
from tests.calls.house import ASSISTANT, House, open_house, virtual
from tests.calls.test_whole_call import ended
from tests.scripted import Script, ScriptedModel, ScriptedTranscriber, ScriptedVoice

Document = dict[str, Any]
Tools = Sequence[Document]

LOOK_UP = ToolCall("c1", "look_up", {"name": "Ann"})
ORDER = ToolCall("c2", "order", {"item": "rose"})


def function(name: str, **more: Any) -> Document:
    return {"type": "function", "function": {"name": name}, **more}


def with_tools(*tools: Document, **more: Any) -> Document:
    return {**ASSISTANT, "model": {"provider": "vapi", "model": "m", "tools": list(tools)}, **more}


def serve(house: House, results: Mapping[str, object]) -> list[Document]:
    """The owner's server gives these results by the tools' names; returns the arguments that it got."""
    seen: list[Document] = []

    async def answering(message: Document) -> Document:
        (call,) = message["toolCallList"]
        seen.append(call["arguments"])
        if call["name"] not in results:
            return {"error": "no such tool"}
        return {"results": [{"toolCallId": call["id"], "result": results[call["name"]]}]}

    house.answering = answering
    return seen


def speak(house: House, **answers: Sequence[Script]) -> dict[str, ScriptedModel]:
    """Each assistant, by its name without blanks, says these things."""
    models = {name: ScriptedModel(said) for name, said in answers.items()}

    def build(assistant: Any) -> Engines:
        model = models[str(assistant.name).replace(" ", "")]
        return Engines(ScriptedTranscriber(), model, ScriptedVoice())

    house.build = build
    return models


async def asked(house: House, *questions: str, headers: Sequence[tuple[str, str]] = ()) -> None:
    phone = await house.phone()
    call = await phone.dial().connect(headers)
    await call.hears_the_end(pause=2)
    for question in questions:
        await call.says(question)
        await call.hears_the_end(pause=2)
    call.hang_up()
    await ended(house)


PLAN = {
    "schema": {"type": "object", "properties": {"account": {"type": "object"}}},
    "aliases": [{"key": "tier", "value": "{{ $.account.tier | upcase }} of {{customer.number}}"}],
}


@virtual
async def test_what_one_tool_finds_out_is_sent_with_the_next(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        fixed = [{"key": "for", "value": {"id": "{{account.id}}", "tier": "{{tier}}"}}]
        house.directory.assistants["assistant-1"] = with_tools(
            function("look_up", variableExtractionPlan=PLAN),
            function("order", parameters=fixed, messages=[{"type": "request-start", "content": "{{tier}}."}]),
        )
        speak(house, Frontdesk=([LOOK_UP], "Found.", [ORDER], "Ordered."))
        seen = serve(house, {"look_up": '{"account": {"id": 7, "tier": "gold"}}', "order": "ok"})
        await asked(house, "Who am I?", "A rose.")

    assert seen == [{"name": "Ann"}, {"item": "rose", "for": {"id": "7", "tier": "GOLD of caller"}}]
    assert "AI: GOLD of caller." in house.report["transcript"]
    kept = house.report["artifact"]["variableValues"]
    assert (kept["account"], kept["tier"]) == ({"id": 7, "tier": "gold"}, "GOLD of caller")


@pytest.mark.parametrize(
    "result", ["not json", {"error": "closed"}, '{"customer": {"number": "+1666"}, "call": {"id": "x"}}']
)
def test_results_that_bring_nothing(tmp_path: Path, result: object) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            fixed = [{"key": "from", "value": "{{customer.number}} {{call.id}} {{account.id}}"}]
            house.directory.assistants["assistant-1"] = with_tools(
                function("look_up", variableExtractionPlan={**PLAN, "aliases": []}),
                function("order", parameters=fixed),
            )
            shadow = ToolCall("c2", "order", {"customer": {"number": "+1666"}, "account": {"id": "6"}})
            speak(house, Frontdesk=([LOOK_UP], "Found.", [shadow], "Ordered."))
            seen = serve(house, {"look_up": result, "order": "ok"})
            await asked(house, "Who am I?", "A rose.", headers=[("X-Customer", "evil")])

        assert seen[1]["from"] == f"caller {house.call_id} "

    story()


@virtual
async def test_a_tool_without_any_server_is_only_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(tmp_path) as house:
        del house.number["server"]
        house.directory.assistants["assistant-1"] = with_tools(
            function("look_up", messages=[{"type": "request-complete", "content": "Noted."}])
        )
        speak(house, Frontdesk=([LOOK_UP], [LOOK_UP]))
        await asked(house, "My name is Ann.", "And so on.")

    assert house.asked == []
    noted = [one for one in house.row["artifact"]["messages"] if one["role"].startswith("tool_call")]
    assert [one["role"] for one in noted] == ["tool_calls", "tool_call_result"] * 2
    assert noted[1]["result"] == "No result returned."
    assert house.row["artifact"]["transcript"].count("AI: Noted.") == 2
    assert caplog.text.count("no server is set for the tool look_up") == 1


@pytest.mark.parametrize(
    ("retries", "result"), [(2, "found"), (1, "the tool's server did not answer: status")]
)
def test_a_server_that_fails_is_asked_again_as_its_plan_says(
    tmp_path: Path, retries: int, result: str
) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            plan = {"type": "fixed", "maxRetries": retries, "baseDelaySeconds": 1}
            server = {"url": "http://tools.test", "backoffPlan": plan}
            house.directory.assistants["assistant-1"] = with_tools(function("look_up", server=server))
            speak(house, Frontdesk=([LOOK_UP], "Found."))

            async def answering(message: Document) -> Document:
                if len(house.asked) < 3:
                    raise AskFailed("status", "it answered 503", status=503)
                return {"results": [{"toolCallId": "c1", "result": "found"}]}

            house.answering = answering
            await asked(house, "Who am I?")

        assert len(house.asked) == retries + 1
        (noted,) = [one for one in house.row["artifact"]["messages"] if one["role"] == "tool_call_result"]
        assert noted["result"] == result

    story()


@virtual
async def test_what_was_said_can_be_sent_along(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        templates = {"said": "{{transcript}}", "first": "{{messages.first.content}}"}
        fixed = [{"key": key, "value": value} for key, value in templates.items()]
        house.directory.assistants["assistant-1"] = with_tools(function("order", parameters=fixed))
        speak(house, Frontdesk=([ORDER], "Ordered."))
        seen = serve(house, {"order": "ok"})
        await asked(house, "A rose, please.")

    assert seen[0]["said"].startswith("AI: Thanks for calling.\nUser: A rose, please.\n")
    assert seen[0]["first"] == "Thanks for calling."


WHO = "{{assistant.name}} {{call.assistantId}}: {{tier}}/{{own}}/{{sla}}/{{intent}}/{{weekday}}"
SCHEMA = {"type": "object", "properties": {"weekday": {"type": "string"}}}


def squad(**destination: Any) -> Document:
    """Desk, who hands over to Sales, each with an `own` variable."""
    to = {"type": "assistant", "assistantName": "Sales", **destination}
    asks = {"destination": {"type": "string"}, "intent": {"type": "string"}}
    handoff = {
        "type": "handoff",
        "function": {"name": "sell", "parameters": {"type": "object", "properties": asks}},
        "destinations": [to],
    }
    desk = with_tools(function("look_up", variableExtractionPlan=PLAN), handoff, name="Desk")
    sales = with_tools(name="Sales", firstMessage=WHO, endCallMessage="{{own}}")
    return {
        "members": [
            {"assistant": desk, "assistantOverrides": {"variableValues": {"own": "desk's"}}},
            {"assistant": sales, "assistantOverrides": {"variableValues": {"own": "sales'"}}},
        ]
    }


SELL = ToolCall("c9", "sell", {"destination": "Sales", "intent": "buys", "made_up": "x", "customer": "x"})
NOTED: Script = [ToolCall("n1", "note_facts", {"weekday": "Monday", "other": "x"})]


async def handed_over(tmp_path: Path, note: Script, **destination: Any) -> tuple[House, ScriptedModel]:
    async with open_house(tmp_path) as house:
        house.number.update(assistantId=None, squadId="s1")
        house.directory.squads["s1"] = squad(**destination)
        models = speak(house, Desk=([LOOK_UP], "Found.", [SELL], note, "No."), Sales=("We sell.",))
        serve(house, {"look_up": {"account": {"id": 7, "tier": "gold"}}})
        await asked(house, "Who am I?", "I want to buy something on Monday.")
    return house, models["Desk"]


@virtual
async def test_the_next_assistant_speaks_of_itself_and_knows_what_was_found(tmp_path: Path) -> None:
    house, desk = await handed_over(
        tmp_path,
        NOTED,
        assistantOverrides={"variableValues": {"sla": 30}},
        variableExtractionPlan={
            "schema": SCHEMA,
            "aliases": [{"key": "tier", "value": "{{tier}}, {{weekday}}"}],
        },
    )

    said = "Sales : GOLD of caller, Monday/sales'/30/buys/Monday"
    assert house.report["transcript"].splitlines()[-1] == f"AI: {said}"
    kept = house.report["artifact"]["variableValues"]
    assert kept["assistant"] == {"id": None, "name": "Sales"}
    assert kept["customer"]["number"] == "caller"
    assert not {"made_up", "other", "destination"} & set(kept)
    question = desk.requests[3]
    assert "I want to buy something on Monday." in question[0]["content"]
    assert [tool.parameters for tool in desk.tools[3]] == [SCHEMA]


@pytest.mark.parametrize(
    ("note", "day"),
    [
        ('Here it is: ```{"weekday": "Monday"}```', "Monday"),
        ("I cannot say.", ""),
        ([RuntimeError("boom")], ""),
        ([60.0], ""),
        ([ToolCall("n1", "note_facts", {"weekday": ["Monday"]})], ""),
    ],
)
def test_nothing_that_goes_wrong_with_an_extraction_keeps_the_caller(
    tmp_path: Path, note: Script, day: str
) -> None:
    @virtual
    async def story() -> None:
        house, _ = await handed_over(tmp_path, note, variableExtractionPlan={"schema": SCHEMA})
        assert house.report["transcript"].splitlines()[-1].endswith(f"//buys/{day}")

    story()


@virtual
async def test_a_later_destination_s_own_values_replace_what_was_found_before(tmp_path: Path) -> None:
    house, _ = await handed_over(tmp_path, "-", assistantOverrides={"variableValues": {"tier": "new"}})

    assert house.report["artifact"]["variableValues"]["tier"] == "new"


@pytest.mark.parametrize(
    ("offered", "arguments", "seen"),
    [
        ({"city": {}}, {"city": "Rome"}, "Rome"),
        ({}, {"city": "Rome"}, "Paris"),
        ({}, {"town": "Rome"}, "Paris"),
    ],
)
def test_which_of_two_values_a_template_sees(offered: Document, arguments: Document, seen: str) -> None:
    definition = ToolDefinition("tool", "", {"type": "object", "properties": offered})
    call = ToolCall("t1", "tool", arguments)
    assert filling(definition, call, {"city": "Paris"})["city"] == seen
