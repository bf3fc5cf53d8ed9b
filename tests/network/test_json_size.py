"""A JSON text is measured before it is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.network.json_size import LONGEST_NUMBER, holds_more, whole_number

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=6),
    max_leaves=40,
)


def names_and_values(value: object) -> int:
    if isinstance(value, dict):
        return sum(2 + names_and_values(one) for one in value.values())
    return sum(1 + names_and_values(one) for one in value) if isinstance(value, list) else 0


@given(VALUES)
def test_what_is_within_a_limit_is_never_too_much(value: object) -> None:
    assert not holds_more(json.dumps(value).encode(), names_and_values(value))


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"1," * 100_000 + b"1]",
        b"[" + b"{}," * 100_000 + b"{}]",
        b'{"a":1,' * 100_000,
        b'["' + b'","' * 100_000,
        b'["\\\\",' * 100_000,
    ],
)
def test_much_is_much_whatever_it_is(text: bytes) -> None:
    assert holds_more(text, 20_000)


@pytest.mark.parametrize(
    "text", [b'["' + b",:[{" * 100_000 + b'"]', b'["' + b'\\",' * 100_000 + b'"]', b'"' + b"," * 100_000]
)
def test_marks_in_strings_are_none(text: bytes) -> None:
    assert not holds_more(text, 20)


def test_a_number_without_an_end_is_none() -> None:
    assert whole_number("7" * LONGEST_NUMBER) > 0
    with pytest.raises(ValueError, match="digits"):
        whole_number("7" * (LONGEST_NUMBER + 1))
