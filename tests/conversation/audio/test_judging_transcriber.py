"""A transcriber that judges by itself when the caller's turn is over, in whole conversations."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.frames import FRAME_SECONDS
from offhook.speech.engine_protocols import TimedWord, Transcript
from tests.conversation.stage import Stage, on_stage
from tests.scripted import ScriptedTranscriber, ScriptedVoice
from tests.virtual import story

PATIENCE = 6.0
ORDER = "I would like to order a table for"


class Judging(ScriptedTranscriber):
    turn_patience = PATIENCE

    def __init__(self) -> None:
        super().__init__(segmented=False)

    def partial(self, text: str, **more: Any) -> None:
        self.give(Transcript(text, final=False, **more))

    def final(self, text: str, **more: Any) -> None:
        self.give(Transcript(text, final=True, **more))


async def waited(stage: Stage, since: float, limit: float = 20.0) -> float:
    """Seconds until the assistant is heard."""
    await stage.caller.hears(limit)
    return stage.caller.played[-1] - since


async def asked(stage: Stage, seconds: float = 1.0) -> float:
    """The greeting is over, and the caller has spoken; when that ended."""
    await stage.caller.hears_the_end()
    await stage.caller.says("", seconds)
    return asyncio.get_running_loop().time()


@story
async def test_its_end_of_turn_is_answered_at_once_whatever_the_words_end_with() -> None:
    """By its words alone this would wait for 1.5 s."""
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        ended = await asked(stage)
        await asyncio.sleep(0.2)
        ears.final(ORDER, turn="ended")
        assert await waited(stage, ended) < 0.8


@story
async def test_before_it_the_caller_is_not_answered_however_finished_the_words_look() -> None:
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        ended = await asked(stage)
        ears.final("I would like to order.")
        await asyncio.sleep(3)
        assert stage.caller.played[-1] < ended
        ears.final("For five people.", turn="ended")
        await stage.caller.hears(1)
        assert stage.lines[1:3] == ["User: I would like to order.", "User: For five people."] or (
            stage.lines[1] == "User: I would like to order. For five people."
        )
        assert stage.model.requests[-1][-1]["content"] == "I would like to order. For five people."


@pytest.mark.parametrize("said", ["final", "partial"])
@story
async def test_an_end_that_never_comes_is_not_waited_for_longer_than_it_promises(said: str) -> None:
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        ended = await asked(stage)
        getattr(ears, said)("Yes.")
        assert PATIENCE - 0.5 < await waited(stage, ended) < PATIENCE + 0.8


@story
async def test_an_end_without_words_ends_those_before_it() -> None:
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        ended = await asked(stage)
        ears.final(ORDER)
        await asyncio.sleep(1)
        ears.final("", turn="ended")
        assert await waited(stage, ended) < 1.6


@story
async def test_an_end_that_may_be_makes_the_reply_ready() -> None:
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        ended = await asked(stage)
        ears.partial("I would like to order", turn="may-end")
        await asyncio.sleep(2)
        assert len(stage.model.requests) == 1
        assert stage.voice.spoken[-1] == "Gladly."
        assert stage.caller.played[-1] < ended
        ears.final("I would like to order.", turn="ended")
        assert await waited(stage, ended) < 2.2
        assert len(stage.model.requests) == 1


@story
async def test_it_is_made_while_the_caller_still_makes_sound() -> None:
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        await stage.caller.hears_the_end()
        stage.caller.begin("", 2.0)
        await asyncio.sleep(1)
        for _ in range(3):
            ears.partial("I would like to order", turn="may-end")
        await asyncio.sleep(0.5)
        assert len(stage.model.requests) == 1
        await asyncio.sleep(1)
        ears.final("I would like to order.", turn="ended")
        await stage.caller.hears(1)
        assert len(stage.model.requests) == 1


@story
async def test_a_turn_that_goes_on_after_all_drops_that_reply() -> None:
    ears = Judging()
    async with on_stage(["Gladly.", "For five, gladly."], transcriber=ears) as stage:
        await asked(stage)
        ears.partial("I would like to order", turn="may-end")
        await asyncio.sleep(0.5)
        ears.partial("I would like to order for five")
        await asyncio.sleep(0.5)
        ears.final("I would like to order for five.", turn="ended")
        await stage.caller.hears_the_end()
        assert stage.lines[-1] == "AI: For five, gladly."
        assert stage.model.requests[-1][-1]["content"] == "I would like to order for five."
        assert "AI: Gladly." not in stage.lines


PLANS = {
    "smart": ({"smartEndpointingPlan": {"provider": "livekit", "waitFunction": "3000 + 0 * x"}}, 3.0),
    "words": ({"transcriptionEndpointingPlan": {"onNoPunctuationSeconds": 2}}, 2.0),
    "rule": (
        {
            "customEndpointingRules": [
                {"type": "customer", "regex": "table", "timeoutSeconds": 2.5},
            ]
        },
        2.5,
    ),
}


@pytest.mark.parametrize("name", PLANS)
@story
async def test_where_the_owner_has_said_who_judges_it_does_not(name: str) -> None:
    plan, seconds = PLANS[name]
    ears = Judging()
    async with on_stage(["Gladly."], assistant={"startSpeakingPlan": plan}, transcriber=ears) as stage:
        ended = await asked(stage)
        ears.final(ORDER, turn="ended")
        assert seconds - 0.5 < await waited(stage, ended) < seconds + 0.8


@pytest.mark.parametrize(("stability", "cut"), [(0.1, False), (0.9, True)])
@story
async def test_only_a_steady_partial_silences_the_assistant(stability: float, cut: bool) -> None:
    ears = Judging()
    plan = {"stopSpeakingPlan": {"numWords": 2}, "firstMessageInterruptionsEnabled": True}
    voice = ScriptedVoice()
    async with on_stage(["Gladly."], assistant=plan, transcriber=ears, voice=voice) as stage:
        await stage.caller.hears()
        stage.caller.begin("", 1.0)
        await asyncio.sleep(0.4)
        ears.partial("one two three four", stability=stability)
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(0.4)
        assert (stage.caller.played[-1] < before + 0.1) is cut


@story
async def test_words_are_where_the_transcribers_times_put_them() -> None:
    """They join one entry, from the first word to the last; voice activity alone knows of the whole sound."""
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        await stage.caller.hears_the_end()
        began = asyncio.get_running_loop().time() - ears.pushed * FRAME_SECONDS
        stage.caller.begin("", 4.6)
        await asyncio.sleep(4.8)
        at = ears.pushed * FRAME_SECONDS - 4.8
        ears.final("Hello.", words=(TimedWord("Hello.", at + 0.2, at + 0.6),))
        late = (TimedWord("Two.", at + 3.0, at + 3.5), TimedWord("Please.", at + 3.5, at + 3.9))
        ears.final("Two. Please.", words=late, turn="ended")
        await stage.caller.hears(2)
        times = [(one.start, one.end) for one in stage.conversation.transcript.entries if one.role == "user"]
    ((first, last),) = times
    assert [first, last] == pytest.approx([began + at + 0.2, began + at + 3.9], abs=0.05)


@pytest.mark.parametrize("word", [TimedWord("Hello.", -5.0, 9999.0)])
@story
async def test_times_beyond_the_sound_are_held_to_it(word: TimedWord) -> None:
    ears = Judging()
    async with on_stage(["Gladly."], transcriber=ears) as stage:
        await asked(stage)
        ears.final("Hello.", words=(word,), turn="ended")
        now = asyncio.get_running_loop().time()
        (entry,) = [one for one in stage.conversation.transcript.entries if one.role == "user"]
        assert 0 <= entry.start <= (entry.end or 0) <= now
