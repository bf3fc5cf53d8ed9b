"""A caller who does what chance says; what must hold whatever happens."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence

import pytest

from offhook.conversation.events import AssistantInterrupted, Event, SpeechStarted, SpeechStopped, ToolOutcome
from offhook.conversation.turn_taking import TurnTaking
from offhook.conversation.turns.signals import Input
from offhook.language.language_model import Message, Text, ToolCall
from offhook.speech.engine_protocols import Transcript
from tests.conversation.stage import Stage, on_stage
from tests.scripted import Script, ScriptedModel, ScriptedTranscriber, ScriptedVoice, ScriptedWorld
from tests.virtual import run_virtual

pytestmark = pytest.mark.slow

PHRASES = [
    "What are your hours?",
    "Okay.",
    "Mm hmm.",
    "",
    "I would like to, um,",
    "No, wait, stop.",
    "And on Sunday?",
    "five five five",
]
SENTENCES = [
    "We are open from nine to five.", "That would be Dr. Smith on Tuesday.", "Sure!", "Of course, I can.",
    "It costs 3.50 in total.", "Is there anything else?",
]  # fmt: skip
TOOL = {"type": "function", "function": {"name": "lookup"}}


def answer(rng: random.Random, shown: Sequence[Message]) -> Script:
    """Some sentences, now and then with pauses or a tool."""
    check_order(shown)
    parts: list[Text | float | ToolCall] = []
    for sentence in rng.sample(SENTENCES, rng.randint(1, 4)):
        parts.append(Text(f"{sentence} "))
        if rng.random() < 0.2:
            parts.append(rng.uniform(0.1, 2.0))
    if rng.random() < 0.25:
        parts.append(ToolCall(f"c{rng.randrange(10**6)}", "lookup", {}))
    return parts


def check_order(shown: Sequence[Message]) -> None:
    """Every tool call is followed by its answers, and by nothing else before them."""
    owed: list[str] = []
    for message in shown:
        if owed:
            assert message["role"] == "tool"
            assert message["tool_call_id"] == owed.pop(0)
        owed += [call["id"] for call in message.get("tool_calls") or ()]
    assert owed == []


async def behave(stage: Stage, rng: random.Random, streaming: bool) -> None:
    """One thing that a caller does."""
    chance = rng.random()
    if chance < 0.6:
        text = rng.choice(PHRASES)
        stage.caller.begin(text, rng.uniform(0.05, 1.5))
        await asyncio.sleep(rng.uniform(0.1, 3.0))
        if streaming and text:
            stage.transcriber.give(Transcript(text[: len(text) // 2], False))
            if rng.random() < 0.8:
                stage.transcriber.give(Transcript(text, True))
    elif chance < 0.7:
        stage.conversation.keypad(rng.choice("0123456789#"))
    elif chance < 0.75:
        stage.conversation.say("A word from outside.", interruptible=rng.random() < 0.5)
    elif chance < 0.8:
        role = rng.choice(["system", "user"])
        stage.conversation.add_message({"role": role, "content": "By the way."}, respond=rng.random() < 0.5)
    await asyncio.sleep(rng.uniform(0.0, 4.0))


def check_speech(events: Sequence[Event], played: Sequence[float]) -> None:
    """Turns alternate between started and stopped, and sound is heard only while the assistant speaks."""
    spans: list[tuple[float, float]] = []
    began: SpeechStarted | None = None
    for event in events:
        if isinstance(event, SpeechStarted) and event.role == "assistant":
            assert began is None
            began = event
        elif isinstance(event, SpeechStopped) and event.role == "assistant":
            assert began is not None
            assert event.turn == began.turn == len(spans)
            spans.append((began.at, event.at))
            began = None
    if began is not None:
        spans.append((began.at, float("inf")))
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))
    index = 0
    for at in played:
        while spans[index][1] < at:
            index += 1
        assert spans[index][0] <= at


@pytest.fixture
def depths(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """How many inputs are fed to the turn machine inside of one another."""
    depth, seen = 0, set[int]()
    feed = TurnTaking.feed

    def counted(self: TurnTaking, given: Input) -> None:
        nonlocal depth
        depth += 1
        seen.add(depth)
        try:
            feed(self, given)
        finally:
            depth -= 1

    monkeypatch.setattr(TurnTaking, "feed", counted)
    return seen


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_caller_does(seed: int, depths: set[int]) -> None:
    async def story() -> None:
        rng = random.Random(seed)
        streaming = rng.random() < 0.3
        document = {
            "model": {
                "provider": "vapi",
                "messages": [{"role": "system", "content": "Be kind."}],
                "tools": [TOOL],
            },
            "stopSpeakingPlan": {"numWords": rng.choice([0, 0, 0, 2])},
            "keypadInputPlan": {"enabled": True},
            "firstMessageInterruptionsEnabled": rng.random() < 0.5,
            "silenceTimeoutSeconds": 3600,
        }
        world = ScriptedWorld(outcomes={"lookup": (rng.uniform(0, 4), ToolOutcome(result="found"))})
        model = ScriptedModel(lambda shown: answer(rng, shown), latency=rng.uniform(0, 0.8))
        transcriber = ScriptedTranscriber(segmented=not streaming, latency=rng.uniform(0, 0.6))
        voice = ScriptedVoice(latency=rng.uniform(0, 0.5))
        async with on_stage(
            assistant=document, world=world, model=model, transcriber=transcriber, voice=voice, seed=seed
        ) as stage:
            for _ in range(25):
                await behave(stage, rng, streaming)
            # However it went, a caller who asks again gets an answer.
            await asyncio.sleep(40)
            requests = len(stage.model.requests)
            stage.transcriber.words.clear()  # of sounds too short to be speech
            await stage.caller.says("Can you hear me now?", 1.0)
            if streaming:
                stage.transcriber.give(Transcript("Can you hear me now?", True))
            await stage.caller.hears(20)
            await asyncio.sleep(40)
            assert len(stage.model.requests) > requests
            assert stage.ended == []
            assert all(
                not event.heard or event.heard in stage.text for event in stage.told(AssistantInterrupted)
            )
            check_speech(stage.events, stage.caller.played)
            times = [message["time"] for message in stage.conversation.transcript.to_messages(0.0, 0.0)]
            assert times == sorted(times)
            check_order(stage.conversation.context.messages())

    run_virtual(story())
    assert depths == {1}, "no action is answered by another input"
