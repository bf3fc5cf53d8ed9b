from __future__ import annotations

import pytest

from offhook.conversation.patterns import compile_pattern
from offhook.conversation.speakable import FormatPlan, Replacement, speakable


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Hello** _there_", "Hello _there_"),
        ("# Hours\n- Monday\n- Tuesday", "Hours Monday Tuesday"),
        ("See [our site](https://example.com/a?b=c).", "See our site."),
        ("Great 👍 job ✨", "Great job"),
        ("It costs $5.", "It costs 5 dollars."),
        ("It costs $1,200.50 now", "It costs 1,200 dollars and 50 cents now"),
        ("Just $1", "Just 1 dollar"),
        ("50% off", "50 percent off"),
        ("Tom & Ann", "Tom and Ann"),
        ("ann@example.com", "ann at example.com"),
        ("Your code is 12345.", "Your code is 1 2 3 4 5."),
        ("In 1999 or 2024", "In 1999 or 2024"),
        ("Order 007", "Order 0 0 7"),
        ("at 10:30 on 2026-11-23", "at 10:30 on 2026-11-23"),
        ("<flush /> Hi", "Hi"),
        ("👍", ""),
        ("...", ""),
    ],
)
def test_what_is_written_becomes_what_is_spoken(written: str, spoken: str) -> None:
    assert speakable(written, FormatPlan()) == spoken


def test_without_formatting_only_tags_go() -> None:
    assert speakable("**12345** <b>x</b>", FormatPlan(enabled=False)) == "**12345** x"


def test_replacements_come_first() -> None:
    plan = FormatPlan(
        replacements=(
            Replacement("S I P", text="SIP"),
            Replacement("hi", pattern=compile_pattern(r"\bhello\b", ["ignore-case"])),
            Replacement("-", text="x", every=True),
        )
    )
    assert speakable("Hello SIP, SIP x x", plan) == "hi S I P, SIP - -"


def test_the_cutoff_is_the_owner_s() -> None:
    assert speakable("Room 404", FormatPlan(digits_cutoff=100)) == "Room 4 0 4"
