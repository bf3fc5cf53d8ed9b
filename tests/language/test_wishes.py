"""What only a person can do: name, number and matter are asked for in an ordinary conversation."""

from __future__ import annotations

import pytest

from offhook.language.language_model import Message
from offhook.language.local.intents import Intent, intent_of
from offhook.language.local.wishes import ASK_NAME, ASK_NUMBER, WILL_NOTE
from tests.language.test_extractive import DENTIST, answer, assistant

ASKED_FOR_A_NAME: list[Message] = [
    {"role": "user", "content": "I would like to book an appointment."},
    assistant(f"{WILL_NOTE} {ASK_NAME}"),
]


@pytest.mark.parametrize(
    "text",
    [
        "Hello?",
        "Hello, can you hear me?",
        "Thank you.",
        "Yes.",
        "Alright.",
        "Okay, thanks.",
        "I am waiting.",
        "Do you have a piano?",
        "Are you a robot?",
    ],
)
async def test_small_talk_is_no_name(text: str) -> None:
    assert (await answer(DENTIST, text, (), ASKED_FOR_A_NAME)).endswith(ASK_NAME)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sure. John Miller.", "John Miller"),
        ("Thanks, it's Ann Lee.", "Ann Lee"),
        ("Will Smith", "Will Smith"),
        ("Mary Wait", "Mary Wait"),
    ],
)
async def test_a_name_is_told_behind_small_talk(text: str, name: str) -> None:
    assert await answer(DENTIST, text, (), ASKED_FOR_A_NAME) == f"Thank you, {name}. {ASK_NUMBER}"


@pytest.mark.parametrize(
    "before",
    [
        [*ASKED_FOR_A_NAME, assistant("Are you still there?")],
        [ASKED_FOR_A_NAME[0], assistant(f"{WILL_NOTE} May I have your name,")],
    ],
    ids=["late", "early"],
)
async def test_a_name_is_told_late_or_before_the_question_ends(before: list[Message]) -> None:
    reply = await answer(DENTIST, "John Miller.", (), before)
    assert reply == f"Thank you, John Miller. {ASK_NUMBER}"


async def test_who_declines_is_asked_no_more() -> None:
    assert (await answer(DENTIST, "No, thank you.", (), ASKED_FOR_A_NAME)).startswith("All right.")


@pytest.mark.parametrize(
    "text",
    [
        "I don't want it anymore, can I return it?",
        "I don't need it delivered.",
        "I am not interested in whitening, what about a cleaning?",
        "Please don't call me before nine.",
        "Don't call me at work.",
        "How do I get to your office?",
    ],
)
def test_these_words_neither_end_a_call_nor_send_it_on(text: str) -> None:
    assert intent_of(text) is Intent.QUESTION


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Never call me again.", Intent.STOP_CALLING),
        ("Don't call me at home ever again.", Intent.STOP_CALLING),
        ("We don't want any, thank you.", Intent.NOT_INTERESTED),
        ("How do I get to a real person?", Intent.PERSON),
        ("I'd like to speak to the office.", Intent.PERSON),
    ],
)
def test_and_these_do(text: str, intent: Intent) -> None:
    assert intent_of(text) is intent
