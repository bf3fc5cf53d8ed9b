"""An assistant's hooks in whole conversations on the virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation import Engines
from offhook.conversation.events import ToolOutcome
from offhook.conversation.own_words import STILL_TRYING
from offhook.language.language_model import ModelError, ToolCall
from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.hook import CallHookCustomerSpeechTimeout
from tests.conversation.stage import FIRST, Stage, on_stage
from tests.conversation.test_conversation import LONG, greeted, plays
from tests.scripted import Script, ScriptedModel, ScriptedTranscriber, ScriptedVoice, ScriptedWorld
from tests.virtual import run_virtual

Document = dict[str, Any]
DESK = {"type": "sip", "sipUri": "sip:desk@example.com", "message": ""}
REPORT = {"type": "function", "function": {"name": "report"}, "server": {"url": "https://example.com"}}


def say(*exact: str) -> Document:
    return {"type": "say", "exact": list(exact) if len(exact) > 1 else exact[0]}


def tool(definition: Document) -> Document:
    return {"type": "tool", "tool": definition}


def hooked(on: str, *do: Document, **more: Any) -> Document:
    return {"hooks": [{"on": on, "do": list(do), **more}]}


def silence(*do: Document, seconds: float = 5, **options: Any) -> Document:
    return hooked("customer.speech.timeout", *do, options={"timeoutSeconds": seconds, **options})


def said(stage: Stage) -> list[str]:
    """What the assistant said after its first message."""
    return [line.removeprefix("AI: ") for line in stage.lines[1:] if line.startswith("AI: ")]


async def silent(seconds: float) -> None:
    await asyncio.sleep(seconds)


# the caller's silence


@plays
async def test_a_silent_caller_is_spoken_to_so_many_times() -> None:
    async with on_stage(assistant=silence(say("Are you there?"), triggerMaxCount=2)) as stage:
        await greeted(stage)
        await silent(4.3)
        assert said(stage) == []
        await silent(1.5)
        assert len(stage.lines) == 2
        await silent(25)
        assert said(stage) == ["Are you there?"] * 2
        await silent(30)
        assert stage.ended == ["silence-timed-out"]


@pytest.mark.parametrize(("mode", "times"), [("onUserSpeech", 3), ("never", 2)])
def test_speech_may_let_it_count_anew(mode: str, times: int) -> None:
    async def story() -> None:
        plan = silence(say("Are you there?"), triggerMaxCount=2, triggerResetMode=mode)
        async with on_stage(["Good."], assistant=plan) as stage:
            await greeted(stage)
            await silent(6.5)
            await stage.caller.says("Yes, I am here.")
            await stage.caller.hears_the_end()
            await silent(20)
            assert said(stage).count("Are you there?") == times

    run_virtual(story())


@plays
async def test_a_caller_who_never_speaks_first_is_spoken_to() -> None:
    plan = {
        **silence(say("Are you there?"), triggerMaxCount=1),
        "firstMessageMode": "assistant-waits-for-user",
    }
    async with on_stage(assistant=plan) as stage:
        await silent(4.5)
        assert stage.lines == []
        await silent(2)
        assert stage.lines == ["AI: Are you there?"]


@plays
async def test_whoever_is_busy_is_not_silent() -> None:
    model = ScriptedModel(["It is noon."], latency=2.5)
    async with on_stage(model=model, assistant=silence(say("Are you there?"), seconds=2)) as stage:
        await greeted(stage)
        await silent(1)
        await stage.caller.says("Well, I have been wondering about this for ages, you know.", 6.0)
        await stage.caller.hears_the_end()
        assert said(stage) == ["It is noon."]


@plays
async def test_it_may_end_the_call_after_its_words() -> None:
    do = [say("Then goodbye."), tool({"type": "endCall"})]
    async with on_stage(assistant=silence(*do, triggerMaxCount=1)) as stage:
        await greeted(stage)
        await silent(6.5)
        assert said(stage) == ["Then goodbye."]
        assert stage.ended == ["assistant-ended-call"]
        assert stage.world.ends[0][0] >= stage.caller.played[-1]


@plays
async def test_a_caller_who_speaks_up_is_not_hung_up_on() -> None:
    do = [say("Then I will hang up now, goodbye and thank you."), tool({"type": "endCall"})]
    async with on_stage(["Of course."], assistant=silence(*do, triggerMaxCount=1)) as stage:
        await greeted(stage)
        await stage.caller.hears()
        await silent(1)
        await stage.caller.says("Wait, I am here!")
        await stage.caller.hears_the_end()
        assert stage.lines[-1] == "AI: Of course."
        await silent(3)
        assert stage.ended == []


@plays
async def test_the_model_is_asked_to_find_the_words() -> None:
    prompt = {"type": "say", "prompt": "Ask whether {{name}} is there. {{transcript}}"}
    plan = silence(prompt, tool({"type": "endCall"}), triggerMaxCount=1)
    async with on_stage(["John?"], assistant=plan, variables={"name": "John"}) as stage:
        await greeted(stage)
        await silent(7)
        assert said(stage) == ["John?"]
        shown = stage.model.requests[-1]
        assert shown[-1] == {"role": "system", "content": f"Ask whether John is there. AI: {FIRST}\n"}
        assert stage.ended == ["assistant-ended-call"]
        assert stage.conversation.context.messages()[1] == {"role": "assistant", "content": "John?"}


@plays
async def test_a_message_is_added_and_answered_or_not() -> None:
    add = {"type": "message.add", "message": {"role": "system", "content": "The caller is silent."}}
    quiet = {**add, "triggerResponseEnabled": False}
    for action, answers in ((add, ["Hello?"]), (quiet, [])):
        async with on_stage(["Hello?"], assistant=silence(action, triggerMaxCount=1)) as stage:
            await greeted(stage)
            await silent(7)
            assert said(stage) == answers
            assert add["message"] in stage.conversation.context.messages()


@pytest.mark.parametrize(
    ("on", "options", "expected"),
    [
        ("customer.speech.timeout", None, (7.5, 3, False)),
        ("customer.speech.timeout", {"timeoutSeconds": 10, "triggerMaxCount": 1}, (10, 1, False)),
        ("customer.speech.timeout[timeoutSeconds=20]", None, (20, 3, False)),
        (
            "customer.speech.timeout[timeoutSeconds=2, triggerMaxCount=9, triggerResetMode=onUserSpeech]",
            None,
            (2, 9, True),
        ),
        ("customer.speech.timeout[timeoutSeconds=0,triggerMaxCount=many]", None, (7.5, 3, False)),
        ("customer.speech.timeout[timeoutSeconds=nan]", None, (7.5, 3, False)),
        ("customer.speech.timeout[timeoutSeconds=20]", {"timeoutSeconds": 5}, (5, 3, False)),
    ],
)
def test_its_options(on: str, options: Document | None, expected: tuple[float, int, bool]) -> None:
    hook = CallHookCustomerSpeechTimeout.model_validate({"on": on, "do": [], "options": options})
    plan = effective.speech_timeout(hook)
    assert (plan.timeout_seconds, plan.trigger_max_count, plan.reset_on_user_speech) == expected


@pytest.mark.parametrize(("seconds", "timeout"), [(7.5, 30), (29, 30), (60, 90)])
def test_the_call_waits_for_the_hook(seconds: float, timeout: float) -> None:
    assistant = Assistant.model_validate(silence(say("Hm?"), seconds=seconds))
    assert effective.silence_timeout_seconds(assistant) == timeout


# interruptions


@plays
async def test_an_interrupted_assistant_says_so_and_answers() -> None:
    hook = hooked("assistant.speech.interrupted", say("Sorry.", "Go ahead."), tool(REPORT))
    async with on_stage([LONG, "At ten."], assistant=hook) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears()
        await silent(2)
        await stage.caller.says("I mean on Saturdays!")
        await stage.caller.hears_the_end(pause=1.5)
        assert said(stage)[1] in ("Sorry.", "Go ahead.")
        assert said(stage)[2:] == ["At ten."]
        assert [call.name for call in stage.world.ran] == ["report"]


@plays
async def test_an_assistant_that_speaks_over_the_caller_says_another_thing() -> None:
    hook = hooked("customer.speech.interrupted", say("Please go on."))
    async with on_stage([LONG, "At ten."], assistant=hook) as stage:
        await greeted(stage)
        await stage.caller.says("When are you")
        await stage.caller.hears()
        await stage.caller.says("open on Saturdays?")
        await stage.caller.hears_the_end(pause=1.5)
        assert said(stage) == ["We", "Please go on.", "At ten."]


@plays
async def test_a_message_that_runs_over_the_caller_interrupts_the_caller() -> None:
    hook = hooked("customer.speech.interrupted", tool(REPORT))
    async with on_stage(assistant=hook) as stage:
        await greeted(stage)
        stage.caller.begin("I was thinking that", 3.0)
        await silent(1)
        stage.conversation.say("This call is being recorded.", interruptible=False)
        await silent(1)
        assert [call.name for call in stage.world.ran] == ["report"]


@pytest.mark.parametrize("on", ["assistant.speech.interrupted", "customer.speech.interrupted"])
def test_nobody_is_interrupted_in_a_polite_conversation(on: str) -> None:
    async def story() -> None:
        async with on_stage(["At nine.", "Bye."], assistant=hooked(on, tool(REPORT))) as stage:
            await greeted(stage)
            await stage.caller.says("When do you open?")
            await stage.caller.hears_the_end()
            await stage.caller.says("Thank you.")
            await stage.caller.hears_the_end()
            assert stage.world.ran == []

    run_virtual(story())


# time


@plays
async def test_time_that_has_passed_is_told_once() -> None:
    hook = hooked("call.timeElapsed", say("One minute left."), options={"seconds": 60})
    async with on_stage(assistant={**hook, "silenceTimeoutSeconds": 600}) as stage:
        await silent(59)
        assert said(stage) == []
        await silent(100)
        assert said(stage) == ["One minute left."]


@plays
async def test_a_model_that_keeps_the_caller_waiting_is_excused() -> None:
    hook = hooked("model.response.timeout", say("One moment, please."))
    model = ScriptedModel(["At nine."], latency=9.0)
    async with on_stage(model=model, assistant=hook) as stage:
        await greeted(stage)
        await stage.caller.says("When do you open?")
        await stage.caller.hears_the_end(pause=6)
        assert said(stage) == ["One moment, please.", "At nine."]


# tools


@plays
async def test_a_tool_is_run_with_the_owners_values_and_the_model_knows() -> None:
    parameters = {"type": "object", "properties": {"why": {"type": "string", "value": "silence"}}}
    function = {"name": "report", "parameters": parameters}
    outcomes = {"report": (1.0, ToolOutcome(result="noted"))}
    do = tool({"type": "function", "function": function})
    async with on_stage(assistant=silence(do, triggerMaxCount=1), world=ScriptedWorld(outcomes)) as stage:
        await greeted(stage)
        await silent(8)
        assert stage.world.ran == [ToolCall("hook-function-call", "report", parameters)]
        assert said(stage) == []
        called, answered = stage.conversation.context.messages()[1:]
        assert called["tool_calls"][0]["function"]["name"] == "report"
        assert answered == {"role": "tool", "tool_call_id": "hook-function-call", "content": "noted"}


@plays
async def test_a_tool_speaks_its_own_messages_only() -> None:
    spoken = {**REPORT, "messages": [{"type": "request-complete", "content": "It is noted."}]}
    async with on_stage(assistant=silence(tool(spoken), triggerMaxCount=1)) as stage:
        await greeted(stage)
        await silent(8)
        assert said(stage) == ["It is noted."]


@plays
async def test_a_hook_hands_the_caller_on() -> None:
    do = tool({"type": "transferCall", "destinations": [DESK]})
    transfer = {"type": "transfer", "destination": DESK}
    for action in (do, transfer):
        async with on_stage(assistant=silence(say("Hold on."), action, triggerMaxCount=1)) as stage:
            await greeted(stage)
            await silent(8)
            assert said(stage) == ["Hold on."]
            assert stage.world.transfers == [DESK]


@plays
async def test_a_hook_without_its_tool_does_the_rest() -> None:
    async with on_stage(assistant=silence({"type": "tool"}, say("Hm?"), triggerMaxCount=1)) as stage:
        await greeted(stage)
        await silent(8)
        assert said(stage) == ["Hm?"]


class Confused(ScriptedWorld):
    def transfer(self, destination: Any) -> None:
        raise RuntimeError("which way?")


def test_what_breaks_in_a_hook_is_logged_with_the_call(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        hook = silence({"type": "transfer", "destination": DESK}, triggerMaxCount=1)
        async with on_stage(assistant=hook, world=Confused()) as stage:
            await greeted(stage)
            await silent(8)

    run_virtual(story())
    assert "call=test a background task failed" in caplog.text
    assert "which way?" in caplog.text


# the end

FAILS: list[Script] = [ModelError("scripted", "down")]
PIPELINE = [{"type": "oneOf", "key": "call.endedReason", "oneOf": ["pipeline-error"]}]


def ending(*do: Document, filters: list[Document] | None = None) -> Document:
    return hooked("call.ending", *do, **({"filters": filters} if filters else {}))


@plays
async def test_a_caller_whose_assistant_fails_is_handed_on() -> None:
    function = {**REPORT, "type": "function"}
    hook = ending(
        say("Let me get somebody."), function, {"type": "transfer", "destination": DESK}, filters=PIPELINE
    )
    async with on_stage(FAILS, assistant=hook) as stage:
        await greeted(stage)
        await stage.caller.says("When do you open?")
        await stage.caller.hears_the_end(pause=3)
        assert said(stage) == [STILL_TRYING, "Let me get somebody."]
        assert [call.name for call in stage.world.ran] == ["report"]
        assert stage.world.transfers == [DESK]
        assert stage.ended == []


@plays
async def test_he_is_told_in_another_voice_if_the_voice_failed() -> None:
    hook = ending(say("Let me get somebody."), {"type": "transfer", "destination": DESK}, filters=PIPELINE)
    voice, emergency = ScriptedVoice(fails_at="nine"), ScriptedVoice()
    async with on_stage(["At nine."], assistant=hook, voice=voice, emergency=emergency) as stage:
        await greeted(stage)
        await stage.caller.says("When do you open?")
        await stage.caller.hears_the_end()
        assert emergency.spoken == ["Let me get somebody."]
        assert stage.world.transfers == [DESK]


@plays
async def test_a_hand_over_that_fails_is_not_tried_for_ever() -> None:
    hook = ending({"type": "transfer", "destination": DESK}, filters=PIPELINE)
    async with on_stage(FAILS, assistant=hook) as stage:
        await greeted(stage)
        await stage.caller.says("When do you open?")
        await silent(3)
        stage.conversation.resume()
        await stage.caller.says("Hello?")
        await stage.caller.hears_the_end()
        assert len(stage.world.transfers) == 1
        assert stage.ended == ["pipeline-error-scripted-llm-failed"]


@plays
async def test_the_model_ends_the_call_only_if_no_hook_hands_it_on() -> None:
    plan = ending({"type": "transfer", "destination": DESK})
    plan["model"] = {"provider": "vapi", "tools": [{"type": "endCall"}]}
    calls: list[Script] = [[ToolCall("c1", "endCall", {})]]
    async with on_stage(calls, assistant=plan) as stage:
        await greeted(stage)
        await stage.caller.says("Goodbye.")
        await silent(2)
        assert (stage.ended, stage.world.transfers) == ([], [DESK])


@pytest.mark.parametrize(
    ("filters", "reason", "runs"),
    [
        (None, "customer-ended-call", True),
        (
            [{"type": "oneOf", "key": "call.endedReason", "oneOf": ["customer-ended-call"]}],
            "customer-ended-call",
            True,
        ),
        (PIPELINE, "pipeline-error-custom-voice-failed", True),
        (PIPELINE, "customer-ended-call", False),
        ([{"type": "oneOf", "key": "call.endedReason", "oneOf": ["pipeline"]}], "pipeline-error-x", False),
        (
            [{"type": "oneOf", "key": "call.type", "oneOf": ["customer-ended-call"]}],
            "customer-ended-call",
            False,
        ),
        ([{"type": "oneOf", "key": "call.endedReason", "oneOf": []}], "customer-ended-call", False),
    ],
)
def test_at_the_end_of_a_call_its_tools_run(filters: list[Document] | None, reason: str, runs: bool) -> None:
    async def story() -> None:
        add = {"type": "message.add", "message": {"role": "system", "content": "Over."}}
        async with on_stage(assistant=ending(tool(REPORT), add, filters=filters)) as stage:
            await greeted(stage)
            await stage.conversation.conclude(reason)
            await stage.conversation.conclude(reason)
            arguments = {"properties": {"callEndedReason": {"type": "string", "value": reason}}}
            call = ToolCall("hook-function-call", "report", arguments)
            assert stage.world.ran == ([call] if runs else [])
            last = stage.conversation.transcript.entries[-1]
            assert (last.role, last.text) == (("system", "Over.") if runs else ("bot", FIRST))

    run_virtual(story())


@plays
async def test_another_assistants_hooks_take_over() -> None:
    handoff = {"type": "handoff", "destinations": [{"type": "assistant", "assistantName": "Sales"}]}
    first = {**silence(say("First?")), "model": {"provider": "vapi", "tools": [handoff]}}
    next_one = Assistant.model_validate({"firstMessage": "Sales here.", **silence(say("Second?"))})
    others = [Engines(ScriptedTranscriber(), ScriptedModel(["Yes."]), ScriptedVoice())]
    world = ScriptedWorld(assistants={"Sales": next_one})
    calls: list[Script] = [[ToolCall("c1", "handoff_to_Sales", {})]]
    async with on_stage(calls, assistant=first, world=world, others=others) as stage:
        await greeted(stage)
        await stage.caller.says("Sales, please.")
        await stage.caller.hears_the_end()
        await silent(6)
        assert said(stage) == ["Sales here.", "Second?"]


@plays
async def test_hooks_follow_though_whoever_is_told_fails() -> None:
    def fails(event: Any) -> None:
        raise ValueError("oops")

    async with on_stage(
        [LONG, "At ten."], assistant=hooked("assistant.speech.interrupted", tool(REPORT))
    ) as stage:
        stage.heed = fails
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears()
        await silent(2)
        await stage.caller.says("I mean on Saturdays!")
        await stage.caller.hears_the_end(pause=1.5)
        assert [call.name for call in stage.world.ran] == ["report"]
