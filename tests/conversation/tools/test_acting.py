"""Tools, transfers, hand-overs and failing engines, in whole conversations."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation import Engines
from offhook.conversation.events import (
    AssistantLate,
    EngineFailed,
    HandedOver,
    ModelUsed,
    ModelWrote,
    Named,
    SpeechStarted,
    SpeechWritten,
    ToolOutcome,
    TurnMeasured,
)
from offhook.conversation.own_words import APOLOGY, ONE_MOMENT, SAY_AGAIN, STILL_TRYING
from offhook.conversation.tools.tool_kind import FILLERS
from offhook.language.language_model import ModelError, Text, ToolCall
from offhook.speech.engine_protocols import EngineError
from tests.conversation.stage import FIRST, Stage, assistant_of, on_stage
from tests.conversation.test_conversation import now, plays
from tests.documents import handoff_to, transfer_to
from tests.scripted import Script, ScriptedModel, ScriptedTranscriber, ScriptedVoice, ScriptedWorld
from tests.virtual import run_virtual

LOOKUP = ToolCall("c1", "lookup", {"q": "hours"})


def with_tools(*tools: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": {"provider": "vapi", "tools": list(tools)}, **more}


def lookup(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return with_tools(
        {"type": "function", "function": {"name": "lookup"}, "messages": list(messages), **more}
    )


def world(seconds: float = 1.0, **outcome: Any) -> ScriptedWorld:
    return ScriptedWorld(outcomes={"lookup": (seconds, ToolOutcome(**(outcome or {"result": "nine"})))})


async def asks(stage: Stage, text: str = "What are your hours?") -> None:
    await stage.caller.hears_the_end()
    await stage.caller.says(text)


async def settles(stage: Stage) -> None:
    await stage.caller.hears_the_end(pause=4)


def said(stage: Stage) -> list[str]:
    """What the assistant said after the caller's question."""
    return [line.removeprefix("AI: ") for line in stage.lines[2:] if line.startswith("AI: ")]


ANSWERS: list[Script] = [[LOOKUP], "We open at nine."]


# results and messages around a tool


@plays
async def test_a_tool_s_result_goes_back_to_the_model() -> None:
    async with on_stage(ANSWERS, assistant=lookup(), world=world()) as stage:
        await asks(stage)
        await settles(stage)
        assert stage.world.ran == [LOOKUP]
        call, result = stage.model.requests[1][-2:]
        assert call["tool_calls"][0]["function"] == {"name": "lookup", "arguments": '{"q": "hours"}'}
        assert result == {"role": "tool", "tool_call_id": "c1", "content": "nine"}
        filler, answer = said(stage)
        assert filler in FILLERS
        assert answer == "We open at nine."
        roles = [message["role"] for message in stage.conversation.transcript.to_messages(0, 0)]
        assert roles == ["bot", "user", "tool_calls", "bot", "tool_call_result", "bot"]
        assert stage.told(ModelUsed)[0] == ModelUsed(10, 5)
        outputs = [event.output for event in stage.told(ModelWrote)]
        assert isinstance(outputs[0], dict)
        assert "".join(str(output) for output in outputs[1:]) == "We open at nine."


@plays
async def test_an_assistant_that_says_it_is_at_it_is_not_late() -> None:
    async with on_stage(ANSWERS, assistant=lookup(START), world=world(8.0)) as stage:
        await asks(stage)
        await stage.caller.hears_the_end(pause=9)
        assert said(stage) == ["Looking up hours.", "We open at nine."]
        assert stage.told(AssistantLate) == []


@pytest.mark.parametrize(
    "answers", [ANSWERS, [ModelError("scripted", "busy"), ModelError("scripted", "busy"), "Nine."]]
)
def test_what_the_caller_adds_over_the_first_words_does_not_take_the_place_of_the_question(
    answers: list[Script],
) -> None:
    async def story() -> None:
        async with on_stage(answers, assistant=lookup(), world=world(3.0)) as stage:
            await asks(stage, "I need a table.")
            await stage.caller.hears()
            await stage.caller.says("For two people.", 1.2)
            await settles(stage)
            users = [one["content"] for one in stage.model.requests[-1] if one["role"] == "user"]
            assert " ".join(users) == "I need a table. For two people."

    run_virtual(story())


@plays
async def test_no_filler_after_the_model_s_own_words() -> None:
    answers: list[Script] = [[Text("Let me look."), LOOKUP], "We open at nine."]
    async with on_stage(answers, assistant=lookup(), world=world()) as stage:
        await asks(stage)
        await settles(stage)
        assert said(stage) == ["Let me look.", "We open at nine."]
        assert stage.model.requests[1][-2]["content"] == "Let me look."


START = {"type": "request-start", "content": "Looking up {{q}}."}
COMPLETE = {"type": "request-complete", "content": "Here it is."}
FAILED = {"type": "request-failed", "content": "That did not work."}


@pytest.mark.parametrize(
    ("messages", "outcome", "heard", "requests"),
    [
        ([START], {"result": "nine"}, ["Looking up hours.", "We open at nine."], 2),
        ([START, COMPLETE], {"result": "nine"}, ["Looking up hours.", "Here it is."], 1),
        ([START, COMPLETE, FAILED], {"error": "no"}, ["Looking up hours.", "That did not work."], 1),
        ([START, COMPLETE], {"error": "no"}, ["Looking up hours.", "We open at nine."], 2),
        ([START, COMPLETE], {"result": "x", "message": "Mine!"}, ["Looking up hours.", "Mine!"], 1),
        ([START | {"content": ""}], {"result": "nine"}, ["We open at nine."], 2),
        (
            [START, COMPLETE | {"role": "system"}],
            {"result": "x"},
            ["Looking up hours.", "We open at nine."],
            2,
        ),
    ],
)
def test_what_is_said_about_a_result(
    messages: list[dict[str, Any]], outcome: dict[str, Any], heard: list[str], requests: int
) -> None:
    async def story() -> None:
        async with on_stage(ANSWERS, assistant=lookup(*messages), world=world(**outcome)) as stage:
            await asks(stage)
            await settles(stage)
            assert said(stage) == heard
            assert len(stage.model.requests) == requests

    run_virtual(story())


@plays
async def test_a_system_message_is_a_hint_to_the_model() -> None:
    hint = COMPLETE | {"role": "system", "content": "Be short."}
    async with on_stage(ANSWERS, assistant=lookup(hint), world=world()) as stage:
        await asks(stage)
        await settles(stage)
        assert stage.model.requests[1][-1] == {"role": "system", "content": "Be short."}


@plays
async def test_a_blocking_message_is_spoken_before_the_tool_runs() -> None:
    async with on_stage(ANSWERS, assistant=lookup(START | {"blocking": True}), world=world()) as stage:
        await asks(stage)
        await stage.caller.hears()
        assert stage.world.ran == []
        await settles(stage)
        assert said(stage) == ["Looking up hours.", "We open at nine."]


@plays
async def test_a_slow_tool_is_apologised_for_in_stages() -> None:
    delays = [
        {"type": "request-response-delayed", "content": text, "timingMilliseconds": at}
        for text, at in [("Nearly there.", 6000), ("Still looking.", 3000), ("Never.", 60000)]
    ]
    async with on_stage(ANSWERS, assistant=lookup(START, *delays), world=world(9.0)) as stage:
        await asks(stage)
        await settles(stage)
        assert said(stage) == ["Looking up hours.", "Still looking.", "Nearly there.", "We open at nine."]


@plays
async def test_an_async_tool_is_not_waited_for() -> None:
    document = lookup(START, **{"async": True})
    async with on_stage(ANSWERS, assistant=document, world=world(20.0)) as stage:
        await asks(stage)
        await settles(stage)
        assert said(stage) == ["We open at nine."]
        assert stage.world.ran == [LOOKUP]


@plays
async def test_a_message_can_end_the_call() -> None:
    document = lookup(START, COMPLETE | {"endCallAfterSpokenEnabled": True})
    async with on_stage(ANSWERS, assistant=document, world=world()) as stage:
        await asks(stage)
        await settles(stage)
        assert said(stage)[-1] == "Here it is."
        assert stage.ended == ["assistant-ended-call-after-message-spoken"]


@plays
async def test_a_model_that_only_calls_tools_is_made_to_answer() -> None:
    async with on_stage(
        [[LOOKUP]] * 8 + ["At last."], assistant=lookup(START | {"content": ""}), world=world(0)
    ) as stage:
        await asks(stage)
        await settles(stage)
        assert len(stage.model.requests) == 9
        assert stage.model.tools[-1] == ()
        assert said(stage) == ["At last."]


@plays
async def test_an_unknown_tool_is_an_answer_to_the_model() -> None:
    async with on_stage([[ToolCall("c9", "nothing", {})], "Sorry."], assistant=lookup()) as stage:
        await asks(stage)
        await settles(stage)
        assert "no tool named nothing" in stage.model.requests[1][-1]["content"]
        assert said(stage) == ["Sorry."]


@plays
async def test_no_tool_runs_for_words_that_were_taken_further() -> None:
    async with on_stage([[LOOKUP], "Not needed."], assistant=lookup(), world=world()) as stage:
        await asks(stage, "What are your hours?")
        await asyncio.sleep(0.25)
        await stage.caller.says("No, never mind.")
        await settles(stage)
        assert stage.world.ran == []
        assert said(stage) == ["Not needed."]


@plays
async def test_words_during_a_tool_get_an_answer_that_knows_its_result() -> None:
    async with on_stage([[LOOKUP], "Nine, as I said."], assistant=lookup(START), world=world(5.0)) as stage:
        await asks(stage)
        await stage.caller.hears_the_end()
        await stage.caller.says("Are you still there?")
        await settles(stage)
        assert said(stage) == ["Looking up hours.", "Nine, as I said."]
        assert [message["role"] for message in stage.model.requests[-1]] == [
            "assistant",
            "user",
            "assistant",
            "tool",
            "user",
        ]
        assert stage.model.requests[-1][-2]["content"] == "nine"


@plays
async def test_a_cough_during_a_tool_changes_nothing() -> None:
    async with on_stage(ANSWERS, assistant=lookup(START), world=world(5.0)) as stage:
        await asks(stage)
        await stage.caller.hears()
        await asyncio.sleep(0.3)
        await stage.caller.says("", 0.4)
        await settles(stage)
        assert said(stage)[-1] == "We open at nine."
        assert len(stage.model.requests) == 2


# ending, transfer, hand-over


@plays
async def test_the_goodbye_is_heard_before_the_call_ends() -> None:
    answers: list[Script] = [[Text("It was a pleasure. Goodbye."), ToolCall("c1", "endCall", {})]]
    document = with_tools({"type": "endCall"}, endCallMessage="Thanks for calling.")
    async with on_stage(answers, assistant=document) as stage:
        await asks(stage, "That is all, bye.")
        await settles(stage)
        assert said(stage) == ["It was a pleasure. Goodbye.", "Thanks for calling."]
        assert stage.ended == ["assistant-ended-call"]
        assert stage.world.ends[0][0] > stage.caller.played[-1]


@plays
async def test_last_words_are_measured_as_any_answer() -> None:
    document = with_tools({"type": "endCall"}, endCallMessage="Thanks for calling.")
    model = ScriptedModel([[ToolCall("c1", "endCall", {})]], latency=0.3)
    async with on_stage(model=model, voice=ScriptedVoice(latency=0.2), assistant=document) as stage:
        await asks(stage, "That is all, bye.")
        await settles(stage)
        (turn,) = stage.told(TurnMeasured)
        assert turn.turn == 1
        assert turn.model == pytest.approx(300, abs=30)
        assert turn.voice == pytest.approx(200, abs=10)
        assert turn.platform <= 40


@plays
async def test_a_filler_is_the_first_that_is_heard_of_an_answer() -> None:
    outcomes = {"look_up": (3.0, ToolOutcome(result="ten"))}
    model = ScriptedModel([[ToolCall("c1", "look_up", {})], "At ten."], latency=0.3)
    document = with_tools({"type": "function", "function": {"name": "look_up"}})
    voice, world = ScriptedVoice(latency=0.2), ScriptedWorld(outcomes)
    async with on_stage(model=model, voice=voice, assistant=document, world=world) as stage:
        await asks(stage, "When do you open?")
        await settles(stage)
        (turn,) = stage.told(TurnMeasured)
        assert turn.model == pytest.approx(300, abs=30)
        assert turn.voice == pytest.approx(200, abs=10)
        assert turn.platform <= 40


@plays
async def test_a_call_can_be_ended_without_a_word() -> None:
    async with on_stage(
        [[ToolCall("c1", "endCall", {})]], assistant=with_tools({"type": "endCall"})
    ) as stage:
        await asks(stage, "Bye.")
        await asyncio.sleep(2)
        assert stage.ended == ["assistant-ended-call"]


DESK = {"type": "number", "number": "+15551234567"}


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ({}, ["Transferring the call now"]),
        ({"message": "One second."}, ["One second."]),
        ({"message": ""}, []),
    ],
)
def test_a_transfer_is_announced_and_then_made(message: dict[str, Any], heard: list[str]) -> None:
    async def story() -> None:
        tool = {"type": "transferCall", "destinations": [DESK | message]}
        call = ToolCall("c1", "transferCall", {"destination": "+15551234567"})
        async with on_stage([[call]], assistant=with_tools(tool)) as stage:
            await asks(stage, "The front desk, please.")
            await asyncio.sleep(4)
            assert said(stage) == heard
            assert [destination["number"] for destination in stage.world.transfers] == ["+15551234567"]
            await stage.caller.says("Anybody there?")
            await asyncio.sleep(3)
            assert len(stage.model.requests) == 1
            stage.conversation.resume()
            await stage.caller.says("Hello?")
            await asyncio.sleep(1)
            assert len(stage.model.requests) == 2

    run_virtual(story())


def test_a_silent_transfer_waits_for_what_the_model_said() -> None:
    async def story() -> None:
        tool = {"type": "transferCall", "destinations": [DESK | {"message": ""}]}
        call = ToolCall("c1", "transferCall", {"destination": "+15551234567"})
        goodbye = "I will put you through to somebody who knows all about it."
        async with on_stage([[Text(goodbye), call]], assistant=with_tools(tool)) as stage:
            await asks(stage, "The front desk, please.")
            while not stage.world.transfers:
                await asyncio.sleep(0.1)
            assert said(stage) == [goodbye]

    run_virtual(story())


@pytest.mark.parametrize("destination", [DESK, None])
def test_without_destinations_the_server_is_asked(destination: dict[str, Any] | None) -> None:
    async def story() -> None:
        place = ScriptedWorld(named=Named(transfer_to(destination) if destination else None))
        answers: list[Script] = [[ToolCall("c1", "transferCall", {})], "Nobody is there."]
        async with on_stage(answers, assistant=with_tools({"type": "transferCall"}), world=place) as stage:
            await asks(stage, "The front desk, please.")
            await settles(stage)
            assert stage.world.transfers == ([destination] if destination else [])
            assert said(stage) == (["Transferring the call now"] if destination else ["Nobody is there."])

    run_virtual(story())


@plays
async def test_a_live_transfer_is_announced_too() -> None:
    async with on_stage() as stage:
        await stage.caller.hears_the_end()
        stage.conversation.send_on(transfer_to(DESK | {"message": "I'll put you through."}))
        await stage.caller.hears()
        assert stage.world.transfers == []
        await settles(stage)
        assert len(stage.world.transfers) == 1


def sales(**document: Any) -> tuple[ScriptedWorld, Engines]:
    other = assistant_of({"name": "Sales", "firstMessage": "Sales here.", **document})
    engines = Engines(ScriptedTranscriber(), ScriptedModel(["We sell toothbrushes."]), ScriptedVoice())
    return ScriptedWorld(assistants={"Sales": other}), engines


HANDOFF: dict[str, Any] = {
    "type": "handoff",
    "destinations": [{"type": "assistant", "assistantName": "Sales"}],
}
TO_SALES = ToolCall("c1", "handoff_to_Sales", {})


@plays
async def test_another_assistant_goes_on() -> None:
    place, engines = sales()
    assert isinstance(engines.transcriber, ScriptedTranscriber)
    assert isinstance(engines.model, ScriptedModel)
    assert isinstance(engines.voice, ScriptedVoice)
    document = with_tools(HANDOFF, name="Desk")
    async with on_stage(
        [[Text("Gladly."), TO_SALES]], assistant=document, world=place, others=[engines]
    ) as stage:
        await asks(stage, "Sales, please.")
        await stage.caller.hears_the_end(pause=1)
        coming = place.assistants["Sales"]
        assert stage.told(HandedOver) == [
            HandedOver("Desk", "Sales", handoff_to(HANDOFF["destinations"][0]), coming)
        ]
        assert stage.transcriber.closed
        assert stage.voice.closed
        stage.caller.transcriber = engines.transcriber
        await stage.caller.says("What do you sell?")
        await settles(stage)
        assert said(stage) == ["Gladly.", "Sales here.", "We sell toothbrushes."]
        assert engines.voice.spoken == ["Sales here.", "We sell toothbrushes."]
        shown = [message.get("content") for message in engines.model.requests[0]]
        assert shown == [
            FIRST,
            "Sales, please.",
            "Gladly.",
            "Handed over.",
            "Sales here.",
            "What do you sell?",
        ]


@plays
async def test_an_assistant_without_a_first_message_speaks_by_its_model() -> None:
    place, engines = sales(firstMessage="")
    async with on_stage([[TO_SALES]], assistant=with_tools(HANDOFF), world=place, others=[engines]) as stage:
        await asks(stage, "Sales, please.")
        await settles(stage)
        assert said(stage) == ["We sell toothbrushes."]


ASK_WHO: dict[str, Any] = {
    "type": "handoff",
    "function": {"name": "handoff"},
    "destinations": [{"type": "dynamic", "description": "whoever is free"}],
}
WHO = ToolCall("c1", "handoff", {"topic": "brushes"})


@plays
async def test_a_dynamic_destination_is_asked_of_the_server() -> None:
    place, engines = sales()
    assert isinstance(engines.model, ScriptedModel)
    place.named = Named(transfer_to({"type": "assistant", "assistantName": "Sales"}), result="Sales is free.")
    async with on_stage([[WHO]], assistant=with_tools(ASK_WHO), world=place, others=[engines]) as stage:
        await asks(stage, "Who sells brushes?")
        await settles(stage)
        assert place.asked == [(ASK_WHO["destinations"][0], WHO)]
        assert said(stage) == ["Sales here."]
        assert stage.conversation.context.messages()[-2]["content"] == "Sales is free."


@plays
async def test_a_server_may_say_why_nobody_can_come() -> None:
    for named, told in (
        (Named(error="All are at lunch."), "All are at lunch."),
        (Named(), "There is no such destination."),
    ):
        place = ScriptedWorld(named=named)
        answers: list[Script] = [[WHO], "Please call again."]
        async with on_stage(answers, assistant=with_tools(ASK_WHO), world=place) as stage:
            await asks(stage, "Who sells brushes?")
            await settles(stage)
            assert said(stage) == ["Please call again."]
            assert stage.model.requests[1][-1]["content"] == told
            assert stage.told(HandedOver) == []


@plays
async def test_the_servers_words_announce_its_destination_unless_that_has_its_own() -> None:
    for destination, words in ((DESK, "To the desk."), (DESK | {"message": "Gladly."}, "Gladly.")):
        place = ScriptedWorld(named=Named(transfer_to(destination), message="To the desk."))
        answers: list[Script] = [[ToolCall("c1", "transferCall", {})]]
        async with on_stage(answers, assistant=with_tools({"type": "transferCall"}), world=place) as stage:
            await asks(stage, "The front desk, please.")
            await settles(stage)
            assert said(stage) == [words]


@plays
async def test_what_is_said_is_told_piece_by_piece_as_it_is_played() -> None:
    async with on_stage(["We open at eight every morning. Come by whenever you like to."]) as stage:
        await asks(stage, "When do you open?")
        await settles(stage)
        assert stage.told(SpeechWritten) == [
            SpeechWritten("Thanks for calling Riverside Dental.", 0, "force-say"),
            SpeechWritten(FIRST, 0, "force-say"),
            SpeechWritten("We open at eight every morning.", 1, "model"),
            SpeechWritten("We open at eight every morning. Come by whenever you like to.", 1, "model"),
        ]


@plays
async def test_an_assistant_that_cannot_come_is_news_to_the_model() -> None:
    place, engines = sales()
    broken = Engines(
        engines.transcriber, engines.model, ScriptedVoice(failure=EngineError("voice", "scripted", "no"))
    )
    for others, where in [([broken], place), ([], ScriptedWorld())]:
        answers: list[Script] = [[TO_SALES], "Sales is closed."]
        async with on_stage(answers, assistant=with_tools(HANDOFF), world=where, others=others) as stage:
            await asks(stage, "Sales, please.")
            await settles(stage)
            assert said(stage) == ["Sales is closed."]
            assert stage.model.requests[1][-1]["content"] == "The assistant could not be reached."
            assert stage.told(HandedOver) == []
    assert isinstance(engines.transcriber, ScriptedTranscriber)
    assert engines.transcriber.closed


# failures

NO = EngineError("voice", "scripted", "no")


@pytest.mark.parametrize(
    ("engines", "kind"),
    [
        (
            {"transcriber": ScriptedTranscriber(failure=EngineError("transcriber", "scripted", "no"))},
            EngineError,
        ),
        ({"model": ScriptedModel(["x"], failure=ModelError("scripted", "no"))}, ModelError),
        ({"voice": ScriptedVoice(failure=NO)}, EngineError),
        ({"voice": ScriptedVoice(failure=NO, fails_at="Thanks")}, EngineError),
    ],
)
def test_an_engine_that_does_not_start_is_known_before_the_call_is_answered(
    engines: dict[str, Any], kind: type[Exception]
) -> None:
    async def story() -> None:
        with pytest.raises(kind):
            async with on_stage(**engines):
                raise AssertionError("not to be reached")

    run_virtual(story())


@plays
async def test_a_failing_model_is_apologised_for() -> None:
    async with on_stage([ModelError("openai", "boom", "500-server-error")]) as stage:
        await asks(stage)
        await settles(stage)
        assert said(stage) == [STILL_TRYING, APOLOGY]
        assert len(stage.model.requests) == 3
        assert stage.ended == ["pipeline-error-openai-500-server-error"]
        (failed,) = stage.told(EngineFailed)
        assert failed == EngineFailed(
            "pipeline-error-openai-500-server-error", "openai model: boom", "openai model: boom"
        )


@plays
async def test_a_model_that_falls_silent_is_given_up() -> None:
    async with on_stage([[60.0, Text("Too late.")]]) as stage:
        await asks(stage)
        asked = now()
        await stage.caller.hears_the_end(pause=20)
        assert stage.ended == ["pipeline-error-scripted-llm-failed"]
        assert stage.told(SpeechStarted)[-1].at - asked < 21
        assert said(stage) == [ONE_MOMENT, APOLOGY]


@plays
async def test_a_model_that_fails_in_the_middle_asks_the_caller_again() -> None:
    broken: list[Any] = [Text("The answer to your question is. "), 1.0, ModelError("scripted", "cut")]
    async with on_stage([broken, "Nine to five."]) as stage:
        await asks(stage)
        await settles(stage)
        assert said(stage) == ["The answer to your question is.", SAY_AGAIN]
        await stage.caller.says("When are you open?")
        await settles(stage)
        assert said(stage)[-1] == "Nine to five."
        assert stage.ended == []


@plays
async def test_a_model_that_breaks_its_contract_is_a_failure_too() -> None:
    async with on_stage([[ValueError("oops")]]) as stage:
        await asks(stage)
        await settles(stage)
        assert stage.ended == ["pipeline-error-scripted-llm-failed"]


@pytest.mark.parametrize("emergency", [True, False])
def test_a_failing_voice_is_stood_in_for(emergency: bool) -> None:
    async def story() -> None:
        spare = ScriptedVoice()
        voice = ScriptedVoice(fails_at="nine")
        async with on_stage(
            ["We open at nine."], voice=voice, emergency=spare if emergency else None
        ) as stage:
            await asks(stage)
            await asyncio.sleep(10)
            assert stage.ended == ["pipeline-error-scripted-voice-failed"]
            assert said(stage) == ([APOLOGY] if emergency else [])
            assert not spare.closed

    run_virtual(story())


@plays
async def test_a_voice_that_fails_at_the_apology_ends_the_call_all_the_same() -> None:
    voice = ScriptedVoice(fails_at="our side")
    async with on_stage([ModelError("scripted", "boom")], voice=voice) as stage:
        await asks(stage)
        await asyncio.sleep(5)
        assert stage.ended == ["pipeline-error-scripted-llm-failed"]


@plays
async def test_a_voice_that_falls_silent_is_given_up() -> None:
    async with on_stage(voice=ScriptedVoice(), emergency=ScriptedVoice()) as stage:
        await stage.caller.hears_the_end()
        stage.voice.latency = 60.0
        await stage.caller.says("What are your hours?")
        await settles(stage)
        assert stage.ended == ["pipeline-error-scripted-voice-failed"]
        assert said(stage) == [APOLOGY]


@plays
async def test_a_transcriber_that_fails_or_falls_silent_is_apologised_for() -> None:
    async with on_stage() as stage:
        await stage.caller.hears_the_end()
        stage.transcriber.deaf = True
        await stage.caller.says("What are your hours?")
        await settles(stage)
        assert stage.ended == ["pipeline-error-scripted-transcriber-failed"]
    async with on_stage(transcriber=ScriptedTranscriber(provider="custom-transcriber")) as stage:
        await stage.caller.hears_the_end()
        stage.transcriber.fail(EngineError("transcriber", "custom-transcriber", "gone"))
        await settles(stage)
        assert stage.ended == ["pipeline-error-custom-transcriber-failed"]
        assert stage.lines[-1] == f"AI: {APOLOGY}"


@plays
async def test_a_transfer_that_comes_back_finds_an_assistant_that_listens() -> None:
    async with on_stage(["Nobody is at the desk."]) as stage:
        await stage.caller.hears_the_end()
        stage.caller.begin("Hello?", 2.0)
        await asyncio.sleep(0.5)
        stage.conversation.send_on(transfer_to(DESK | {"message": ""}))
        await asyncio.sleep(3)
        stage.conversation.resume()
        stage.conversation.say("They did not answer.")
        await stage.caller.hears_the_end()
        await stage.caller.says("Is anybody at the desk?")
        await settles(stage)
        assert stage.lines[-3:] == [
            "AI: They did not answer.",
            "User: Is anybody at the desk?",
            "AI: Nobody is at the desk.",
        ]


@plays
async def test_whoever_is_told_may_fail() -> None:
    async with on_stage(["We open at nine."]) as stage:

        def fails(event: Any) -> None:
            raise ValueError("oops")

        stage.heed = fails
        await asks(stage)
        await settles(stage)
        assert said(stage) == ["We open at nine."]


@plays
async def test_an_audio_file_as_first_message_is_replaced_by_the_model_s_words() -> None:
    async with on_stage(["Welcome!"], assistant={"firstMessage": "https://example.com/hello.mp3"}) as stage:
        await stage.caller.hears_the_end()
        assert stage.lines == ["AI: Welcome!"]


@plays
async def test_a_transfer_to_an_assistant_is_announced_and_keeps_the_history() -> None:
    place, engines = sales()
    assert isinstance(engines.model, ScriptedModel)
    assert isinstance(engines.transcriber, ScriptedTranscriber)
    tool = {"type": "transferCall", "destinations": [{"type": "assistant", "assistantName": "Sales"}]}
    document = with_tools(tool)
    document["model"]["messages"] = [{"role": "system", "content": "You are at the desk."}]
    call = ToolCall("c1", "transferCall", {"destination": "Sales"})
    async with on_stage([[call]], assistant=document, world=place, others=[engines]) as stage:
        await asks(stage, "Sales, please.")
        await stage.caller.hears_the_end(pause=1)
        assert said(stage) == ["Transferring the call now", "Sales here."]
        stage.caller.transcriber = engines.transcriber
        await stage.caller.says("What do you sell?")
        await settles(stage)
        assert engines.model.requests[0][0] == {"role": "system", "content": "You are at the desk."}


@pytest.mark.parametrize("tool", ["transferCall", "handoff"])
def test_a_destination_that_is_not_there_is_news_to_the_model(tool: str) -> None:
    async def story() -> None:
        places = [{"type": "assistant", "assistantName": name} for name in ("Sales", "Desk")]
        name = "handoff_to_Sales" if tool == "handoff" else tool
        answers: list[Script] = [[ToolCall("c1", name, {"destination": "Moon"})], "Not there."]
        async with on_stage(answers, assistant=with_tools({"type": tool, "destinations": places})) as stage:
            await asks(stage, "The moon, please.")
            await settles(stage)
            assert said(stage) == ["Not there."]
            assert stage.model.requests[1][-1]["content"] == "There is no such destination."

    run_virtual(story())


class FailingWorld(ScriptedWorld):
    async def run_tool(self, tool: Any, call: ToolCall) -> ToolOutcome:
        raise ValueError("oops")

    async def transfer_destination(self, tool: Any, call: ToolCall) -> Any:
        raise ValueError("oops")

    async def assistant_for(self, destination: Any) -> Any:
        raise ValueError("oops")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (LOOKUP, "The tool could not be run."),
        (ToolCall("c1", "transferCall", {}), "The destination could not be asked for."),
        (TO_SALES, "The assistant could not be reached."),
    ],
)
def test_a_world_that_fails_is_news_to_the_model(call: ToolCall, error: str) -> None:
    async def story() -> None:
        document = with_tools(
            {"type": "function", "function": {"name": "lookup"}}, {"type": "transferCall"}, HANDOFF
        )
        async with on_stage([[call], "Sorry."], assistant=document, world=FailingWorld()) as stage:
            await asks(stage)
            await settles(stage)
            assert said(stage)[-1] == "Sorry."
            assert stage.model.requests[1][-1]["content"] == error

    run_virtual(story())


@plays
async def test_the_tick_goes_on_when_an_engine_raises_in_it() -> None:
    async with on_stage(["We open at nine."]) as stage:

        def fails(heard: bytes, said: bytes) -> None:
            raise ValueError("oops")

        stage.transcriber.push = fails  # type: ignore[method-assign]  # an engine with a fault
        await asks(stage)
        await settles(stage)
        assert said(stage) == ["We open at nine."]
