"""From one assistant to the next: nobody hears a gap, and nothing of those who do not come is left."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from offhook.conversation import Engines
from offhook.conversation.events import HandedOver, Named, VoiceText
from offhook.conversation.own_words import APOLOGY
from offhook.frames import FRAME_SECONDS
from offhook.language.language_model import Text, ToolCall
from offhook.speech.engine_protocols import EngineError
from tests.conversation.stage import Stage, assistant_of, on_stage
from tests.conversation.test_conversation import plays
from tests.conversation.tools.test_acting import asks, said, with_tools
from tests.documents import handoff_to
from tests.scripted import Script, ScriptedModel, ScriptedTranscriber, ScriptedVoice, ScriptedWorld
from tests.virtual import run_virtual

OPENING = "Sales here. What can I do?"
TO_SALES = ToolCall("c1", "handoff_to_Sales", {})
GLADLY: Script = [Text("Gladly, one moment."), TO_SALES]


def to_sales(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    destination = {"type": "assistant", "assistantName": "Sales"}
    return {"type": "handoff", "destinations": [destination], "messages": list(messages), **more}


class SlowWorld(ScriptedWorld):
    """Takes its time to find an assistant."""

    finding = 0.0

    async def assistant_for(self, destination: Any) -> Any:
        await asyncio.sleep(self.finding)
        return await super().assistant_for(destination)


def sales(finding: float = 0.0, **document: Any) -> tuple[SlowWorld, Engines]:
    other = assistant_of({"name": "Sales", "firstMessage": OPENING, **document})
    engines = Engines(
        ScriptedTranscriber(), ScriptedModel(["We sell toothbrushes."]), ScriptedVoice(latency=0.5)
    )
    place = SlowWorld(assistants={"Sales": other})
    place.finding = finding
    return place, engines


async def until_sales_speaks(stage: Stage) -> None:
    async with asyncio.timeout(60):
        while not stage.told(HandedOver):
            await asyncio.sleep(FRAME_SECONDS)
    await stage.caller.hears_the_end(pause=3)


def gap(stage: Stage) -> float:
    """The longest silence after the assistant's answer has begun, in seconds."""
    begun = next(at for before, at in pairwise(stage.caller.played) if at - before > 1)
    played = [at for at in stage.caller.played if at >= begun]
    return max(after - before for before, after in pairwise(played))


@plays
async def test_the_next_voice_follows_the_last_one_without_a_gap() -> None:
    place, engines = sales(finding=0.5)
    document = with_tools(to_sales(), name="Desk")
    async with on_stage([GLADLY], assistant=document, world=place, others=[engines]) as stage:
        await asks(stage, "Sales, please.")
        await until_sales_speaks(stage)

        assert said(stage) == ["Gladly, one moment.", OPENING]
        # Finding it takes 0.5 s and its voice 0.5 s; both were done meanwhile.
        assert gap(stage) <= 2 * FRAME_SECONDS + 1e-6
        assert isinstance(engines.voice, ScriptedVoice)
        assert engines.voice.spoken == [OPENING]
        assert [one.text for one in stage.told(VoiceText)].count(OPENING) == 1


@plays
async def test_a_first_message_that_is_only_known_at_the_hand_over_is_said_all_the_same() -> None:
    place, engines = sales(firstMessage="{{greeting}} Sales here.")
    variables = {"greeting": "Hello!"}
    document = with_tools(to_sales(), name="Desk")
    async with on_stage(
        [GLADLY], assistant=document, world=place, others=[engines], variables=variables
    ) as stage:

        def told(event: Any) -> None:
            if isinstance(event, HandedOver):
                variables["greeting"] = "Good day!"

        stage.heed = told
        await asks(stage, "Sales, please.")
        await until_sales_speaks(stage)

        assert said(stage)[-1] == "Good day! Sales here."


COMPLETE = {"type": "request-complete", "content": "You are connected."}


@pytest.mark.parametrize(
    ("messages", "document", "heard", "ended"),
    [
        ([], {}, ["Gladly, one moment.", OPENING], []),
        (
            [{"type": "request-start", "content": "Over to Sales."}],
            {},
            ["Gladly, one moment.", "Over to Sales.", OPENING],
            [],
        ),
        (
            [COMPLETE],
            {},
            ["Gladly, one moment.", "You are connected.", OPENING],
            [],
        ),
        ([COMPLETE], {"firstMessage": ""}, ["Gladly, one moment.", "You are connected."], []),
        (
            [COMPLETE | {"role": "system"}],
            {"firstMessage": ""},
            ["Gladly, one moment.", "We sell toothbrushes."],
            [],
        ),
        (
            [COMPLETE | {"endCallAfterSpokenEnabled": True}],
            {"firstMessage": ""},
            ["Gladly, one moment.", "You are connected."],
            ["assistant-ended-call-after-message-spoken"],
        ),
        (
            [],
            {"firstMessage": "", "firstMessageMode": "assistant-waits-for-user"},
            ["Gladly, one moment."],
            [],
        ),
    ],
)
def test_what_is_said_around_a_hand_over(
    messages: list[dict[str, Any]], document: dict[str, Any], heard: list[str], ended: list[str]
) -> None:
    async def story() -> None:
        place, engines = sales(**document)
        tools = with_tools(to_sales(*messages), name="Desk")
        async with on_stage([GLADLY], assistant=tools, world=place, others=[engines]) as stage:
            await asks(stage, "Sales, please.")
            await asyncio.sleep(15)
            assert said(stage) == heard
            assert stage.ended == ended
            assert isinstance(engines.model, ScriptedModel)
            hints = [one for shown in engines.model.requests for one in shown if one["role"] == "system"]
            assert [one["content"] for one in hints] == (
                ["You are connected."] if messages and messages[0].get("role") == "system" else []
            )

    run_virtual(story())


@plays
async def test_a_caller_who_waits_for_the_next_assistant_is_told_so() -> None:
    place, engines = sales(finding=6.0)
    late = {"type": "request-response-delayed", "content": "Still looking.", "timingMilliseconds": 3000}
    failed = {"type": "request-failed", "content": "Nobody is there."}
    for others, last in (([engines], OPENING), ([], "Nobody is there.")):
        if not others:
            place.assistants.clear()
        document = with_tools(to_sales(late, failed), name="Desk")
        async with on_stage([GLADLY], assistant=document, world=place, others=others) as stage:
            await asks(stage, "Sales, please.")
            await asyncio.sleep(20)
            assert said(stage) == ["Gladly, one moment.", "Still looking.", last]


@plays
async def test_of_two_hand_overs_at_once_one_comes_about() -> None:
    place, engines = sales()
    spare = Engines(ScriptedTranscriber(), ScriptedModel(["x"]), ScriptedVoice())
    answers: list[Script] = [[TO_SALES, ToolCall("c2", "handoff_to_Sales", {})]]
    document = with_tools(to_sales(), name="Desk")
    async with on_stage(answers, assistant=document, world=place, others=[engines, spare]) as stage:
        await asks(stage, "Sales, please.")
        await until_sales_speaks(stage)
        assert len(stage.told(HandedOver)) == 1
        assert said(stage) == [OPENING]
        transcribers: list[Any] = [engines.transcriber, spare.transcriber]
        assert sorted(one.closed for one in transcribers) == [False, True]


@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.9, 1.2, 1.5])
def test_a_call_that_ends_on_the_way_leaves_nobody_behind(seconds: float) -> None:
    async def story() -> None:
        place, engines = sales(finding=0.5)
        document = with_tools(to_sales(), name="Desk")
        async with on_stage([GLADLY], assistant=document, world=place, others=[engines]) as stage:
            await asks(stage, "Sales, please.")
            await stage.caller.hears()
            await asyncio.sleep(seconds)
        assert isinstance(engines.voice, ScriptedVoice)
        assert engines.voice.speaking == 0
        # Either it has not come yet, or it is gone.
        assert engines.voice.closed or not engines.voice.spoken

    run_virtual(story())


@plays
async def test_a_voice_that_fails_while_it_rehearses_is_apologised_for() -> None:
    place, engines = sales()
    broken = ScriptedVoice(fails_at="Sales", failure=EngineError("voice", "scripted", "no"))
    others = [Engines(engines.transcriber, engines.model, broken)]
    document = with_tools(to_sales(), name="Desk")
    async with on_stage(
        [GLADLY], assistant=document, world=place, others=others, emergency=ScriptedVoice()
    ) as stage:
        await asks(stage, "Sales, please.")
        await asyncio.sleep(15)
        assert stage.ended == ["pipeline-error-scripted-voice-failed"]
        assert said(stage) == ["Gladly, one moment.", APOLOGY]


@plays
async def test_a_dynamic_destination_is_waited_for_with_words() -> None:
    place, engines = sales()

    async def names(tool: Any, destination: Any, call: Any) -> Named:
        await asyncio.sleep(5)
        return Named(handoff_to({"type": "assistant", "assistantName": "Sales"}))

    place.handoff_destination = names  # type: ignore[method-assign]  # an owner who takes his time
    tool = {
        "type": "handoff",
        "function": {"name": "sell"},
        "destinations": [{"type": "dynamic"}],
        "messages": [
            {"type": "request-start", "content": "Let me see who is free."},
            {"type": "request-response-delayed", "content": "One more second.", "timingMilliseconds": 3000},
        ],
    }
    answers: list[Script] = [[ToolCall("c1", "sell", {})]]
    async with on_stage(answers, assistant=with_tools(tool), world=place, others=[engines]) as stage:
        await asks(stage, "Sales, please.")
        await until_sales_speaks(stage)
        assert said(stage) == ["Let me see who is free.", "One more second.", OPENING]


@plays
async def test_a_transcriber_that_fails_before_its_assistant_takes_over_is_not_listened_with() -> None:
    """It stood ready while the announcement was still being said."""
    place, engines = sales()
    assert isinstance(engines.transcriber, ScriptedTranscriber)
    document = with_tools(to_sales(), name="Desk")
    gladly: Script = [Text("Gladly, one moment, somebody from sales will be with you."), TO_SALES]
    async with on_stage([gladly], assistant=document, world=place, others=[engines]) as stage:
        await asks(stage, "Sales, please.")
        await stage.caller.hears()
        await asyncio.sleep(0.5)
        assert not stage.told(HandedOver)
        engines.transcriber.fail(EngineError("transcriber", "scripted", "gone"))
        await until_sales_speaks(stage)
        await asyncio.sleep(20)
        assert stage.ended == ["pipeline-error-scripted-transcriber-failed"]
