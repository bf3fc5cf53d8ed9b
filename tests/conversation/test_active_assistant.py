from __future__ import annotations

import asyncio

import pytest

from offhook.conversation.active_assistant import (
    CLOSE_PATIENCE,
    START_PATIENCE,
    ActiveAssistant,
    Engines,
    ended_reason,
)
from offhook.conversation.audio.caller_speech import TranscriberListener
from offhook.language.language_model import ModelError
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_protocols import EngineError
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice, always
from tests.virtual import run_virtual


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EngineError("voice", "vapi", ""), "pipeline-error-vapi-voice-failed"),
        (EngineError("transcriber", "vapi", ""), "pipeline-error-vapi-transcriber-failed"),
        (EngineError("model", "vapi", ""), "pipeline-error-vapi-llm-failed"),
        (EngineError("voice", "custom-voice", ""), "pipeline-error-custom-voice-failed"),
        (EngineError("transcriber", "custom-transcriber", ""), "pipeline-error-custom-transcriber-failed"),
        (ModelError("custom-llm", ""), "pipeline-error-custom-llm-llm-failed"),
        (ModelError("openai", "", "401-unauthorized"), "pipeline-error-openai-401-unauthorized"),
    ],
)
def test_the_reason_for_a_failed_engine(error: EngineError, reason: str) -> None:
    assert ended_reason(error) == reason


async def start(engines: Engines) -> ActiveAssistant:
    return await ActiveAssistant.start(Assistant(), always(engines), TranscriberListener())


class Slow(ScriptedVoice):
    async def start(self) -> None:
        await asyncio.sleep(START_PATIENCE + 1)


class Stuck(ScriptedModel):
    async def close(self) -> None:
        await asyncio.sleep(3600)


class Broken(ScriptedTranscriber):
    async def close(self) -> None:
        raise ValueError("oops")


def test_an_engine_that_takes_too_long_to_start_is_named() -> None:
    async def story() -> None:
        transcriber, model = ScriptedTranscriber(), ScriptedModel(["x"])
        with pytest.raises(EngineError) as raised:
            await start(Engines(transcriber, model, Slow(provider="slow")))
        assert (raised.value.stage, raised.value.provider) == ("voice", "slow")
        assert transcriber.closed
        assert model.closed

    run_virtual(story())


def test_engines_that_do_not_close_keep_nobody_from_closing() -> None:
    async def story() -> None:
        voice = ScriptedVoice()
        member = await start(Engines(Broken(), Stuck(["x"]), voice))
        await member.close()
        assert voice.closed

    run_virtual(story())


def test_engines_that_hang_are_waited_for_together() -> None:
    class StuckVoice(ScriptedVoice):
        async def close(self) -> None:
            await asyncio.Event().wait()

    async def story() -> None:
        member = await start(Engines(ScriptedTranscriber(), Stuck(["x"]), StuckVoice()))
        began = asyncio.get_running_loop().time()
        await member.close()
        assert asyncio.get_running_loop().time() - began < 1.5 * CLOSE_PATIENCE

    run_virtual(story())


def test_a_start_that_is_given_up_leaves_nothing() -> None:
    async def story() -> None:
        transcriber = ScriptedTranscriber()
        starting = asyncio.create_task(start(Engines(transcriber, ScriptedModel(["x"]), Slow())))
        await asyncio.sleep(1)
        starting.cancel()
        await asyncio.wait([starting])
        assert starting.cancelled()
        assert transcriber.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(story())
