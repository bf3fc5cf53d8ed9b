"""Warm transfers on the virtual clock: what the operator hears before the caller is joined, and who
decides."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.calls.transfers.hold_audio import pcm_of
from offhook.conversation.active_assistant import Engines
from offhook.language.language_model import ModelError, ToolCall
from offhook.media.tones import hold
from offhook.speech.engine_protocols import EngineError
from tests.calls.house import House, open_house, virtual
from tests.calls.test_whole_call import QUESTION, ended
from tests.calls.transfers.line import APOLOGY, check, on_the_line, send_on, sip, transferred
from tests.calls.transfers.operator import Operator, open_operator
from tests.calls.transfers.test_hold_audio import sound
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice
from tests.virtual import run_virtual

MESSAGE = "A caller asks when you are open."
SUMMARY = "The caller wants to know the hours."
SAY_MESSAGE = {"mode": "warm-transfer-say-message", "message": MESSAGE}
WAIT = "warm-transfer-wait-for-operator-to-speak-first-and-then-say-message"


def spoken(house: House, member: int = 0) -> list[str]:
    """What the voice of the only call's assistant was given."""
    (engines,) = house.engines.values()
    voice = engines[member].voice
    assert isinstance(voice, ScriptedVoice)
    return voice.spoken


async def announced(operator: Operator) -> float:
    """Wait until the operator has heard an announcement to its end; how long it was, in seconds."""
    before = len(operator.heard_at)
    await operator.until(lambda: len(operator.heard_at) > before, 30)
    await operator.until(lambda: operator.loop.time() - operator.heard_at[-1] > 0.3, 30)
    return (len(operator.heard_at) - before) * 0.02


@virtual
async def test_the_operator_hears_a_message_and_then_the_caller(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        plan = {"mode": "warm-transfer-say-message", "message": "{{customer.name}} asks when you are open."}
        send_on(house, sip(plan))
        await operator.connected()
        lasted = await announced(operator)
        before = len(operator.heard_at)
        await call.says("Hello", 1.0)
        await asyncio.sleep(0.3)
        heard = len(operator.heard_at) - before
        operator.hang_up()
        await ended(house)

    text = "Caller asks when you are open."
    assert spoken(house)[-1] == text
    assert lasted >= len(text) * 0.06 - 0.5
    assert 48 <= heard <= 52
    assert transferred(house)["transcript"] == f"AI: {text}\n"
    assert transferred(house)["messages"][0]["message"] == text
    check(house, "assistant-forwarded-call", "completed")


@virtual
async def test_the_caller_does_not_hear_what_the_operator_is_told(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(SAY_MESSAGE))
        await operator.connected()
        heard_before = len(call.heard)
        await announced(operator)
        meanwhile = np.frombuffer(bytes(call.heard[heard_before:]), "<i2")
        operator.hang_up()
        await ended(house)

    tone = max(int(np.abs(np.frombuffer(frame, "<i2")).max()) for frame in hold() if frame is not None)
    assert 0 < np.abs(meanwhile).max() <= tone + 100
    with wave.open(str(next(tmp_path.glob("*-stereo.wav")))) as file:
        right = np.frombuffer(file.readframes(file.getnframes()), "<i2")[1::2]
    # The voice's own sound is on the right track: the operator's and the assistant's talk is kept.
    assert np.count_nonzero(right == 0x1122) / 8000 > len(MESSAGE) * 0.06


@virtual
async def test_the_operator_is_waited_for_to_speak(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, _call, operator):
        send_on(house, sip({"mode": WAIT, "message": MESSAGE, "timeout": 20}))
        await operator.connected()
        await asyncio.sleep(5)
        assert operator.heard_at == []
        await operator.says(0.8)
        await announced(operator)
        operator.hang_up()
        await ended(house)

    assert spoken(house)[-1] == MESSAGE
    check(house, "assistant-forwarded-call", "completed")


@virtual
async def test_an_operator_who_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip({"mode": WAIT, "message": MESSAGE, "timeout": 5}))
        await operator.connected()
        assert await operator.ended() == "hung-up"
        assert await call.ended() == "BYE from the node"
        await ended(house)

    assert MESSAGE not in spoken(house)
    check(house, "call.in-progress.error-warm-transfer-silence-timeout", "no-answer")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (("Until five.", SUMMARY), SUMMARY),
        (("Until five.", ModelError("scripted", "overloaded")), f"The caller said: {QUESTION}"),
        (("Until five.", (30.0, "never")), f"The caller said: {QUESTION}"),
    ],
    ids=["by the model", "the model fails", "the model is too slow"],
)
def test_the_operator_hears_a_summary(tmp_path: Path, answers: Any, said: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, open_operator(house) as operator:
            house.answers = answers
            call = await (await house.phone()).dial().connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.hears_the_end()
            send_on(house, sip({"mode": "warm-transfer-say-summary", "summaryPlan": {"timeoutSeconds": 2}}))
            await operator.connected()
            await announced(operator)
            operator.hang_up()
            await ended(house)
        assert transferred(house)["transcript"] == f"AI: {said}\n"
        check(house, "assistant-forwarded-call", "completed")

    run_virtual(story())


@virtual
async def test_a_summary_by_the_owners_own_prompt(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        house.answers = (SUMMARY,)
        call = await (await house.phone()).dial().connect()
        await call.hears_the_end()
        plan = {"messages": [{"role": "user", "content": "In brief: {{transcript}}"}]}
        send_on(house, sip({"mode": "warm-transfer-say-summary", "summaryPlan": plan}))
        await operator.connected()
        await announced(operator)
        operator.hang_up()
        await ended(house)
        (engines,) = house.engines[call.call_id]
        prompts = engines.model.requests

    assert prompts == [[{"role": "user", "content": "In brief: AI: Thanks for calling.\n"}]]


@virtual
async def test_a_voice_that_fails_does_not_keep_them_apart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        voice = ScriptedVoice(fails_at="asks", failure=EngineError("voice", "scripted", "out of breath"))
        house.build = lambda _: Engines(ScriptedTranscriber(), ScriptedModel(("Yes.",)), voice)
        call = await (await house.phone()).dial().connect()
        await call.hears_the_end()
        send_on(house, sip(SAY_MESSAGE))
        await operator.connected()
        await asyncio.sleep(0.5)
        await operator.says(0.5)
        assert call.heard_at[-1] > house.loop.time() - 0.3
        operator.hang_up()
        await ended(house)

    check(house, "assistant-forwarded-call", "completed")


@pytest.mark.parametrize("moment", [0.5, 2.1, 2.3, 3.0, 3.9, 4.0, 4.05, 4.5])
def test_the_caller_leaves_at_any_moment_of_a_warm_transfer(tmp_path: Path, moment: float) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, _operator):
            send_on(house, sip(SAY_MESSAGE))
            await asyncio.sleep(moment)
            call.hang_up()
            await ended(house)
            assert house.ports.in_use == 0
        if moment < 3.5:
            check(house, "customer-ended-call-before-warm-transfer", "cancelled")

    run_virtual(story())


@virtual
async def test_an_operator_who_hangs_up_during_the_message(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(SAY_MESSAGE))
        await operator.connected()
        await asyncio.sleep(0.6)
        operator.hang_up()
        assert await call.ended() == "BYE from the node"
        await ended(house)

    assert house.report["transcript"].endswith(f"AI: {APOLOGY}\n")
    check(house, "call.in-progress.error-transfer-failed", "failed")


# -- with an assistant for the operator --------------------------------------------------------------

GREETING = "I have a caller for you. Do you take the call?"


def consult(**more: Any) -> dict[str, Any]:
    assistant = {
        "model": {
            "provider": "openai",
            "model": "gpt-4o",
            "messages": [{"role": "system", "content": "Ask."}],
        },
        "firstMessage": GREETING,
        **more,
    }
    return {"mode": "warm-transfer-experimental", "transferAssistant": assistant}


def two_assistants(house: House, decision: str) -> list[ScriptedModel]:
    """The caller's assistant, and then one that decides at once when the operator has spoken."""
    models: list[ScriptedModel] = []

    def build(assistant: Any) -> Engines:
        answers: Any = ("Yes.",) if not models else ([ToolCall("1", decision, {})],)
        models.append(ScriptedModel(answers))
        return Engines(ScriptedTranscriber(), models[-1], ScriptedVoice())

    house.build = build
    return models


@virtual
async def test_the_operator_takes_the_call(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        models = two_assistants(house, "transferSuccessful")
        call = await (await house.phone()).dial().connect()
        await call.hears_the_end()
        send_on(house, sip(consult()))
        await operator.connected()
        await announced(operator)
        (engines,) = house.engines.values()
        engines[1].transcriber.words.append("Put him through.")
        await operator.says(1.0)
        await asyncio.sleep(2)
        assert call.is_up
        before = len(call.heard_at)
        await operator.says(1.0)
        await asyncio.sleep(0.3)
        joined = len(call.heard_at) - before
        operator.hang_up()
        await ended(house)

    assert 48 <= joined <= 52
    briefing = models[1].requests[0][1]["content"]
    assert "transferSuccessful" in briefing
    assert "Assistant: Thanks for calling." in briefing
    assert [tool.name for tool in models[1].tools[0]] == ["transferSuccessful", "transferCancel"]
    assert transferred(house)["transcript"].startswith(f"AI: {GREETING}\nOperator: Put him through.\n")
    assert transferred(house)["messages"]
    assert GREETING not in house.report["transcript"]
    check(house, "assistant-forwarded-call", "completed")


@virtual
async def test_the_operator_does_not_take_the_call(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        two_assistants(house, "transferCancel")
        call = await (await house.phone()).dial().connect()
        await call.hears_the_end()
        fallback = {"message": "They are busy.", "endCallEnabled": False}
        send_on(house, sip({**consult(), "fallbackPlan": fallback}))
        await operator.connected()
        await announced(operator)
        (engines,) = house.engines.values()
        engines[1].transcriber.words.append("Not now.")
        await operator.says(1.0)
        assert await operator.ended() == "hung-up"
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert house.report["transcript"].endswith("AI: They are busy.\n")
    check(house, "customer-ended-call-after-warm-transfer-attempt", "cancelled")


@pytest.mark.parametrize(
    ("more", "reason", "status"),
    [
        ({"silenceTimeoutSeconds": 8}, "silence-timeout", "no-answer"),
        ({"maxDurationSeconds": 10, "silenceTimeoutSeconds": 60}, "max-duration", "cancelled"),
    ],
)
def test_an_operator_who_is_not_there(tmp_path: Path, more: Any, reason: str, status: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, open_operator(house) as operator:
            two_assistants(house, "transferCancel")
            call = await (await house.phone()).dial().connect()
            await call.hears_the_end()
            send_on(house, sip(consult(**more)))
            await operator.connected()
            assert await call.ended() == "BYE from the node"
            await ended(house)
        check(house, f"call.in-progress.error-warm-transfer-{reason}", status)

    run_virtual(story())


@virtual
async def test_a_transfer_assistant_that_cannot_be_made(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip(consult(voice={"provider": "nobody"})))
        await call.ended()
        await ended(house)

    assert "transferAssistant is not valid" in house.report["call"]["endedMessage"]
    check(house, "call.in-progress.error-transfer-failed", "failed")


@virtual
async def test_both_hear_that_the_transfer_is_complete(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        object.__setattr__(house.services, "sounds", chime)
        plan = {
            "mode": "warm-transfer-experimental",
            "message": "",
            "transferCompleteAudioUrl": "http://files.test/chime.wav",
        }
        send_on(house, sip(plan))
        await operator.connected()
        heard = len(call.heard_at)
        await operator.until(lambda: len(operator.heard_at) > 20, 10)
        await asyncio.sleep(2)
        chimed = len(operator.heard_at), len(call.heard_at) - heard
        operator.hang_up()
        await ended(house)

    assert list(chimed) == pytest.approx([50, 50], abs=2)


async def chime(url: str) -> bytes:
    return pcm_of(sound())


@virtual
async def test_the_caller_waits_with_the_owners_music(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        object.__setattr__(house.services, "sounds", chime)
        plan = {
            "mode": "warm-transfer-experimental",
            "message": MESSAGE,
            "holdAudioUrl": "http://files.test/a",
        }
        send_on(house, sip(plan))
        await operator.connected()
        await asyncio.sleep(0.3)
        before = len(call.heard_at)
        await asyncio.sleep(1.0)
        heard = len(call.heard_at) - before
        call.hang_up()
        await ended(house)

    assert heard > 45
    check(house, "customer-ended-call-before-warm-transfer", "cancelled")
