"""A transcriber that streams: it is told nothing of where speech ends, and answers when it likes."""

from __future__ import annotations

import asyncio

import pytest

from offhook.speech.base import Transcript
from tests.conversation.stage import FIRST, on_stage
from tests.scripted import ScriptedTranscriber
from tests.virtual import story


@pytest.mark.parametrize("finals", [2, 5])
@story
async def test_finals_at_once_are_one_turn(finals: int) -> None:
    """The wait that the first one begins is over already."""
    async with on_stage(["Yes."], transcriber=ScriptedTranscriber(segmented=False)) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("", 0.5)
        await asyncio.sleep(0.8)
        for number in range(finals):
            stage.transcriber.give(Transcript(f"Number {number}.", True))
        await stage.caller.hears_the_end()
        words = " ".join(f"Number {number}." for number in range(finals))
        assert stage.lines == [f"AI: {FIRST}", f"User: {words}", "AI: Yes."]
        assert stage.ended == []
