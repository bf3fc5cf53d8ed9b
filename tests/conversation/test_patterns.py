from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.patterns import MAX_TEXT, compile_pattern


@pytest.mark.parametrize(
    "source", ["(a+)+$", "(a|aa)*b", "(?:x*y*)*", r"(a)\1", "(", "a*" * 5, "x" * 501, "(a{1,}){2,}"]
)
def test_patterns_that_could_run_away_or_are_broken_are_refused(source: str) -> None:
    assert compile_pattern(source) is None


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("cat", "I love cats", True),
        ("^cat$", "I love cats", False),
        (r"(account|order) number\b", "your order number?", True),
        (r"\d{3}-?\d{4}", "555-0192", True),
        ("[(+*]+", "1+1", True),
        ("(yes|no)?$", "maybe", True),
    ],
)
def test_ordinary_patterns_search_like_regexp_test(source: str, text: str, found: bool) -> None:
    pattern = compile_pattern(source)
    assert pattern is not None
    assert pattern.found_in(text) is found


def test_options() -> None:
    whole, loose = (
        compile_pattern("cat", ["whole-word", "ignore-case"]),
        compile_pattern("CAT", ["ignore-case"]),
    )
    assert whole is not None
    assert loose is not None
    assert not whole.found_in("cats")
    assert whole.found_in("a CAT.")
    assert loose.found_in("cats")


def test_only_the_end_of_a_long_text_is_looked_at() -> None:
    pattern = compile_pattern("needle")
    assert pattern is not None
    assert not pattern.found_in("needle" + "x" * MAX_TEXT)
    assert pattern.found_in("x" * 10_000 + "needle")


@given(st.text(alphabet="ab()[]{}*+?|\\^$,.1", max_size=24))
@settings(max_examples=300, deadline=None)
def test_whatever_is_accepted_ends(source: str) -> None:
    pattern = compile_pattern(source)
    if pattern is not None:
        pattern.found_in("ab" * MAX_TEXT)
