"""A call is never silent for long and never ends without a word; what an owner has written goes before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation.engine_failures import APOLOGY
from offhook.conversation.own_words import (
    GOODBYE,
    NOBODY_THERE,
    ONE_MOMENT,
    SAY_AGAIN,
    STILL_THERE,
    STILL_TRYING,
)
from offhook.language.language_model import ModelError, Text, ToolCall
from tests.conversation.stage import FIRST, Stage, on_stage
from tests.conversation.test_conversation import greeted
from tests.scripted import ScriptedModel
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
