"""The owner's server judges whether the caller has finished: whole conversations on the virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation.events import SpeechStarted
from tests.conversation.stage import on_stage
from tests.conversation.test_conversation import greeted, now, plays
from tests.scripted import ScriptedWorld
from tests.virtual import run_virtual

SERVER = {"url": "https://judge.example.com"}


def plan(**more: Any) -> dict[str, Any]:
    judged = {"provider": "custom-endpointing-model", "server": SERVER}
    return {"startSpeakingPlan": {"smartEndpointingPlan": judged, **more}}


@pytest.mark.parametrize(
    ("judgement", "words", "waited"),
    [
        ((0.05, 3.0), "What are your opening hours?", 3.0),
        ((0.05, 0.0), "I would like to, um,", 0.4),
        ((0.9, 0.5), "What are your opening hours?", 1.2),  # the answer came after its own moment
        ((0.05, None), "What are your opening hours?", 0.4),
        ((0.05, OSError("down")), "What are your opening hours?", 0.4),
        ((60.0, 1.0), "What are your opening hours?", 2.3),
    ],
)
def test_the_wait_is_the_servers(judgement: Any, words: str, waited: float) -> None:
    async def story() -> None:
        async with on_stage(assistant=plan(), world=ScriptedWorld(judgement=judgement)) as stage:
            await greeted(stage)
            await stage.caller.says(words)
            silent_since = now()
            await stage.caller.hears_the_end()
            assert stage.told(SpeechStarted)[-1].at - silent_since == pytest.approx(waited, abs=0.1)
            assert stage.world.judged == [SERVER]

    run_virtual(story())


@plays
async def test_each_new_transcript_asks_again() -> None:
    async with on_stage(assistant=plan(), world=ScriptedWorld(judgement=(0.05, 1.0))) as stage:
        await greeted(stage)
        await stage.caller.says("I need a table.")
        await asyncio.sleep(0.5)
        await stage.caller.says("For two.")
        await stage.caller.hears_the_end()
        assert len(stage.world.judged) == 2
        assert len(stage.lines) == 3


@plays
async def test_a_rule_that_matches_leaves_nothing_to_ask() -> None:
    rules = [{"type": "customer", "regex": "table", "timeoutSeconds": 2}]
    async with on_stage(assistant=plan(customEndpointingRules=rules)) as stage:
        await greeted(stage)
        await stage.caller.says("I need a table.")
        silent_since = now()
        await stage.caller.hears_the_end()
        assert stage.told(SpeechStarted)[-1].at - silent_since == pytest.approx(2, abs=0.1)
        assert stage.world.judged == []
