from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.language.words import alike, concepts_of, distance, stem, stems, words

short = st.text("abc", max_size=7)


@pytest.mark.parametrize(
    "family",
    [
        ["open", "opens", "opened", "opening"],
        ["close", "closes", "closed", "closing"],
        ["locate", "located", "location", "locations"],
        ["price", "prices", "priced", "pricing"],
        ["cancel", "cancels"],
        ["book", "booking", "booked"],
        ["Monday".lower(), "mondays"],
        ["stop", "stopped", "stopping"],
    ],
)
def test_forms_of_a_word_have_one_stem(family: list[str]) -> None:
    assert len({stem(word) for word in family}) == 1


def test_words_without_apostrophes() -> None:
    assert words("What's YOUR e-mail? Don't") == ["what", "your", "e", "mail", "dont"]


def test_stems_are_of_what_matters() -> None:
    assert stems("What are your opening hours, please?") == ["open", "hour"]
    assert concepts_of(stems("email address")) == {"email"}
    assert concepts_of(stems("where is your location")) == {"address"}


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("transfer", "transfor", True),
        ("cleaning", "cleanin", True),
        ("clean", "cleam", True),
        ("cost", "call", False),
        ("car", "cat", False),
        ("weather", "leather", False),
        ("1234567", "1234568", False),
    ],
)
def test_what_may_have_been_misheard(a: str, b: str, same: bool) -> None:
    assert alike(a, b) is same


def full_distance(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(
        full_distance(a[1:], b) + 1, full_distance(a, b[1:]) + 1, full_distance(a[1:], b[1:]) + (a[0] != b[0])
    )


@given(st.text("ab", max_size=5), st.text("ab", max_size=5), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_distance_is_levenshteins_up_to_the_most(a: str, b: str, most: int) -> None:
    assert distance(a, b, most) == min(full_distance(a, b), most + 1)


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_has_words(text: str) -> None:
    for word in words(text):
        assert alike(stem(word), stem(word))
