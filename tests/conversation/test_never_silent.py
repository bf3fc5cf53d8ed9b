"""A call is never silent for long and never ends without a word; what an owner has written goes before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation.events import ToolOutcome
from offhook.conversation.own_words import (
    APOLOGY,
    GOODBYE,
    NOBODY_THERE,
    NOT_TRANSFERRED,
    ONE_MOMENT,
    SAY_AGAIN,
    STILL_THERE,
    STILL_TRYING,
    in_language,
)
from offhook.language.language_model import ModelError, Text, ToolCall
from offhook.speech.engine_protocols import Transcript
from tests.conversation.audio.test_streaming_transcriber import Streaming
from tests.conversation.stage import FIRST, Stage, on_stage
from tests.conversation.test_conversation import greeted
from tests.documents import transfer_to
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice, ScriptedWorld
from tests.virtual import run_virtual, story

BUSY = ModelError("openai", "busy", "503-server-overloaded-error")
UNKNOWN_KEY = ModelError("openai", "no such key", "401-unauthorized")
CUT = "We are open on weekdays until five."
END = [ToolCall("c1", "endCall", {})]
UNWRITTEN: dict[str, Any] = {"messagePlan": None}


def said(stage: Stage) -> list[str]:
    return [line.removeprefix("AI: ") for line in stage.lines[1:] if line.startswith("AI: ")]


async def asked(stage: Stage) -> None:
    await greeted(stage)
    await stage.caller.says("When are you open?")
    await stage.caller.hears_the_end(pause=4)


@pytest.mark.parametrize(
    ("answers", "heard"),
    [
        ([BUSY, "Nine to five."], ["Nine to five."]),
        ([BUSY, BUSY, "Nine to five."], [STILL_TRYING, "Nine to five."]),
        ([BUSY], [STILL_TRYING, APOLOGY]),
        ([UNKNOWN_KEY, "Nine to five."], [APOLOGY]),
        (["", "Nine to five."], ["Nine to five."]),
        ([[], "Nine to five."], ["Nine to five."]),
        (["", BUSY, "Nine to five."], [STILL_TRYING, "Nine to five."]),
        ([[]], [SAY_AGAIN]),
        ([[Text("We are open on weekdays until five. And "), 1.0, BUSY]], [CUT, SAY_AGAIN]),
        ([[Text("We"), BUSY], "Nine to five."], ["Nine to five."]),
    ],
)
def test_a_model_that_fails_or_says_nothing(answers: list[Any], heard: list[str]) -> None:
    async def tell() -> None:
        async with on_stage(answers) as stage:
            await asked(stage)
            assert said(stage) == heard
            users = [m["content"] for m in stage.model.requests[-1] if m["role"] == "user"]
            assert users == ["When are you open?"]

    run_virtual(tell())


@story
async def test_a_slow_model_is_waited_for_with_a_word() -> None:
    async with on_stage(model=ScriptedModel(["Nine to five."], latency=10.0)) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        ended = asyncio.get_running_loop().time()
        await stage.caller.hears()
        assert stage.caller.played[-1] - ended < 4
        await stage.caller.hears_the_end(pause=8)
        assert said(stage) == [ONE_MOMENT, "Nine to five."]
        assert [m["content"] for m in stage.conversation.context.messages()][-1] == "Nine to five."


@pytest.mark.parametrize("latency", [2.2, 2.4, 2.6, 2.8, 3.0])
def test_nobody_is_told_to_wait_behind_the_answer(latency: float) -> None:
    """While the words to wait are made, the answer comes; the voice takes its time."""

    async def tell() -> None:
        model, voice = ScriptedModel(["Nine to five."], latency=latency), ScriptedVoice(latency=1.0)
        async with on_stage(model=model, voice=voice) as stage:
            await asked(stage)
            await asyncio.sleep(8)
            assert said(stage) == ["Nine to five."]
            assert stage.model.requests[-1][-1]["content"] == "When are you open?"

    run_virtual(tell())


@story
async def test_nobody_is_told_to_wait_who_goes_on_speaking() -> None:
    model, voice = ScriptedModel(["Nine to five."], latency=3.5), ScriptedVoice(latency=0.5)
    async with on_stage(model=model, voice=voice) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await asyncio.sleep(3.6)
        await stage.caller.says("On Sunday, I mean.")
        model.latency = 0.1
        await stage.caller.hears_the_end(pause=8)
        assert said(stage) == ["Nine to five."]


@story
async def test_a_caller_who_is_on_the_way_elsewhere_is_not_told_to_wait() -> None:
    async with on_stage(model=ScriptedModel(["Nine to five."], latency=10.0)) as stage:
        await greeted(stage)
        await stage.caller.says("When are you open?")
        await asyncio.sleep(1)
        stage.conversation.send_on(transfer_to({"type": "number", "number": "+15550100", "message": ""}))
        await asyncio.sleep(6)
        assert said(stage) == []


@story
async def test_an_owner_s_hook_speaks_for_a_slow_model() -> None:
    hook = {"on": "model.response.timeout", "do": [{"type": "say", "exact": "Bear with me."}]}
    model = ScriptedModel(["Nine to five."], latency=10.0)
    async with on_stage(model=model, assistant={"hooks": [hook]}) as stage:
        await asked(stage)
        await asyncio.sleep(8)
        assert said(stage) == ["Bear with me.", "Nine to five."]


@pytest.mark.parametrize(
    ("document", "heard"),
    [
        (UNWRITTEN, [STILL_THERE, NOBODY_THERE]),
        ({"messagePlan": {"idleMessages": []}}, [NOBODY_THERE]),
        ({"messagePlan": {"silenceTimeoutMessage": ""}}, [STILL_THERE]),
        ({"messagePlan": {"silenceTimeoutMessage": "Bye."}}, [STILL_THERE, "Bye."]),
        ({"messagePlan": {"idleMessages": ["Hm?"], "idleMessageMaxSpokenCount": 1}}, ["Hm?", NOBODY_THERE]),
        ({**UNWRITTEN, "silenceTimeoutSeconds": 10}, [NOBODY_THERE]),
    ],
)
def test_a_silent_caller(document: dict[str, Any], heard: list[str]) -> None:
    async def tell() -> None:
        async with on_stage(assistant=document) as stage:
            await asyncio.sleep(60)
            assert said(stage) == heard
            assert stage.ended == ["silence-timed-out"]

    run_virtual(tell())


@story
async def test_being_asked_does_not_make_a_silent_call_longer() -> None:
    async with on_stage(assistant=UNWRITTEN) as stage:
        await asyncio.sleep(60)
        ((at, _),) = stage.world.ends
        assert at < len(FIRST) * 0.06 + 30 + 7


@pytest.mark.parametrize(
    ("document", "answer", "heard"),
    [
        ({}, END, [GOODBYE]),
        ({"endCallMessage": ""}, END, []),
        ({"endCallMessage": "Ciao."}, END, ["Ciao."]),
        ({}, [Text("See you. "), *END], ["See you."]),
    ],
)
def test_a_call_that_the_model_ends(document: dict[str, Any], answer: list[Any], heard: list[str]) -> None:
    async def tell() -> None:
        tools = {"model": {"provider": "vapi", "tools": [{"type": "endCall"}]}}
        async with on_stage([answer], assistant=tools | document) as stage:
            await greeted(stage)
            await stage.caller.says("That is all.")
            await asyncio.sleep(4)
            assert said(stage) == heard
            assert stage.ended == ["assistant-ended-call"]

    run_virtual(tell())


def speaking(language: str) -> dict[str, Any]:
    return {"transcriber": {"provider": "deepgram", "language": language}}


@pytest.mark.parametrize("language", ["de", "es-MX", "fr", "it", "pt-BR"])
@pytest.mark.parametrize(
    "words",
    [
        APOLOGY, GOODBYE, NOBODY_THERE, NOT_TRANSFERRED, ONE_MOMENT, SAY_AGAIN, STILL_THERE, STILL_TRYING,
    ],
)  # fmt: skip
def test_its_own_words_are_known_in_several_languages(language: str, words: str) -> None:
    assert in_language(words, language) not in ("", words)


@pytest.mark.parametrize(
    ("language", "heard"),
    [("de", ["Sind Sie noch da?", "Ich höre Sie nicht und lege jetzt auf. Auf Wiederhören."]), ("fi", [])],
)
def test_a_silent_caller_is_not_spoken_to_in_another_language(language: str, heard: list[str]) -> None:
    async def tell() -> None:
        async with on_stage(assistant=UNWRITTEN | speaking(language)) as stage:
            await asyncio.sleep(60)
            assert said(stage) == heard
            assert stage.ended == ["silence-timed-out"]

    run_virtual(tell())


@pytest.mark.parametrize(
    ("language", "heard"),
    [("de-AT", ["Einen Moment, bitte.", "Neun bis fünf."]), ("fi", ["Neun bis fünf."])],
)
def test_a_caller_is_not_told_to_wait_in_another_language(language: str, heard: list[str]) -> None:
    async def tell() -> None:
        model = ScriptedModel(["Neun bis fünf."], latency=6.0)
        async with on_stage(model=model, assistant=speaking(language)) as stage:
            await greeted(stage)
            await stage.caller.says("Wann haben Sie offen?")
            await stage.caller.hears_the_end(pause=6)
            assert said(stage) == heard

    run_virtual(tell())


@pytest.mark.parametrize(
    ("answers", "heard"),
    [([BUSY, BUSY, "Neun."], ["Neun."]), ([[]], []), ([END], [])],
)
def test_nothing_is_said_where_there_are_no_words_in_the_language(
    answers: list[Any], heard: list[str]
) -> None:
    async def tell() -> None:
        tools = {"model": {"provider": "vapi", "tools": [{"type": "endCall"}]}}
        async with on_stage(answers, assistant=tools | speaking("fi")) as stage:
            await greeted(stage)
            await stage.caller.says("Hei.")
            await asyncio.sleep(8)
            assert said(stage) == heard

    run_virtual(tell())


@pytest.mark.parametrize(
    ("language", "heard"),
    [
        ("de", [in_language(APOLOGY, "de")]),
        ("pt-BR", [in_language(APOLOGY, "pt")]),
        ("fi", []),
    ],
)
def test_nobody_is_apologised_to_in_another_language(language: str, heard: list[str]) -> None:
    async def tell() -> None:
        async with on_stage([BUSY], assistant=speaking(language)) as stage:
            await greeted(stage)
            await stage.caller.says("Wann haben Sie offen?")
            await asyncio.sleep(20)
            assert said(stage)[-1:] == heard
            assert len(stage.ended) == 1

    run_virtual(tell())


@pytest.mark.parametrize(("language", "spoken"), [("en", APOLOGY), ("de", ""), ("fi", "")])
def test_the_voice_that_stands_in_says_nothing_in_the_wrong_language(language: str, spoken: str) -> None:
    async def tell() -> None:
        emergency, voice = ScriptedVoice(), ScriptedVoice(fails_at="Nine")
        assistant = speaking(language)
        async with on_stage(["Nine."], voice=voice, emergency=emergency, assistant=assistant) as stage:
            await greeted(stage)
            await stage.caller.says("Hello?")
            await asyncio.sleep(20)
            assert " ".join(emergency.spoken) == spoken
            assert len(stage.ended) == 1

    run_virtual(tell())


@pytest.mark.parametrize(
    ("language", "heard"), [("es", ["Un momento, por favor.", "A las nueve."]), ("fi", ["A las nueve."])]
)
def test_a_tool_s_filler_is_in_the_caller_s_language(language: str, heard: list[str]) -> None:
    async def tell() -> None:
        tool = {"type": "function", "function": {"name": "lookup"}}
        assistant = {"model": {"provider": "vapi", "tools": [tool]}} | speaking(language)
        answers: list[Any] = [[ToolCall("c1", "lookup", {})], "A las nueve."]
        world = ScriptedWorld(outcomes={"lookup": (1.0, ToolOutcome(result="nine"))})
        async with on_stage(answers, assistant=assistant, world=world) as stage:
            await asked(stage)
            assert said(stage) == heard

    run_virtual(tell())


HOURS = "We are open until five on every day, and on Saturdays until noon."
LOOKED_UP: list[Any] = [[ToolCall("c1", "lookup", {})], HOURS]
BY_VOICE: dict[str, Any] = {"stopSpeakingPlan": {"voiceSeconds": 0.2}}


async def coughed_into(stage: Stage, after: float) -> None:
    """A sound without words, so long after the assistant is heard."""
    await stage.caller.hears()
    await asyncio.sleep(after)
    await stage.caller.says("", 0.3)
    await stage.caller.hears_the_end(pause=6)
    assert stage.lines[-1].endswith("until noon.")


@pytest.mark.parametrize("plan", [{}, BY_VOICE])
@pytest.mark.parametrize("after", [0.05, 0.2, 0.3125, 0.7])
@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("kind", ["an answer", "an answer of a tool's", "the model's first words"])
def test_what_a_cough_cuts_short_is_said_after_all(
    kind: str, streams: bool, after: float, plan: dict[str, Any]
) -> None:
    tools = [{"type": "function", "function": {"name": "lookup"}}]
    assistant: dict[str, Any] = {"model": {"provider": "vapi", "tools": tools}, **plan}
    first = {"firstMessageMode": "assistant-speaks-first-with-model-generated-message"}

    async def tell() -> None:
        ears = Streaming(0.1, partials=False) if streams else ScriptedTranscriber()
        answers = LOOKED_UP if kind == "an answer of a tool's" else [HOURS]
        given = assistant | (first if kind == "the model's first words" else {})
        world = ScriptedWorld(outcomes={"lookup": (4.0, ToolOutcome(result="five"))})
        async with on_stage(answers, assistant=given, transcriber=ears, world=world) as stage:
            if kind != "the model's first words":
                await greeted(stage)
                if isinstance(ears, Streaming):
                    ears.hear("When are you open?", 1.0)
                await stage.caller.says("" if streams else "When are you open?", 1.0)
            if kind == "an answer of a tool's":  # behind its filler
                await stage.caller.hears_the_end(pause=0.3)
            await coughed_into(stage, after)

    run_virtual(tell())


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_that_was_only_begun_is_given_again_after_a_cough(streams: bool) -> None:
    """The model was still writing it."""

    async def tell() -> None:
        begun: list[Any] = [
            Text("We are open until five on every day of the week. "),
            3.0,
            Text("And so on."),
        ]
        ears = ScriptedTranscriber(segmented=not streams)
        async with on_stage([begun, HOURS], assistant=BY_VOICE, transcriber=ears) as stage:
            await greeted(stage)
            await stage.caller.says("When are you open?", 1.0)
            if streams:
                ears.give(Transcript("When are you open?", True))
            await coughed_into(stage, 1.0)

    run_virtual(tell())
