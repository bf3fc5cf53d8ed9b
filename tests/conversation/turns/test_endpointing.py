from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offhook.conversation.profile import profile_of
from offhook.conversation.text.patterns import compile_pattern
from offhook.conversation.turns.endpointing import (
    LONGEST_LOOKED_AT,
    SECONDS,
    WHOLE_PHRASE_SECONDS,
    Ending,
    EndpointingPlan,
    EndpointingRule,
    ending_of,
    likelihood_of_more,
)
from offhook.conversation.turns.rhythm import CallerRhythm
from offhook.conversation.turns.wait_function import default_wait
from offhook.schema.assistants.assistant import Assistant

PLAN = EndpointingPlan()


ENDINGS = [
    line.split("\t")
    for line in Path(__file__).with_name("endings.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(("ending", "asked", "said"), ENDINGS)
def test_how_it_ends(ending: str, asked: str, said: str) -> None:
    assert ending_of(said, asked).name == ending


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        ('He said "no."', Ending.WHOLE),
        ("営業時間は?", Ending.WHOLE),
        ("お願いします。", Ending.WHOLE),
        ("Nine to five", Ending.NUMBER),
        ("On weekdays", Ending.UNMARKED),
        ("", Ending.UNMARKED),
    ],
)
def test_without_english_only_marks_and_numerals_count(words: str, ending: Ending) -> None:
    assert ending_of(words) is ending
    assert ending_of("Der Mann an.", english=False) is Ending.WHOLE
    assert ending_of("Meine Nummer ist 415.", "What is your phone number?", english=False) is Ending.NUMBER


@pytest.mark.parametrize(
    "text", ["five " * 4000, "um, " * 4000, "a" * 20000, "dot " * 4000, "my number is 1 " * 2000]
)
def test_a_long_turn_is_looked_at_from_its_end_alone(text: str) -> None:
    asked = "what is your phone number and " * 2000 + "?"
    assert ending_of(text, asked) is ending_of(text[-LONGEST_LOOKED_AT:], asked)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("What are your opening hours?", 0.4),  # the punctuation's 0.1 runs beside waitSeconds
        ("I need a table for two and", 1.6),
        ("My number is four one five.", 1.9),
        ("A table for four.", 0.5),
        ("Let me see.", 3.5),
    ],
)
def test_the_longer_wait_holds(words: str, seconds: float) -> None:
    assert PLAN.wait(words, "") == seconds


def test_the_first_rule_that_matches_wins_over_everything() -> None:
    number, asked = compile_pattern("number"), compile_pattern("account", ["ignore-case"])
    plan = EndpointingPlan(
        rules=(
            EndpointingRule(3.0, assistant=asked, customer=number),
            EndpointingRule(2.0, assistant=asked),
            EndpointingRule(1.0, customer=number),
        ),
        smart=default_wait,
    )
    assert plan.wait("my number is", "What is your ACCOUNT number?") == 3.0
    assert plan.wait("hold on", "What is your Account number?") == 2.0
    assert plan.wait("my number is", "How can I help?") == 1.0
    assert plan.wait("Thank you.", "How can I help?") < 1.0


@pytest.mark.parametrize(
    ("unfinished", "finished"),
    [
        ("I would like to, um,", "I would like to book a table."),
        ("I need a table for two and", "I need a table for two."),
        ("my name is", "my name is Daniel Carter"),
        ("because", "That is why."),
    ],
)
def test_smart_endpointing_waits_longer_for_an_unfinished_phrase(unfinished: str, finished: str) -> None:
    smart = EndpointingPlan(smart=default_wait)
    assert smart.wait(unfinished, "") >= 2 * smart.wait(finished, "")
    assert 0.0 <= likelihood_of_more(finished) < likelihood_of_more(unfinished) <= 1.0


ASKED = "What is your account number?"
RULES = [
    {"type": "customer", "regex": "^(yes|no)[.!]?$", "timeoutSeconds": 0.2,
     "regexOptions": [{"type": "ignore-case", "enabled": True}]},
    {"type": "assistant", "regex": "account number", "timeoutSeconds": 4},
    {"type": "both", "assistantRegex": "anything else", "customerRegex": "that", "timeoutSeconds": 0.6,
     "customerRegexOptions": [{"type": "whole-word", "enabled": True}]},
    {"type": "customer", "regex": "Maybe", "timeoutSeconds": 2,
     "regexOptions": [{"type": "ignore-case", "enabled": False}]},
]  # fmt: skip
WORDS = {"onPunctuationSeconds": 0.3, "onNoPunctuationSeconds": 1.1, "onNumberSeconds": 0.8}
ANYTHING = "Is there anything else?"


@pytest.mark.parametrize(
    ("plan", "customer", "assistant", "seconds"),
    [
        ({}, "Good morning.", "", 0.4),
        ({}, "Good morning", "", 0.8),
        ({}, "Good morning and", "", 1.6),
        ({}, "I would like to.", "", 1.6),
        ({"transcriptionEndpointingPlan": {"onNoPunctuationSeconds": 0.7}}, "I would like to.", "", 0.7),
        ({"transcriptionEndpointingPlan": {"onNumberSeconds": 0.6}}, "Four one.", "Your phone number?", 0.6),
        ({"transcriptionEndpointingPlan": {"onPunctuationSeconds": 0.6}}, "Four one five.", "", 1.9),
        ({"waitSeconds": 2.5}, "I would like to.", "", 2.5),
        ({}, "Four one five.", "What is your phone number?", 1.9),
        ({"smartEndpointingPlan": {"provider": "livekit", "waitFunction": "1000 * x"}}, "I", "", 0.85),
        ({"transcriptionEndpointingPlan": {"onNoPunctuationSeconds": 1.5}}, "Good morning", "", 1.5),
        ({}, "It is twelve", "", 0.5),
        ({"waitSeconds": 0}, "Good morning.", "", 0.1),
        ({"waitSeconds": 2}, "Good morning", "", 2),
        ({"transcriptionEndpointingPlan": WORDS}, "Good morning.", "", 0.4),
        ({"transcriptionEndpointingPlan": WORDS}, "Good morning", "", 1.1),
        ({"transcriptionEndpointingPlan": WORDS}, "It is twelve.", "", 0.8),
        ({"transcriptionEndpointingPlan": {"onPunctuationSeconds": 0}, "waitSeconds": 0}, "Hi.", "", 0),
        ({"customEndpointingRules": RULES}, "YES!", ASKED, 0.4),
        ({"customEndpointingRules": RULES, "waitSeconds": 0.1}, "YES!", ASKED, 0.2),
        ({"customEndpointingRules": RULES}, "Yes, I have it here", ASKED, 4),
        ({"customEndpointingRules": RULES}, "Not that", ANYTHING, 0.6),
        ({"customEndpointingRules": RULES}, "Thatcher", ANYTHING, 0.8),
        ({"customEndpointingRules": RULES}, "maybe", "", 0.8),
        ({"customEndpointingRules": RULES}, "Maybe", "", 2),
        ({"customEndpointingRules": RULES, "smartEndpointingPlan": {"provider": "vapi"}}, "Maybe", "", 2),
        (
            {"smartEndpointingPlan": {"provider": "livekit", "waitFunction": "700 + 0 * x"},
             "transcriptionEndpointingPlan": WORDS},
            "Good morning", "", 0.7,
        ),
    ],
)  # fmt: skip
def test_what_an_assistant_waits(plan: dict[str, Any], customer: str, assistant: str, seconds: float) -> None:
    start = profile_of(Assistant.model_validate({"startSpeakingPlan": plan})).start
    assert start.wait(customer, assistant, whole=True) == pytest.approx(seconds)


def test_what_streams_gets_no_shorter_wait_for_a_missing_full_stop() -> None:
    start = profile_of(Assistant()).start
    assert start.wait("Good morning", "", whole=True) == WHOLE_PHRASE_SECONDS
    assert start.wait("Good morning", "") == 1.5


def test_a_plan_of_zeros_answers_at_once() -> None:
    plan = EndpointingPlan(wait_seconds=0, on_punctuation=0)
    assert plan.wait("Hello.", "") == 0


def test_a_caller_who_pauses_long_is_waited_for_longer() -> None:
    rhythm = CallerRhythm()
    assert rhythm.wait(Ending.OPEN, SECONDS[Ending.OPEN]) == SECONDS[Ending.OPEN]
    rhythm.paused(1.5, Ending.OPEN)
    assert rhythm.wait(Ending.OPEN, SECONDS[Ending.OPEN]) == pytest.approx(2.1)
    assert rhythm.wait(Ending.WHOLE, 0.4) == 0.4
    rhythm.paused(20, Ending.DICTATING)
    assert rhythm.wait(Ending.DICTATING, 1.9) == 3.0


def test_whoever_goes_on_behind_whole_sentences_again_and_again_is_waited_for_a_little() -> None:
    rhythm = CallerRhythm()
    rhythm.paused(0.6, Ending.WHOLE)
    assert rhythm.wait(Ending.WHOLE, 0.4) == 0.4
    rhythm.paused(0.6, Ending.WHOLE)
    assert rhythm.wait(Ending.WHOLE, 0.4) == pytest.approx(0.84)
    for _ in range(9):
        rhythm.paused(5.0, Ending.WHOLE)
    assert rhythm.wait(Ending.WHOLE, 0.4) == 1.2
    assert rhythm.wait(Ending.NUMBER, 0.5) == 0.5
