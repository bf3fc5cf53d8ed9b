"""The messages around a tool, and several tools at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kind import FILLERS
from offhook.language.language_model import Text, ToolCall
from tests.conversation.stage import on_stage
from tests.conversation.test_conversation import plays
from tests.conversation.tools.test_acting import asks, said, settles, with_tools
from tests.scripted import Script, ScriptedWorld
from tests.virtual import run_virtual

HOURS = ToolCall("c1", "hours", {"day": "Monday", "count": 5})
ANSWER = "We open at nine."


def tool(name: str = "hours", *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}, "messages": list(messages), **more}


def start(content: str = "Let me look.", **more: Any) -> dict[str, Any]:
    return {"type": "request-start", "content": content, **more}


def complete(content: str = "Here it is.", **more: Any) -> dict[str, Any]:
    return {"type": "request-complete", "content": content, **more}


def failed(content: str = "It did not work.", **more: Any) -> dict[str, Any]:
    return {"type": "request-failed", "content": content, **more}


def late(content: str, milliseconds: int | None = None, **more: Any) -> dict[str, Any]:
    timing = {} if milliseconds is None else {"timingMilliseconds": milliseconds}
    return {"type": "request-response-delayed", "content": content, **timing, **more}


def only(param: str, operator: str, value: str) -> dict[str, Any]:
    return {"conditions": [{"param": param, "operator": operator, "value": value}]}


def texts(**by_language: str) -> dict[str, Any]:
    given = [{"type": "text", "text": text, "language": language} for language, text in by_language.items()]
    return {"contents": given}


NINE, NO = ToolOutcome(result="nine"), ToolOutcome(error="closed")
ENDS: dict[str, Any] = {"endCallAfterSpokenEnabled": True}
SYSTEM = {"role": "system"}
END = "assistant-ended-call-after-message-spoken"


@pytest.mark.parametrize(
    ("messages", "outcome", "seconds", "heard", "ended"),
    [
        # request-start
        ([start()], NINE, 1, ["Let me look.", ANSWER], None),
        ([start("Of {{day}}.")], NINE, 1, ["Of Monday.", ANSWER], None),
        ([start(""), complete()], NINE, 1, ["Here it is."], None),
        ([start(**only("day", "eq", "Monday"))], NINE, 1, ["Let me look.", ANSWER], None),
        (
            [start(**only("day", "eq", "Sunday")), start("Many.", **only("count", "gte", "5"))],
            NINE,
            1,
            ["Many.", ANSWER],
            None,
        ),
        ([start(**texts(de="Moment.", en="One second."))], NINE, 1, ["One second.", ANSWER], None),
        ([start(**texts(de="Moment.", fr="Un moment."))], NINE, 1, ["Moment.", ANSWER], None),
        ([start(blocking=True), late("Never.", 500)], NINE, 0.4, ["Let me look.", ANSWER], None),
        # request-response-delayed
        ([start(), late("Soon.", 3000), late("Now.", 100)], NINE, 2, ["Let me look.", "Now.", ANSWER], None),
        ([start(), late("Soon.", 3000)], NINE, 5, ["Let me look.", "Soon.", ANSWER], None),
        ([start(), late("Soon.")], NINE, 4, ["Let me look.", "Soon.", ANSWER], None),
        ([start(), late("B.", 2000), late("A.", 1500)], NINE, 4, ["Let me look.", "A.", "B.", ANSWER], None),
        (
            [start(), late("No.", 100, **only("day", "eq", "Sunday"))],
            NINE,
            4,
            ["Let me look.", ANSWER],
            None,
        ),
        (
            [start(), late("Soon.", 1500), failed()],
            NO,
            3,
            ["Let me look.", "Soon.", "It did not work."],
            None,
        ),
        # request-complete and request-failed
        ([start(), complete(), failed()], NINE, 1, ["Let me look.", "Here it is."], None),
        ([start(), complete(), failed()], NO, 1, ["Let me look.", "It did not work."], None),
        ([start(), complete()], NO, 1, ["Let me look.", ANSWER], None),
        ([start(), complete(**only("day", "eq", "Sunday"))], NINE, 1, ["Let me look.", ANSWER], None),
        ([start(), complete(**ENDS)], NINE, 1, ["Let me look.", "Here it is."], END),
        ([start(), failed(**ENDS)], NO, 1, ["Let me look.", "It did not work."], END),
        ([start(), complete("Be short.", **SYSTEM, **ENDS)], NINE, 1, ["Let me look.", ANSWER], None),
        ([start(), failed("Be kind.", **SYSTEM)], NO, 1, ["Let me look.", ANSWER], None),
        # what comes with the result
        (
            [start(), complete()],
            ToolOutcome(result="x", message="Mine."),
            1,
            ["Let me look.", "Mine."],
            None,
        ),
        (
            [start(), complete()],
            ToolOutcome(result="x", message="Mine.", end_call_after=True),
            1,
            ["Let me look.", "Mine."],
            END,
        ),
        ([start(), complete()], ToolOutcome(result="x", hint="Hint."), 1, ["Let me look.", ANSWER], None),
    ],
)
def test_what_is_said_around_a_tool(
    messages: list[dict[str, Any]], outcome: ToolOutcome, seconds: float, heard: list[str], ended: str | None
) -> None:
    async def story() -> None:
        world = ScriptedWorld(outcomes={"hours": (seconds, outcome)})
        document = with_tools(tool("hours", *messages))
        async with on_stage([[HOURS], ANSWER], assistant=document, world=world) as stage:
            await asks(stage, "What are your hours?")
            await settles(stage)
            assert said(stage) == heard
            assert stage.ended == ([ended] if ended else [])
            hints = {one["content"] for one in stage.model.requests[-1] if one["role"] == "system"}
            told = {one["content"] for one in messages if one.get("role") == "system"}
            assert hints == told | ({outcome.hint} if outcome.hint else set())

    run_virtual(story())


@pytest.mark.parametrize(
    ("language", "heard"), [("de", "Moment."), ("de-AT", "Moment."), ("pt", "Moment."), ("fr", "Un moment.")]
)
def test_messages_are_in_the_language_of_the_call(language: str, heard: str) -> None:
    async def story() -> None:
        message = start(**texts(de="Moment.", **{"fr-CA": "Un moment."}))
        transcriber = {"provider": "deepgram", "language": language}
        document = with_tools(tool("hours", message), transcriber=transcriber)
        world = ScriptedWorld(outcomes={"hours": (1.0, NINE)})
        async with on_stage([[HOURS], ANSWER], assistant=document, world=world) as stage:
            await asks(stage)
            await settles(stage)
            assert said(stage) == [heard, ANSWER]

    run_virtual(story())


PRICES = ToolCall("c2", "prices", {})
BOTH: list[Script] = [[HOURS, PRICES], ANSWER]


def both(first: float, second: float) -> ScriptedWorld:
    price = ToolOutcome(result="ten")
    return ScriptedWorld(outcomes={"hours": (first, NINE), "prices": (second, price)})


@pytest.mark.parametrize(("first", "second"), [(1.0, 3.0), (3.0, 1.0), (0.0, 0.0)])
def test_calls_of_one_answer_run_together_and_their_results_keep_their_places(
    first: float, second: float
) -> None:
    async def story() -> None:
        document = with_tools(tool("hours"), tool("prices"))
        async with on_stage(BOTH, assistant=document, world=both(first, second)) as stage:
            await asks(stage)
            await stage.caller.hears()
            began = asyncio.get_running_loop().time()
            await settles(stage)
            filler, answer = said(stage)
            assert filler in FILLERS
            assert answer == ANSWER
            assert asyncio.get_running_loop().time() - began < first + second + 10
            assert len(stage.model.requests) == 2
            results = [one for one in stage.model.requests[1] if one["role"] == "tool"]
            assert [(one["tool_call_id"], one["content"]) for one in results] == [
                ("c1", "nine"),
                ("c2", "ten"),
            ]

    run_virtual(story())


@plays
async def test_words_that_tools_have_in_common_are_said_once() -> None:
    document = with_tools(tool("hours", start()), tool("prices", start(), complete("Ten euros.")))
    async with on_stage(BOTH, assistant=document, world=both(1.0, 2.0)) as stage:
        await asks(stage)
        await settles(stage)
        assert said(stage) == ["Let me look.", "Ten euros.", ANSWER]


@plays
async def test_each_call_has_an_id_of_its_own_whatever_the_model_says() -> None:
    same = ToolCall("call_0", "hours", {})
    answers: list[Script] = [[same, same], [same], ANSWER]
    world = ScriptedWorld(outcomes={"hours": (0.5, NINE)})
    async with on_stage(answers, assistant=with_tools(tool()), world=world) as stage:
        await asks(stage)
        await settles(stage)
        ids = ["call_0", "call_0_2", "call_0_3"]
        assert [call.id for call in world.ran] == ids
        shown = stage.model.requests[-1]
        assert [one["tool_call_id"] for one in shown if one["role"] == "tool"] == ids
        assert [call["id"] for one in shown for call in one.get("tool_calls", ())] == ids


@plays
async def test_a_call_with_arguments_that_are_none_is_not_run() -> None:
    broken = ToolCall("c1", "hours", {}, problem="No JSON.")
    world = ScriptedWorld(outcomes={"hours": (0.5, NINE)})
    answers: list[Script] = [[broken], [HOURS], ANSWER]
    async with on_stage(answers, assistant=with_tools(tool("hours", start())), world=world) as stage:
        await asks(stage)
        await settles(stage)
        assert [one["content"] for one in stage.model.requests[-1] if one["role"] == "tool"] == [
            "No JSON.",
            "nine",
        ]
        assert len(world.ran) == 1
        assert said(stage) == ["Let me look.", ANSWER]


@pytest.mark.parametrize(
    ("other", "ended", "heard"),
    [
        (ToolCall("c2", "endCall", {}), ["assistant-ended-call"], ["Goodbye."]),
        (ToolCall("c2", "transferCall", {}), [], ["Goodbye.", "Transferring the call now"]),
        (ToolCall("c2", "rings_off", {}), [END], ["Goodbye.", "Here it is."]),
    ],
)
@pytest.mark.parametrize("seconds", [0.0, 6.0])
def test_the_model_is_not_asked_again_by_a_tool_beside_one_that_leaves(
    other: ToolCall, ended: list[str], heard: list[str], seconds: float
) -> None:
    async def story() -> None:
        answers: list[Script] = [[Text("Goodbye."), HOURS, other]]
        desk = {"type": "transferCall", "destinations": [{"type": "number", "number": "+15551234567"}]}
        document = with_tools(tool(), {"type": "endCall"}, desk, tool("rings_off", complete(**ENDS)))
        outcomes = {"hours": (seconds, NINE), "rings_off": (0.1, NINE)}
        async with on_stage(answers, assistant=document, world=ScriptedWorld(outcomes=outcomes)) as stage:
            await asks(stage, "Bye.")
            await asyncio.sleep(12)
            assert stage.ended == ended
            assert said(stage) == heard
            assert len(stage.model.requests) == 1

    run_virtual(story())


@pytest.mark.parametrize(("seconds", "done"), [(2.0, True), (60.0, False)])
def test_an_async_tool_outlives_the_call_a_little(seconds: float, done: bool) -> None:
    class Slow(ScriptedWorld):
        made = False

        async def run_tool(self, tool: Any, call: ToolCall) -> ToolOutcome:
            await asyncio.sleep(seconds)
            self.made = True
            return NINE

    async def story() -> None:
        world = Slow()
        document = with_tools(tool("hours", **{"async": True}), {"type": "endCall"}) | {"endCallMessage": ""}
        answers: list[Script] = [[HOURS, ToolCall("c2", "endCall", {})]]
        async with on_stage(answers, assistant=document, world=world) as stage:
            await asks(stage, "Bye.")
            await asyncio.sleep(0.5)
            assert stage.ended == ["assistant-ended-call"]
            assert not world.made
        assert world.made is done

    run_virtual(story())
