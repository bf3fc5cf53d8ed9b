"""Whole conversations with scripted engines on the virtual clock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from offhook.conversation.events import (
    AssistantInterrupted,
    AssistantLate,
    SpeechStarted,
    SpeechStopped,
    TranscriptHeard,
    TurnMeasured,
    VoiceText,
)
from offhook.conversation.own_words import APOLOGY, NOBODY_THERE
from offhook.frames import FRAME_SECONDS
from offhook.language.language_model import ModelError, Text, ToolCall
from offhook.speech.engine_protocols import EngineError, Transcript
from tests.conversation.stage import FIRST, Stage, on_stage
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice
from tests.virtual import run_virtual

LONG = "We are open from nine to five on weekdays, from ten to two on Saturdays. We are closed on Sundays."


def now() -> float:
    return asyncio.get_running_loop().time()


async def greeted(stage: Stage) -> None:
    await stage.caller.hears_the_end()


def plays(story: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A story that runs on the virtual clock."""

    def test() -> None:
        run_virtual(story())

    test.__name__ = story.__name__
    test.__doc__ = story.__doc__
    return test


@plays
async def test_a_question_is_answered() -> None:
    async with on_stage(["We are open from nine to five."]) as stage:
        await greeted(stage)
        await stage.caller.says("What are your opening hours?")
        spoke_until = now()
        await stage.caller.hears_the_end()
        assert stage.lines == [
            f"AI: {FIRST}",
            "User: What are your opening hours?",
            "AI: We are open from nine to five.",
        ]
        assert stage.model.requests[-1] == [
            {"role": "assistant", "content": FIRST},
            {"role": "user", "content": "What are your opening hours?"},
        ]
        reply = stage.told(SpeechStarted)[-1]
        assert 0.38 <= reply.at - spoke_until <= 0.46


@plays
async def test_a_turn_s_time_is_accounted_for() -> None:
    transcriber, model = (
        ScriptedTranscriber(latency=0.3),
        ScriptedModel(["Yes, we do that here."], latency=0.5),
    )
    async with on_stage(transcriber=transcriber, model=model, voice=ScriptedVoice(latency=0.1)) as stage:
        await greeted(stage)
        await stage.caller.says("Do you do cleanings?")
        await stage.caller.hears_the_end()
        (turn,) = stage.told(TurnMeasured)
        parts = turn.endpointing + turn.transcriber + turn.model + turn.voice + turn.platform
        assert parts == pytest.approx(turn.total, abs=0.01)
        assert turn.transcriber == pytest.approx(300, abs=1)
        assert turn.model == pytest.approx(540, abs=25)
        assert turn.voice == pytest.approx(100, abs=1)
        assert turn.platform <= 40
        assert turn.turn == 1


@plays
async def test_speech_is_told_by_turns() -> None:
    async with on_stage() as stage:
        await greeted(stage)
        await stage.caller.says("Hello there.")
        await stage.caller.hears_the_end()
        edges = [
            (type(event).__name__, event.role, event.turn)
            for event in stage.events
            if isinstance(event, SpeechStarted | SpeechStopped)
        ]
        assert edges == [
            (kind, role, number)
            for role, number in [("assistant", 0), ("user", 0), ("assistant", 1)]
            for kind in ("SpeechStarted", "SpeechStopped")
        ]
        heard = [(event.role, event.text) for event in stage.told(TranscriptHeard)]
        assert heard[-2:] == [("user", "Hello there."), ("assistant", "Sure, I can help with that.")]


@plays
async def test_system_messages_and_first_message_are_templates() -> None:
    model = {"provider": "vapi", "messages": [{"role": "system", "content": "Help {{name}}."}]}
    document = {"firstMessage": "Hi {{name}}!", "model": model}
    async with on_stage(assistant=document, variables={"name": "John"}) as stage:
        await greeted(stage)
        await stage.caller.says("Hello.")
        await stage.caller.hears_the_end()
        assert stage.lines[0] == "AI: Hi John!"
        assert stage.model.requests[0][0] == {"role": "system", "content": "Help John."}
        first = stage.conversation.transcript.to_messages(0.0, 0.0)[0]
        assert (first["role"], first["message"]) == ("system", "Help John.")


@plays
async def test_the_first_message_is_ready_before_media_flow() -> None:
    async with on_stage(begin=False) as stage:
        assert stage.voice.spoken
        assert stage.line.tick() is None
        stage.conversation.begin()
        assert stage.line.tick() is not None


@pytest.mark.parametrize("document", [{"firstMessageMode": "assistant-waits-for-user"}, {"firstMessage": ""}])
def test_without_a_first_message_the_assistant_waits(document: dict[str, Any]) -> None:
    async def story() -> None:
        async with on_stage(assistant=document) as stage:
            await asyncio.sleep(3)
            assert stage.caller.played == []
            await stage.caller.says("Is anybody there?")
            await stage.caller.hears_the_end()
            assert stage.lines == ["User: Is anybody there?", "AI: Sure, I can help with that."]

    run_virtual(story())


@plays
async def test_the_model_can_make_the_first_message() -> None:
    mode = {"firstMessageMode": "assistant-speaks-first-with-model-generated-message"}
    async with on_stage(["Welcome!", "Sure."], assistant=mode) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Thanks.")
        await stage.caller.hears_the_end()
        assert stage.lines == ["AI: Welcome!", "User: Thanks.", "AI: Sure."]
        assert stage.told(TurnMeasured)[0].turn == 1


@plays
async def test_sentences_are_made_while_others_play() -> None:
    async with on_stage([LONG], voice=ScriptedVoice(latency=0.4)) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears_the_end()
        reply = [at for at in stage.caller.played if at >= stage.told(SpeechStarted)[-1].at]
        gaps = [later - earlier for earlier, later in itertools.pairwise(reply)]
        assert max(gaps) < 1.5 * FRAME_SECONDS
        assert [event.text for event in stage.told(VoiceText)][-2:] == [LONG[:72], LONG[73:]]


@plays
async def test_a_model_that_writes_slowly_is_spoken_from_its_first_comma_on() -> None:
    text = "On weekdays from Monday to Friday, we are open from nine o'clock in the morning."
    async with on_stage(model=ScriptedModel([text], per_token=0.1)) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears_the_end()
        assert stage.voice.spoken[-2:] == [text[:34], text[35:]]
        assert stage.lines[-1] == f"AI: {text}"


@plays
async def test_utterances_merge_when_the_caller_goes_on_before_the_reply() -> None:
    async with on_stage(["Booked."]) as stage:
        await greeted(stage)
        await stage.caller.says("I need a table, please.")
        await asyncio.sleep(0.3)
        await stage.caller.says("For tomorrow evening.")
        await stage.caller.hears_the_end()
        merged = "I need a table, please. For tomorrow evening."
        assert stage.lines[1:] == [f"User: {merged}", "AI: Booked."]
        assert [request[-1]["content"] for request in stage.model.requests] == [
            "I need a table, please.",
            merged,
        ]


@plays
async def test_an_unfinished_phrase_is_waited_for() -> None:
    async with on_stage(["Booked."]) as stage:
        await greeted(stage)
        await stage.caller.says("I need a table for two and")
        await asyncio.sleep(1.2)
        await stage.caller.says("some wine.")
        await stage.caller.hears_the_end()
        assert stage.lines[1:] == ["User: I need a table for two and some wine.", "AI: Booked."]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_streaming_transcriber_is_heard_as_well(streaming: bool) -> None:
    async def story() -> None:
        transcriber = ScriptedTranscriber(segmented=not streaming)
        async with on_stage(["Nine to five."], transcriber=transcriber) as stage:
            await greeted(stage)
            await stage.caller.says("Opening hours?", 1.0)
            if streaming:
                transcriber.give(Transcript("Opening", False))
                await asyncio.sleep(0.1)
                transcriber.give(Transcript("Opening hours?", True))
            await stage.caller.hears_the_end()
            assert stage.lines[1:] == ["User: Opening hours?", "AI: Nine to five."]

    run_virtual(story())


# interruption


@pytest.mark.parametrize("after", [round(number * 0.02, 2) for number in range(0, 275)])
def test_wherever_the_caller_interrupts_the_context_has_the_words_that_were_played(after: float) -> None:
    async def story() -> None:
        async with on_stage([LONG, "Yes, we do."]) as stage:
            await greeted(stage)
            await stage.caller.says("When are you open?")
            await stage.caller.hears()
            await asyncio.sleep(after)
            await stage.caller.says("And do you take insurance?")
            await stage.caller.hears_the_end()
            started = stage.told(SpeechStarted)[2]
            assert started.role == "assistant"
            (cut,) = stage.told(AssistantInterrupted)
            heard_frames = [at for at in stage.caller.played if started.at <= at <= cut.at]
            assert max(heard_frames) <= cut.at
            characters = len(heard_frames) * FRAME_SECONDS / stage.voice.seconds_per_character
            assert len(cut.heard) <= characters + 1
            assert len(cut.heard) >= characters - 13  # no word of it is longer
            assert LONG.startswith(cut.heard)
            shown = [message["content"] for message in stage.model.requests[-1]]
            if cut.heard:
                assert shown == [FIRST, "When are you open?", cut.heard, "And do you take insurance?"]
            else:
                assert shown == [FIRST, "When are you open? And do you take insurance?"]
            assert stage.lines[-1] == "AI: Yes, we do."

    run_virtual(story())


@plays
async def test_from_the_decision_on_there_is_silence() -> None:
    async with on_stage([LONG, "Yes."]) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears()
        await asyncio.sleep(1)
        began = now()
        await stage.caller.says("And on Mondays?", 2.0)
        (cut,) = stage.told(AssistantInterrupted)
        assert 0.9 <= cut.at - began <= 1.0  # that it is one; it was quiet before
        assert 0.3 <= max(stage.caller.played) - began <= 0.38
        assert len(stage.caller.faded) == 1  # what falls quiet dies away, and does not click
        assert stage.voice.speaking == 0


@plays
async def test_after_an_interruption_the_assistant_backs_off() -> None:
    plan = {"stopSpeakingPlan": {"backoffSeconds": 5}}
    async with on_stage([LONG, "Yes."], assistant=plan) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears()
        await asyncio.sleep(1)
        await stage.caller.says("On Mondays?", 0.6)
        await stage.caller.hears_the_end(pause=6)
        (cut,) = stage.told(AssistantInterrupted)
        assert stage.told(SpeechStarted)[-1].at - cut.at == pytest.approx(5, abs=0.03)


@pytest.mark.parametrize("words", ["Mm hmm, okay.", ""])
def test_after_a_nod_or_a_cough_the_assistant_says_the_rest(words: str) -> None:
    async def story() -> None:
        async with on_stage([LONG, "unasked"]) as stage:
            await greeted(stage)
            await stage.caller.says("When are you open?")
            await stage.caller.hears()
            await asyncio.sleep(1.5)
            await stage.caller.says(words, 0.5)
            await stage.caller.hears_the_end(pause=2)
            said = [line.removeprefix("AI: ") for line in stage.lines[2:] if line.startswith("AI: ")]
            assert said == [LONG]
            assert len(stage.model.requests) == 1

    run_virtual(story())


@plays
async def test_with_num_words_a_nod_is_talked_over() -> None:
    plan = {"stopSpeakingPlan": {"numWords": 2}}
    async with on_stage([LONG], assistant=plan) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears()
        await asyncio.sleep(1)
        await stage.caller.says("Mm hmm.", 0.5)
        await stage.caller.hears_the_end(pause=1)
        assert stage.told(AssistantInterrupted) == []
        assert stage.lines[2:] == [f"AI: {LONG}", "User: Mm hmm."]


@plays
async def test_the_first_message_is_not_interrupted_unless_that_is_wanted() -> None:
    async with on_stage(["We do."]) as stage:
        await stage.caller.hears()
        await asyncio.sleep(0.5)
        await stage.caller.says("Do you do cleanings?", 1.5)
        await stage.caller.hears_the_end(pause=1.5)
        assert stage.told(AssistantInterrupted) == []
        assert stage.lines == [f"AI: {FIRST}", "User: Do you do cleanings?", "AI: We do."]
    async with on_stage(["We do."], assistant={"firstMessageInterruptionsEnabled": True}) as stage:
        await stage.caller.hears()
        await asyncio.sleep(0.5)
        await stage.caller.says("Do you do cleanings?", 1.5)
        await stage.caller.hears_the_end(pause=1.5)
        assert len(stage.told(AssistantInterrupted)) == 1
        assert stage.lines[1:] == ["User: Do you do cleanings?", "AI: We do."]


@plays
async def test_an_interrupted_model_is_asked_no_further() -> None:
    slow: list[Any] = [Text("This is the first sentence of many. "), 30.0, Text("This is never made.")]
    async with on_stage([slow, "Fine."]) as stage:
        await greeted(stage)
        await stage.caller.says("Tell me everything.")
        await stage.caller.hears()
        await stage.caller.says("Stop, please.", 1.0)
        assert stage.model.running == 0
        await stage.caller.hears_the_end()
        assert "never" not in stage.text


# the ends


@plays
async def test_a_phrase_of_goodbye_ends_the_call_when_it_has_been_heard() -> None:
    async with on_stage(["Okay, Goodbye for now."], assistant={"endCallPhrases": ["goodbye"]}) as stage:
        await greeted(stage)
        await stage.caller.says("Bye.")
        await stage.caller.hears_the_end()
        assert stage.ended == ["assistant-said-end-call-phrase"]
        assert stage.lines[-1] == "AI: Okay, Goodbye for now."
        assert stage.world.ends[0][0] - stage.caller.played[-1] == pytest.approx(FRAME_SECONDS, abs=0.001)


@plays
async def test_silence_ends_the_call() -> None:
    document = {"silenceTimeoutSeconds": 10, "messagePlan": {"silenceTimeoutMessage": "Nobody there? Bye."}}
    async with on_stage(assistant=document) as stage:
        await greeted(stage)
        quiet = stage.caller.played[-1]
        await stage.caller.hears_the_end()
        assert stage.lines[-1] == "AI: Nobody there? Bye."
        assert stage.ended == ["silence-timed-out"]
        assert stage.told(SpeechStarted)[-1].at - quiet == pytest.approx(10, abs=0.2)


@plays
async def test_idle_messages_are_said_so_often() -> None:
    idle = {"idleMessages": ["Still there?"], "idleTimeoutSeconds": 5, "idleMessageMaxSpokenCount": 2}
    async with on_stage(assistant={"messagePlan": idle}) as stage:
        await asyncio.sleep(60)
        assert stage.lines == [f"AI: {FIRST}", "AI: Still there?", "AI: Still there?", f"AI: {NOBODY_THERE}"]
        assert stage.ended == ["silence-timed-out"]


@plays
async def test_a_call_has_a_greatest_length() -> None:
    async with on_stage(assistant={"maxDurationSeconds": 10, "firstMessage": "word " * 100}) as stage:
        began = now()
        await asyncio.sleep(20)
        assert stage.ended == ["exceeded-max-duration"]
        assert stage.world.ends[0][0] - began == pytest.approx(10, abs=0.001)


@plays
async def test_last_words_are_not_interrupted() -> None:
    assistant = {
        "endCallMessage": "Thanks for calling Riverside Dental, goodbye.",
        "model": {"provider": "vapi", "tools": [{"type": "endCall"}]},
    }
    async with on_stage([[ToolCall("c1", "endCall", {})]], assistant=assistant) as stage:
        await greeted(stage)
        await stage.caller.says("That is all.")
        await stage.caller.hears()
        await stage.caller.says("Wait, wait, one more question!")
        await stage.caller.hears_the_end()
        assert stage.told(AssistantInterrupted) == []
        assert stage.lines[-1].endswith("goodbye.")


# from outside


@plays
async def test_something_can_be_said_from_outside() -> None:
    async with on_stage() as stage:
        await greeted(stage)
        stage.conversation.say("A word from the manager.")
        await stage.caller.hears_the_end()
        assert stage.lines[1:] == ["AI: A word from the manager."]
        assert stage.told(TurnMeasured) == []


@plays
async def test_a_message_can_be_added_with_and_without_an_answer() -> None:
    async with on_stage(["It is sunny now."]) as stage:
        await greeted(stage)
        stage.conversation.add_message({"role": "system", "content": "The weather changed."}, respond=False)
        await asyncio.sleep(2)
        assert stage.model.requests == []
        stage.conversation.add_message({"role": "user", "content": "How is it?"}, respond=True)
        await stage.caller.hears_the_end()
        assert [message["content"] for message in stage.model.requests[0]][-2:] == [
            "The weather changed.",
            "How is it?",
        ]
        assert stage.lines[-2:] == ["User: How is it?", "AI: It is sunny now."]


@pytest.mark.parametrize(("words", "answered"), [("", ["It is."]), ("And how warm?", ["It is warm."])])
def test_an_answer_asked_for_while_the_caller_speaks_waits(words: str, answered: list[str]) -> None:
    async def story() -> None:
        async with on_stage(["It is.", "It is warm."]) as stage:
            await greeted(stage)
            stage.caller.begin(words, 2.0)
            await asyncio.sleep(0.5)
            stage.conversation.add_message({"role": "user", "content": "Is it sunny?"}, respond=True)
            await stage.caller.hears_the_end()
            await asyncio.sleep(2)
            assert [
                line.removeprefix("AI: ") for line in stage.lines[1:] if line.startswith("AI: ")
            ] == answered
            shown = [message["content"] for message in stage.model.requests[-1]]
            assert shown == [FIRST, "Is it sunny?", *([words] if words else [])]

    run_virtual(story())


@plays
async def test_keys_are_a_message_of_the_caller_s() -> None:
    plan = {"keypadInputPlan": {"enabled": True, "timeoutSeconds": 2, "delimiters": "#"}}
    async with on_stage([LONG, "Account 1234, thank you."], assistant=plan) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await stage.caller.hears()
        await asyncio.sleep(1)
        for digit in "1234#":
            stage.conversation.keypad(digit)
        await stage.caller.hears_the_end()
        assert stage.model.requests[-1][-1] == {"role": "user", "content": "User's Keypad Entry: 1234"}
        assert stage.lines[-2:] == ["User: User's Keypad Entry: 1234", "AI: Account 1234, thank you."]
        stage.conversation.keypad("7")
        await stage.caller.hears_the_end()
        assert stage.model.requests[-1][-1]["content"] == "User's Keypad Entry: 7"


@plays
async def test_a_late_assistant_is_told_of() -> None:
    async with on_stage(model=ScriptedModel(["Well, here I am."], latency=7.0)) as stage:
        await greeted(stage)
        await stage.caller.says("Hello?")
        await stage.caller.hears_the_end(pause=5)
        assert len(stage.told(AssistantLate)) == 1
        assert stage.lines[-1] == "AI: Well, here I am."


@plays
async def test_two_runs_are_the_same() -> None:
    async def run() -> tuple[str, list[Any]]:
        async with on_stage([LONG, "Yes."], seed=3) as stage:
            await greeted(stage)
            await stage.caller.says("When are you open?")
            await stage.caller.hears()
            await asyncio.sleep(2)
            await stage.caller.says("And on Mondays?")
            await stage.caller.hears_the_end()
            return stage.text, [type(event) for event in stage.events]

    assert await run() == await run()


@plays
async def test_closing_at_any_moment_leaves_nothing() -> None:
    for after in range(0, 120, 7):
        async with on_stage([LONG]) as stage:
            await greeted(stage)
            stage.caller.begin("When are you open?", 1.0)
            await asyncio.sleep(after * 0.02)
        assert stage.transcriber.closed
        assert stage.model.closed
        assert stage.voice.closed
        await stage.conversation.close()


@plays
async def test_who_fails_beside_the_voice_and_is_run_by_the_same_may_have_taken_it_along() -> None:
    """The apology comes from the voice that keeps it ready; the other might be waited for in vain."""
    emergency, voice = ScriptedVoice(), ScriptedVoice(provider="vapi")
    transcriber = ScriptedTranscriber(provider="vapi")
    async with on_stage(transcriber=transcriber, voice=voice, emergency=emergency) as stage:
        await greeted(stage)
        transcriber.fail(EngineError("transcriber", "vapi", "no worker"))
        await stage.caller.hears_the_end()
        assert " ".join(emergency.spoken) == APOLOGY
        assert stage.ended == ["pipeline-error-vapi-transcriber-failed"]


@plays
async def test_a_model_of_the_voice_s_provider_that_fails_leaves_the_voice_as_it_is() -> None:
    emergency, voice = ScriptedVoice(), ScriptedVoice(provider="vapi")
    async with on_stage([ModelError("vapi", "no words")], voice=voice, emergency=emergency) as stage:
        await greeted(stage)
        stage.caller.begin("When are you open?", 1.0)
        await stage.caller.hears_the_end()
        assert APOLOGY in " ".join(voice.spoken)
        assert emergency.spoken == []
        assert stage.ended == ["pipeline-error-vapi-llm-failed"]
