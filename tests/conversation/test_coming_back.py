"""After a transfer, a rescue or a tool that came to nothing, what watches over a call watches again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation import Engines
from offhook.conversation.own_words import NOBODY_THERE
from offhook.language.language_model import ToolCall
from offhook.schema.assistants.assistant import Assistant
from tests.conversation.stage import Stage, on_stage
from tests.conversation.test_conversation import greeted
from tests.conversation.test_hooks import DESK, ending, hooked, said, say
from tests.documents import transfer_to
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice, ScriptedWorld
from tests.virtual import story

SILENT: dict[str, Any] = {"silenceTimeoutSeconds": 10}
TRANSFER = {"type": "transfer", "destination": DESK}
ON_SILENCE = [{"type": "oneOf", "key": "call.endedReason", "oneOf": ["silence-timed-out"]}]


async def rescued(stage: Stage, calls: int = 1) -> None:
    """The caller falls silent and is handed on; that fails after 3 s."""
    async with asyncio.timeout(60):
        while len(stage.world.transfers) < calls:
            await asyncio.sleep(0.5)
    await asyncio.sleep(3)
    stage.conversation.resume()


@pytest.mark.parametrize("apology", ["", "Nobody answers."])
@story
async def test_a_caller_who_is_silent_again_after_a_rescue_is_hung_up_on(apology: str) -> None:
    async with on_stage(assistant={**SILENT, **ending(TRANSFER, filters=ON_SILENCE)}) as stage:
        await rescued(stage)
        stage.conversation.say(apology)
        back = asyncio.get_running_loop().time()
        await asyncio.sleep(9)
        assert stage.ended == []
        await asyncio.sleep(15)
        assert stage.ended == ["silence-timed-out"]
        assert stage.world.ends[0][0] >= back + 9.9


@story
async def test_a_second_rescue_fails_too() -> None:
    two = {"hooks": [*ending(TRANSFER)["hooks"], *ending(TRANSFER)["hooks"]]}
    async with on_stage(assistant={**SILENT, **two}) as stage:
        await rescued(stage)
        await rescued(stage, 2)
        await asyncio.sleep(12)
        assert stage.ended == ["silence-timed-out"]


@story
async def test_an_idle_message_is_said_after_a_rescue_that_failed() -> None:
    idle = {"idleMessages": ["Hello?"], "idleTimeoutSeconds": 6, "idleMessageMaxSpokenCount": 2}
    async with on_stage(assistant={**SILENT, "messagePlan": idle, **ending(TRANSFER)}) as stage:
        await greeted(stage)
        stage.conversation.finish("silence-timed-out", "")
        await rescued(stage)
        await asyncio.sleep(9)
        assert said(stage) == ["Hello?"]


@story
async def test_a_rescue_that_breaks_is_the_end_after_all() -> None:
    class Broken(ScriptedWorld):
        def transfer(self, destination: Any) -> None:
            raise RuntimeError("no")

    async with on_stage(assistant={**SILENT, **ending(TRANSFER)}, world=Broken()) as stage:
        await asyncio.sleep(30)
        assert stage.ended == ["silence-timed-out"]


@story
async def test_a_silence_after_a_transfer_tool_that_failed() -> None:
    plan = {
        **SILENT,
        "model": {"provider": "vapi", "tools": [{"type": "transferCall", "destinations": [DESK]}]},
    }
    async with on_stage([[ToolCall("c1", "transferCall", {})]], assistant=plan) as stage:
        await greeted(stage)
        await stage.caller.says("Somebody else, please.")
        await rescued(stage)
        await asyncio.sleep(12)
        assert stage.ended == ["silence-timed-out"]


@story
async def test_a_hook_on_time_that_passed_during_a_transfer() -> None:
    hook = hooked("call.timeElapsed", say("One minute left."), options={"seconds": 60})
    async with on_stage(assistant={**hook, "silenceTimeoutSeconds": 600}) as stage:
        await greeted(stage)
        stage.conversation.send_on(transfer_to(DESK))
        await asyncio.sleep(90)
        assert said(stage) == []
        stage.conversation.resume()
        await asyncio.sleep(5)
        assert said(stage) == ["One minute left."]


@story
async def test_the_next_assistant_may_be_less_patient() -> None:
    nurse = Assistant.model_validate({"name": "Nurse", "firstMessage": "Nurse here.", **SILENT})
    world = ScriptedWorld(assistants={"Nurse": nurse})
    others = [Engines(ScriptedTranscriber(), ScriptedModel(["Yes."]), ScriptedVoice())]
    destination = {"type": "assistant", "assistantName": "Nurse"}
    plan = {
        "silenceTimeoutSeconds": 600,
        "model": {"provider": "vapi", "tools": [{"type": "handoff", "destinations": [destination]}]},
    }
    answers = [[ToolCall("c1", "handoff_to_Nurse", {})]]
    async with on_stage(answers, assistant=plan, world=world, others=others) as stage:
        await greeted(stage)
        await stage.caller.says("The nurse, please.")
        await asyncio.sleep(30)
        assert stage.lines[-2:] == ["AI: Nurse here.", f"AI: {NOBODY_THERE}"]
        assert stage.ended == ["silence-timed-out"]


@story
async def test_an_idle_message_after_words_that_let_it_count_anew() -> None:
    idle = {
        "idleMessages": ["Hello?"],
        "idleTimeoutSeconds": 6,
        "idleMessageMaxSpokenCount": 1,
        "idleMessageResetCountOnUserSpeechEnabled": True,
    }
    async with on_stage(["Yes."], assistant={"silenceTimeoutSeconds": 60, "messagePlan": idle}) as stage:
        await greeted(stage)
        await asyncio.sleep(8)
        assert said(stage) == ["Hello?"]
        await stage.caller.says("I am here.")
        await asyncio.sleep(12)
        assert said(stage) == ["Hello?", "Yes.", "Hello?"] or said(stage) == ["Hello?", "Yes. Hello?"]
