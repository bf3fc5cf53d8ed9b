"""A transcriber that streams: it is told nothing of where speech ends, and answers when it likes."""

from __future__ import annotations

import asyncio

import pytest

from offhook.speech.engine_protocols import Transcript
from tests.conversation.stage import FIRST, Stage, on_stage
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


class Streaming(ScriptedTranscriber):
    """Its words come `delay` seconds after the voice: partials beside it if it has them, then finals."""

    def __init__(self, delay: float, partials: bool, finals: int = 1, apart: float = 0.3) -> None:
        super().__init__(segmented=False)
        self.delay, self.partials, self.finals, self.apart = delay, partials, finals, apart

    def hear(self, text: str, seconds: float) -> None:
        """`text` is being said from now on, for `seconds`."""
        loop, words = asyncio.get_running_loop(), text.split()
        if self.partials:
            for count in range(1, len(words) + 1):
                at = seconds * count / len(words) + min(self.delay, 0.3) - 0.02
                loop.call_later(at, self.give, Transcript(" ".join(words[:count]), False))
        size = -(-len(words) // self.finals)
        for number in range(0, len(words), size):
            at = seconds + self.delay + max(self.apart, 0.001) * number / size
            loop.call_later(at, self.give, Transcript(" ".join(words[number : number + size]), True))


async def utters(stage: Stage, text: str, seconds: float = 1.0) -> float:
    """Speak to the end of it; when that began."""
    began = asyncio.get_running_loop().time()
    assert isinstance(stage.transcriber, Streaming)
    stage.transcriber.hear(text, seconds)
    await stage.caller.says("", seconds)
    return began


async def coughs(stage: Stage) -> None:
    await stage.caller.says("", 0.3)


def starts(stage: Stage) -> list[float]:
    return [entry.start for entry in stage.conversation.transcript.entries if entry.role == "user"]


DELAYS = [0.05, 0.1, 0.15, 0.2, 0.25, 0.4, 0.8, 1.3, 2.0]


@pytest.mark.parametrize("coughing", ["never", "before the words", "in the answer", "after the answer"])
@pytest.mark.parametrize("partials", [False, True])
@pytest.mark.parametrize("delay", DELAYS)
@story
async def test_lines_stand_in_the_order_in_which_they_were_heard(
    delay: float, partials: bool, coughing: str
) -> None:
    transcriber = Streaming(delay, partials)
    answers = ["We are open until five on every day.", "Yes, of course you can.", "Goodbye."]
    async with on_stage(answers, transcriber=transcriber) as stage:
        await stage.caller.hears_the_end()
        spoken = []
        for question in ("When are you open?", "Yes.", "Thanks a lot."):
            spoken.append(await utters(stage, question, 0.4 if question == "Yes." else 1.0))
            if coughing == "before the words" and delay > 0.9:
                await asyncio.sleep(0.5)
                await coughs(stage)
            await stage.caller.hears()
            if coughing == "in the answer":
                await asyncio.sleep(0.2)
                stage.caller.begin("", 0.15)
            await stage.caller.hears_the_end(pause=0.3)
            if coughing == "after the answer":
                await coughs(stage)
                await asyncio.sleep(2.0)
        assert stage.lines == [
            f"AI: {FIRST}",
            "User: When are you open?",
            f"AI: {answers[0]}",
            "User: Yes.",
            f"AI: {answers[1]}",
            "User: Thanks a lot.",
            f"AI: {answers[2]}",
        ]
        assert starts(stage) == pytest.approx(spoken, abs=0.15)


@pytest.mark.parametrize("partials", [False, True])
@pytest.mark.parametrize("delay", [0.05, 0.2, 0.6, 1.5])
@pytest.mark.parametrize("apart", [0.0, 0.3, 0.6])
@story
async def test_several_finals_of_one_utterance_are_one_line(
    delay: float, partials: bool, apart: float
) -> None:
    """The last may come when the answer to the first has begun already."""
    transcriber = Streaming(delay, partials, finals=3, apart=apart)
    async with on_stage(["One moment, please, let me look."] * 9, transcriber=transcriber) as stage:
        await stage.caller.hears_the_end()
        began = await utters(stage, "I want to come. On Monday please. At nine sharp.", 2.0)
        await asyncio.sleep(delay + 2 * apart)
        await stage.caller.hears_the_end()
        again = await utters(stage, "Is that free? Or is it. Not so free?", 1.5)
        await asyncio.sleep(delay + 2 * apart)
        await stage.caller.hears_the_end()
        callers = [line for line in stage.lines if line.startswith("User: ")]
        assert callers == [
            "User: I want to come. On Monday please. At nine sharp.",
            "User: Is that free? Or is it. Not so free?",
        ]
        assert starts(stage) == pytest.approx([began, again], abs=0.15)
        order = [line[:2] for line in stage.lines]
        assert order.index("Us") == 1


@pytest.mark.parametrize("delay", DELAYS)
@story
async def test_an_utterance_with_a_pause_in_it_begins_where_it_began(delay: float) -> None:
    transcriber = Streaming(delay, False)
    async with on_stage(["Yes."], transcriber=transcriber) as stage:
        await stage.caller.hears_the_end()
        began = asyncio.get_running_loop().time()
        await stage.caller.says("", 0.8)
        await asyncio.sleep(0.7)
        await utters(stage, "I would like to come on Monday at nine, if that is possible.")
        await stage.caller.hears_the_end()
        assert starts(stage) == pytest.approx([began], abs=0.15)


@story
async def test_words_without_a_voice_are_said_when_they_come() -> None:
    async with on_stage(["Yes."], transcriber=ScriptedTranscriber(segmented=False)) as stage:
        await stage.caller.hears_the_end()
        await coughs(stage)
        await asyncio.sleep(4)
        now = asyncio.get_running_loop().time()
        stage.transcriber.give(Transcript("Hello.", True))
        await stage.caller.hears_the_end()
        assert starts(stage) == pytest.approx([now], abs=0.05)


@story
async def test_a_partial_behind_its_final_is_no_news() -> None:
    async with on_stage(["Until five."], transcriber=ScriptedTranscriber(segmented=False)) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("", 0.5)
        stage.transcriber.give(Transcript("When do you close?", True))
        stage.transcriber.give(Transcript("when do you close", False))
        await stage.caller.hears_the_end()
        users = [one["content"] for one in stage.model.requests[-1] if one["role"] == "user"]
        assert users == ["When do you close?"]
        assert len(stage.model.requests) == 1
