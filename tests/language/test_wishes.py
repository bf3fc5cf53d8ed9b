"""What only a person can do: name, number and matter are asked for in an ordinary conversation."""

from __future__ import annotations

import pytest

from offhook.language.language_model import Message
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
