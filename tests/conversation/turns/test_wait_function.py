from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.turns.wait_function import MOST_SECONDS, compile_wait, default_wait


@pytest.mark.parametrize(
    ("source", "x", "seconds"),
    [
        ("70 + 4000 * x", 0.5, 2.07),
        ("200 + 8000 * x", 0.0, 0.2),
        ("4000 * (1 - cos(pi * x))", 1.0, 8.0),
        ("2000 / (1 + exp(-10 * (x - 0.5)))", 0.5, 1.0),
        ("20 + 500 * sqrt(x) + 2500 * x^3", 0.25, default_wait(0.25)),
        ("-x", 1.0, 0.0),
        ("1e9", 0.0, MOST_SECONDS),
        ("max(100, min(500, 1000 * x))", 0.3, 0.3),
    ],
)
def test_what_owners_write(source: str, x: float, seconds: float) -> None:
    assert compile_wait(source)(x) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "y",
        "x.real",
        "__import__('os')",
        "9^9^9^9^9",
        "1/x",
        "log(x)",
        "x if x else 1",
        "'a'*9",
        "sqrt()",
        "(" * 150,
        "x" * 201,
        "True",
    ],
)
def test_what_is_not_arithmetic_leaves_the_default(source: str) -> None:
    assert compile_wait(source) is default_wait


@given(st.text(alphabet="x0123456789+-*/^(). epicosqrt,", max_size=40), st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_every_wait_is_a_time(source: str, x: float) -> None:
    seconds = compile_wait(source)(x)
    assert math.isfinite(seconds)
    assert 0 <= seconds <= MOST_SECONDS
