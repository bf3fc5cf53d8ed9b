from __future__ import annotations

from typing import Any

import pytest

from offhook.conversation.profile import WHOLE_PHRASE_SECONDS, profile_of
from offhook.conversation.text.patterns import compile_pattern
from offhook.conversation.turns.endpointing import (
    EndpointingPlan,
    EndpointingRule,
    ending_of,
    likelihood_of_more,
)
from offhook.conversation.turns.wait_function import default_wait
from offhook.schema.assistants.assistant import Assistant

PLAN = EndpointingPlan()


@pytest.mark.parametrize(
    ("words", "ending"),
    [
        ("What are your opening hours?", "punctuation"),
        ("I need a table for two.", "number"),
        ("I need a table, please.", "punctuation"),
        ('He said "no."', "punctuation"),
        ("営業時間は?", "punctuation"),
        ("お願いします。", "punctuation"),
        ("I would like to, um,", "open"),
        ("I need a table for two and", "open"),
        ("Well...", "open"),
        ("I would like to um.", "open"),
        ("A table for Ann and.", "open"),
        ("You what? And?", "punctuation"),
        ("My number is four one five.", "number"),
        ("It is 555", "number"),
        ("It is 0192.", "number"),
        ("", "open"),
    ],
)
def test_what_a_transcript_ends_with(words: str, ending: str) -> None:
    assert ending_of(words) == ending


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("What are your opening hours?", 0.4),  # the punctuation's 0.1 runs beside waitSeconds
        ("I need a table for two and", 1.5),
        ("My number is four one five.", 0.5),
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
        ({}, "Good morning and", "", 1.5),
        ({}, "I would like to", "", 1.5),
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
        ({"customEndpointingRules": RULES}, "maybe", "", 1.5),
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
