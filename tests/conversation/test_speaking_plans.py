"""`startSpeakingPlan` and `stopSpeakingPlan` as an owner writes them, in whole conversations."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from offhook.conversation.events import AssistantInterrupted, SpeechStarted
from tests.conversation.stage import on_stage
from tests.conversation.test_conversation import LONG, greeted, now
from tests.virtual import run_virtual

QUESTION = "When are you open?"
AGAIN = "As I said."
RULE = {"type": "customer", "regex": "open", "timeoutSeconds": 4}


@dataclass(frozen=True)
class Case:
    """What the caller says over a long answer, for how long; whether that cuts it short, and is answered."""

    said: str
    cut: bool
    answered: bool
    seconds: float = 0.6
    plan: dict[str, Any] = field(default_factory=dict)


CASES = {
    "a question": Case("And on Sunday?", cut=True, answered=True),
    "a nod": Case("Okay, I see.", cut=False, answered=False),
    "a nod of two words": Case("All right.", cut=False, answered=False),
    "a hum": Case("Mehamu.", cut=False, answered=False),
    "a hum that is heard as a word": Case("Fort.", cut=False, answered=False),
    "a word alone": Case("Sorry?", cut=True, answered=True),
    "a long sound without words": Case("", cut=True, answered=False, seconds=1.2),
    "a cough": Case("", cut=False, answered=False, seconds=0.4),
    "a nod, where the voice decides": Case(
        "Okay, I see.", cut=True, answered=False, plan={"voiceSeconds": 0.2}
    ),
    "a hum, where no words are wanted": Case("Fort.", cut=True, answered=True, plan={"numWords": 0}),
    "a cough, where the voice decides": Case(
        "", cut=True, answered=False, seconds=0.4, plan={"voiceSeconds": 0.2}
    ),
    "a click": Case("", cut=False, answered=False, seconds=0.15),
    "a cough, with patience": Case("", cut=False, answered=False, seconds=0.3, plan={"voiceSeconds": 0.5}),
    "a question, with patience": Case("And on Sunday?", cut=True, answered=True, plan={"voiceSeconds": 0.5}),
    "a nod among words": Case("Okay.", cut=False, answered=False, plan={"numWords": 2}),
    "words enough": Case("Tell me about Sunday", cut=True, answered=True, plan={"numWords": 3}),
    "words too few": Case("On Sunday?", cut=False, answered=True, plan={"numWords": 3}),
    "a phrase that stops": Case("Stop.", cut=True, answered=True, plan={"numWords": 5}),
    "a phrase of the owner's": Case(
        "Banana split!",
        cut=True,
        answered=True,
        plan={"numWords": 5, "interruptionPhrases": ["banana split"]},
    ),
    "a phrase that is the owner's no more": Case(
        "Stop.", cut=False, answered=True, plan={"numWords": 5, "interruptionPhrases": ["banana"]}
    ),
    "a nod of the owner's": Case(
        "Roger that.",
        cut=False,
        answered=False,
        plan={"numWords": 1, "acknowledgementPhrases": ["Roger that"]},
    ),
    "a nod that is none": Case(
        "Okay.", cut=True, answered=True, plan={"numWords": 1, "acknowledgementPhrases": []}
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_stops_the_assistant(name: str) -> None:
    case = CASES[name]

    async def story() -> None:
        async with on_stage([LONG, AGAIN], assistant={"stopSpeakingPlan": case.plan}) as stage:
            await greeted(stage)
            await stage.caller.says(QUESTION)
            await stage.caller.hears()
            await asyncio.sleep(2)
            await stage.caller.says(case.said, case.seconds)
            await stage.caller.hears_the_end(pause=2.5)
            assert len(stage.told(AssistantInterrupted)) == case.cut
            assert (AGAIN in stage.text) is case.answered
            if not (case.cut and case.answered):
                said = " ".join(line[4:] for line in stage.lines[2:] if line.startswith("AI: "))
                assert said.removesuffix(AGAIN).strip() == LONG

    run_virtual(story())


@pytest.mark.parametrize(("language", "cuts"), [("en", 0), ("de", 1)])
def test_a_word_alone_stops_it_where_it_is_not_known_what_hums_are_heard_as(language: str, cuts: int) -> None:
    async def story() -> None:
        german = {"transcriber": {"provider": "deepgram", "language": language}}
        async with on_stage([LONG, AGAIN], assistant=german) as stage:
            await greeted(stage)
            await stage.caller.says(QUESTION)
            await stage.caller.hears()
            await asyncio.sleep(2)
            await stage.caller.says("Nein.", 0.4)
            await stage.caller.hears_the_end(pause=2.5)
            assert len(stage.told(AssistantInterrupted)) == cuts

    run_virtual(story())


@pytest.mark.parametrize(("backoff", "least"), [(0, 0.4), (1, 0.5), (3, 2.5)])
def test_after_an_interruption_it_backs_off(backoff: float, least: float) -> None:
    async def story() -> None:
        plan = {"stopSpeakingPlan": {"backoffSeconds": backoff}}
        async with on_stage([LONG, AGAIN], assistant=plan) as stage:
            await greeted(stage)
            await stage.caller.says(QUESTION)
            await stage.caller.hears()
            await asyncio.sleep(2)
            await stage.caller.says("And on Sunday?", 0.6)
            silent_since = now()
            await stage.caller.hears_the_end(pause=4)
            (cut,) = stage.told(AssistantInterrupted)
            begun = stage.told(SpeechStarted)[-1].at
            assert begun - cut.at == pytest.approx(max(backoff, silent_since + 0.4 - cut.at), abs=0.08)
            assert begun - silent_since >= least - 0.08

    run_virtual(story())


@pytest.mark.parametrize(
    ("plan", "words", "waited"),
    [
        ({}, "Are you open?", 0.4),
        ({"waitSeconds": 0}, "Are you open?", 0.4),  # what the engines take
        ({"waitSeconds": 2}, "Are you open?", 2),
        ({}, "Are you open and", 1.5),
        ({"waitSeconds": 2}, "Are you open and", 2),
        ({"transcriptionEndpointingPlan": {"onNoPunctuationSeconds": 3}}, "Are you open", 3),
        ({"customEndpointingRules": [RULE]}, "Are you open?", 4),
    ],
)  # fmt: skip
def test_how_long_it_waits(plan: dict[str, Any], words: str, waited: float) -> None:
    async def story() -> None:
        async with on_stage(assistant={"startSpeakingPlan": plan}) as stage:
            await greeted(stage)
            await stage.caller.says(words)
            silent_since = now()
            await stage.caller.hears_the_end()
            assert stage.told(SpeechStarted)[-1].at - silent_since == pytest.approx(waited, abs=0.12)

    run_virtual(story())
