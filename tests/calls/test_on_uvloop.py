"""Whole calls on the loop that the node runs on, in real time: uvloop has timers and handles of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from offhook.conversation.active_assistant import Engines
from offhook.speech.engine_protocols import Transcript
from tests.calls.house import FIRST, House, open_house
from tests.calls.phone import PhoneCall
from tests.machine import PATIENCE
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

ANSWER = "Until five."
QUICK = {"transcriptionEndpointingPlan": {"onPunctuationSeconds": 0.1}, "waitSeconds": 0.1}
Story = Callable[[House, PhoneCall], Awaitable[None]]


def call_in_real_time(folder: Path, segmented: bool, story: Story) -> House:
    async def call() -> House:
        async with open_house(folder, settle=None) as house:
            house.assistant["startSpeakingPlan"] = QUICK
            house.assistant["keypadInputPlan"] = {"enabled": True, "timeoutSeconds": 0}
            house.build = lambda _: Engines(
                ScriptedTranscriber(segmented=segmented),
                ScriptedModel([ANSWER, "Goodbye."]),
                ScriptedVoice(seconds_per_character=0.02),
            )
            phone = await house.phone()
            placed = await phone.dial().connect()
            await placed.hears_the_end(10)
            await story(house, placed)
            placed.hang_up()
            call = house.calls.get(house.call_id)
            if call is not None:
                async with asyncio.timeout(PATIENCE):
                    await call.finished.wait()
        return house

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(call())


@pytest.mark.parametrize("apart", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("after", [0.05, 0.6])
def test_two_finals_at_once_or_nearly(tmp_path: Path, apart: float, after: float) -> None:
    """The second comes when the wait that the first has begun is over already."""

    async def story(house: House, call: PhoneCall) -> None:
        await call.says("", 0.5)
        await asyncio.sleep(after)
        listener = house._transcriber_of(call.call_id)
        assert listener is not None
        listener.give(Transcript("When do you close?", True))
        if apart:
            await asyncio.sleep(apart)
        listener.give(Transcript("On Monday?", True))
        await call.hears_the_end(10)

    house = call_in_real_time(tmp_path, False, story)
    assert house.report["endedReason"] == "customer-ended-call"
    lines = house.report["transcript"].splitlines()
    assert lines[0] == f"AI: {FIRST}"
    assert "User: When do you close? On Monday?" in lines


def test_a_call_with_keys_and_a_phrase(tmp_path: Path) -> None:
    async def story(house: House, call: PhoneCall) -> None:
        await call.says("When do you close?", 0.5)
        await call.hears_the_end(10)
        await call.press("1")
        await call.hears_the_end(10)

    house = call_in_real_time(tmp_path, True, story)
    assert house.report["endedReason"] == "customer-ended-call"
    assert f"AI: {ANSWER}" in house.report["transcript"].splitlines()
    assert "User: User's Keypad Entry: 1" in house.report["transcript"].splitlines()
