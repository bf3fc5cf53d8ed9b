"""`artifact.messages` stand in the order in which things were said, at the times at which they were, whatever
kind of transcriber tells of them, however late, and whatever sounds without words come between."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversation.audio.test_streaming_transcriber import Streaming, utters
from tests.conversation.stage import Stage, on_stage
from tests.scripted import ScriptedTranscriber
from tests.virtual import run_virtual

ANSWER = "We are open until five on every day, and on Saturdays until noon."
SAID = {
    "Yes.": 0.4,
    "When are you open?": 1.3,
    "I would like to come in on Monday morning, if that is possible.": 4.2,
    "No, thank you.": 1.0,
}


@dataclass(frozen=True)
class Turn:
    """`waits`: seconds after the assistant's last word. Then sounds without words, None: no such: `clears`,
    so long before the caller's words; `sighs`, so long behind them; `coughs`, so long into the answer."""

    text: str
    waits: float
    coughs: float | None
    clears: float | None
    sighs: float | None


TURNS = st.builds(
    Turn,
    text=st.sampled_from(sorted(SAID)),
    waits=st.floats(0.2, 4.0),
    coughs=st.none() | st.floats(0.7, 1.8),
    clears=st.none() | st.floats(0.4, 3.0),
    sighs=st.none() | st.floats(0.4, 1.2),
)


async def says(stage: Stage, text: str) -> float:
    if isinstance(stage.transcriber, Streaming):
        return await utters(stage, text, SAID[text])
    began = asyncio.get_running_loop().time()
    await stage.caller.says(text, SAID[text])
    return began


async def whole_call(
    transcriber: ScriptedTranscriber, turns: list[Turn]
) -> tuple[list[float], list[dict[str, Any]]]:
    async with on_stage([ANSWER] * 20, transcriber=transcriber) as stage:
        began: list[float] = []
        await stage.caller.hears_the_end(pause=0.3)
        for turn in turns:
            await asyncio.sleep(turn.waits)
            if turn.clears is not None:  # the throat, before the words
                await stage.caller.says("", 0.25)
                await asyncio.sleep(turn.clears)
            began.append(await says(stage, turn.text))
            if turn.sighs is not None:  # behind the words, which may not be known yet
                await asyncio.sleep(turn.sighs)
                await stage.caller.says("", 0.2)
            await stage.caller.hears()
            if turn.coughs is not None:
                await asyncio.sleep(turn.coughs)
                await stage.caller.says("", 0.2)
            await stage.caller.hears_the_end(pause=0.5)
        await asyncio.sleep(2.5)
        return began, stage.conversation.transcript.to_messages(0.0, 0.0)


def holds(turns: list[Turn], began: list[float], messages: list[dict[str, Any]]) -> None:
    callers = [message for message in messages if message["role"] == "user"]
    assert [message["message"] for message in callers] == [turn.text for turn in turns]
    assert [message["role"] for message in messages] == ["bot", *["user", "bot"] * len(turns)]
    assert [message["secondsFromStart"] for message in callers] == pytest.approx(began, abs=0.15)
    times = [message["time"] for message in messages]
    assert times == sorted(times)
    for message, turn in zip(callers, turns, strict=True):
        assert 0 <= message["duration"] <= 1000 * (SAID[turn.text] + 0.3)
        assert message["endTime"] == message["time"] + message["duration"]
    for message, following in itertools.pairwise(messages):
        if message["role"] == "user":
            assert message["endTime"] <= following["time"] + 1


@given(
    st.lists(TURNS, min_size=1, max_size=3),
    st.floats(0.05, 2.0),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_of_a_transcriber_that_streams(turns: list[Turn], delay: float, partials: bool) -> None:
    holds(turns, *run_virtual(whole_call(Streaming(delay, partials), turns)))


@given(st.lists(TURNS, min_size=1, max_size=3), st.floats(0.05, 2.0))
@settings(max_examples=25, deadline=None)
def test_of_a_transcriber_of_whole_phrases(turns: list[Turn], delay: float) -> None:
    holds(turns, *run_virtual(whole_call(ScriptedTranscriber(latency=delay), turns)))
