from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.language.local.facts import MOST_FACTS, read
from offhook.language.local.sentences import sentences

DENTIST = """\
[Identity]
You are Mia, the receptionist of Smile Dental, and you answer calls politely.

[Style]
- Be brief and friendly.
- Never give medical advice.

## Opening hours
- Monday to Friday: 9 am to 5 pm
- Saturday: 10 am to 2 pm

Address: 12 Main Street, Springfield
Phone: 555-0192
**Website**: smile.example.com
Tone: warm and calm

We accept most insurance plans. New patients should arrive
ten minutes early. Do not discuss politics.
If the caller asks about parking, tell them that it is free behind the building.
The caller may be upset; stay calm. You must ask for their name.

Q: Do you treat children?
A: Yes, we treat children from the age of three.
Q: Is there a waiting list? A: No, new patients are seen within a week.
"""


def spoken(system: str) -> list[str]:
    return [fact.spoken for fact in read(system).facts]


def test_facts_are_told_apart_from_instructions() -> None:
    assert spoken(DENTIST) == [
        "Monday to Friday: 9 am to 5 pm.",
        "Saturday: 10 am to 2 pm.",
        "Our address is 12 Main Street, Springfield.",
        "Our phone number is 555-0192.",
        "Our website is smile.example.com.",
        "We accept most insurance plans.",
        "New patients should arrive ten minutes early.",
        "It is free behind the building.",
        "Yes, we treat children from the age of three.",
        "No, new patients are seen within a week.",
    ]


def test_who_the_assistant_is() -> None:
    assert read(DENTIST).identity == "I am Mia, the receptionist of Smile Dental."
    assert read("Your name is Leo. You are never rude.").identity == "My name is Leo."
    assert read("We are open.").identity is None


def test_a_heading_says_what_its_list_is_about_and_ends_with_it() -> None:
    facts = {fact.spoken: fact for fact in read(DENTIST).facts}
    assert "hours" in facts["Saturday: 10 am to 2 pm."].topics
    assert facts["Our address is 12 Main Street, Springfield."].topics == {"address"}


def test_a_key_with_a_sentence_is_said_as_the_sentence() -> None:
    assert spoken("- Price of a cleaning: a cleaning costs ninety dollars.") == [
        "A cleaning costs ninety dollars."
    ]


@pytest.mark.parametrize(
    ("line", "spoken"),
    [
        (
            "Opening hours: Monday to Friday from eight to six. A cleaning costs ninety dollars. "
            "Address: 12 Pier.",
            [
                "Our opening hours are Monday to Friday from eight to six.",
                "A cleaning costs ninety dollars.",
                "Our address is 12 Pier.",
            ],
        ),
        ("Prices: cleaning $90. Whitening costs $200.", ["Prices: cleaning $90. Whitening costs $200."]),
        ("Parking: There is a lot behind us. It is free.", ["There is a lot behind us. It is free."]),
        ("Style: Be friendly. Keep it short. Parking is free.", ["Parking is free."]),
    ],
)
def test_a_key_goes_as_far_as_what_is_about_it(line: str, spoken: list[str]) -> None:
    assert [fact.spoken for fact in read(line).facts] == spoken


def test_a_label_alone_on_its_line_is_a_heading() -> None:
    (fact,) = read("Prices:\n- Whitening: $250").facts
    assert fact.spoken == "Whitening: $250."
    assert fact.topics == {"price"}


def test_sentences_with_abbreviations_stay_whole() -> None:
    assert sentences("Dr. Smith is here. We open at 9 a.m. Monday. Call J. Doe!") == [
        "Dr. Smith is here.",
        "We open at 9 a.m. Monday.",
        "Call J. Doe!",
    ]


def test_only_instructions_hold_no_facts() -> None:
    system = "You are a helpful voice assistant. Keep your answers short. Always be polite. Don't use emojis."
    assert spoken(system) == []


def test_the_number_of_facts_is_bounded() -> None:
    assert len(spoken("\n".join(f"- We sell item {n}." for n in range(3 * MOST_FACTS)))) == MOST_FACTS


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["Dr. A. ", "a: ", "555-", "[ ", "If they ask about a, ", "Q: a A: ", "a-", "1. "]
)
def test_a_message_made_to_be_slow_is_read_as_fast_as_any(piece: str) -> None:
    read(piece * (100_000 // len(piece)))


@given(st.text(max_size=400) | st.text("ab .:-*#[]QA?\n", max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read(system: str) -> None:
    for fact in read(system).facts:
        assert fact.spoken


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "#" * 100_000 + "!",
        "# " * 50_000,
        "[" * 100_000,
        "**a" * 33_000,
        "Q" + " " * 50_000 + "x" + " " * 49_000 + "y",
        "Q1: a" + "\t" * 90_000 + "b",
        "Question " + " \t" * 40_000 + "?",
        "a" * 50_000 + ": b",
        "If x, ask it " + "then " * 19_000,
        "If x, ask. " + "Then. " * 16_000,
        "[" * 600 + "1" + "]" * 600,
    ],
)
def test_a_line_of_nothing_but_marks_is_read_as_quickly_as_any(text: str) -> None:
    # Some of these would take minutes, looked through from each of their places.
    read(text)
