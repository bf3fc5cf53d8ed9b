"""What a prompt tells the assistant to do in a case, what it only tells it about itself, and the forms that
facts are written in."""

from __future__ import annotations

import pytest

from offhook.language.local.cues import Deed, HangUp, PutThrough, Say, TakeDetails, cue_of
from offhook.language.local.facts import read


def deeds(statement: str) -> tuple[Deed, ...]:
    cue = cue_of(statement, told=True, keyed=False)
    assert cue is not None
    return cue.deeds


@pytest.mark.parametrize(
    ("statement", "does"),
    [
        ('If the caller is upset, say "I hear you."', (Say("I hear you."),)),
        (
            "When somebody has lost a card, tell them to call 555-0100 and transfer them to the fraud team.",
            (Say("Please call 555-0100"), PutThrough("the fraud team")),
        ),
        (
            "If they ask about their case, tell them that their lawyer will call them back.",
            (Say("your lawyer will call you back"),),
        ),
        ("Wrong number => apologize and end the call", (Say("I am sorry about that."), HangUp())),
        ("New booking -> take their name and phone number.", (TakeDetails(),)),
        ('"Not interested": "Thank you for your time."', (Say("Thank you for your time."),)),
        ("Callers who want a receipt should write to us at a@b.example.", None),
        ("If you are unsure, be honest.", ()),
        ('Introduction: "What can I do for you today?"', ()),
    ],
)
def test_deeds_of_a_case(statement: str, does: tuple[Deed, ...] | None) -> None:
    expected = (Say("Please write to us at a@b.example."),) if does is None else does
    assert deeds(statement) == expected


@pytest.mark.parametrize(
    ("prompt", "facts"),
    [
        ('{"role": "You are kind.", "check_in": "from 3 pm"}', ["Check in: from 3 pm."]),
        ('{"faq": [{"question": "Is there a gym?", "answer": "Yes, a small one."}]}', ["Yes, a small one."]),
        ("| Plan | Price | Time |\n|---|---|---|\n| Basic | $9 | a day |", ["Basic: $9, time a day."]),
        ("FAQ\n\nDo you deliver?\nYes, within five miles.", ["Yes, within five miles."]),
        ("Quiet hours: 10 pm to 7 am", ["Quiet hours: 10 pm to 7 am."]),
        ("## If somebody complains\nSay sorry.", ["I am sorry about that."]),
        ("Address - 5 Elm Street", ["Our address is 5 Elm Street."]),
        ("<rules>Be kind.</rules><facts>We sell tea.</facts>", ["We sell tea."]),
        ("fleet:\n  - name: SUV\n    price: $79", ["SUV price: $79."]),
        ("Example:\nUser: Are you open?\nAssistant: Until nine.", []),
        ('## Flow\nSummary: "You are booked for [service] at [time]."', []),
        ("## Task\nKeep replies short. Ask one question at a time. Never say goodbye first.", []),
    ],
)
def test_facts_of_a_form(prompt: str, facts: list[str]) -> None:
    found = [fact.spoken for fact in read(prompt).facts]
    assert [each for each in facts if each not in found] == []
    assert facts != [] or found == []
