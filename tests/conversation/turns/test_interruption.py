from __future__ import annotations

import pytest

from offhook.conversation.profile import profile_of
from offhook.conversation.turns.interruption import InterruptionPlan, words_of
from offhook.schema.assistants.assistant import Assistant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'm here, Uh-huh.", ["im", "here", "uh", "huh"]),
        ("我想取消。", ["我", "想", "取", "消"]),
        ("Prenons un café", ["prenons", "un", "café"]),
        ("?!", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def plan(**given: object) -> InterruptionPlan:
    return profile_of(Assistant.model_validate({"stopSpeakingPlan": given})).stop


@pytest.mark.parametrize(
    "text",
    [
        "Okay.",
        "Right, I see.",
        "Mm hmm.",
        "Uh-huh, yeah.",
        "Mm-hmm, okay, I got it.",
        "I'm listening",
        "Hmm",
        "Yes.",
    ],
)
def test_acknowledgements_only_acknowledge(text: str) -> None:
    assert plan().only_acknowledges(text)
    assert not plan(numWords=0).interrupts(text)
    assert not plan(numWords=1).interrupts(text)


@pytest.mark.parametrize("text", ["Okay, what about Sunday?", "Tell me more", "", "?!"])
def test_other_words_do_more_than_acknowledge(text: str) -> None:
    assert not plan().only_acknowledges(text)


@pytest.mark.parametrize(
    ("num_words", "text", "interrupts"),
    [
        (3, "and what", False),
        (3, "and what about", True),
        (3, "Stop", True),
        (10, "Wait, please", True),
        (10, "Don't", True),
        (2, "okay yeah right", False),
        (0, "Sunday", True),
        (0, "", False),
    ],
)
def test_how_many_words_interrupt(num_words: int, text: str, interrupts: bool) -> None:
    assert plan(numWords=num_words).interrupts(text) is interrupts


def test_the_owner_s_phrases_replace_the_usual_ones() -> None:
    own = plan(numWords=2, acknowledgementPhrases=["jolly good"], interruptionPhrases=["hang on"])
    assert own.only_acknowledges("Jolly good!")
    assert not own.only_acknowledges("Okay.")
    assert own.interrupts("Hang on")
    assert not own.interrupts("stop")


def test_words_have_no_case_and_no_punctuation() -> None:
    assert words_of("I'm here, Uh-huh: it’s 5!") == ["im", "here", "uh", "huh", "its", "5"]
