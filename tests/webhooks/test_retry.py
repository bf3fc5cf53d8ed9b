from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.webhooks.receiver import RetryPlan
from offhook.webhooks.retry import DEFAULT_DELAYS, next_delay, parse_retry_after


def delays(plan: RetryPlan | None, status: int | None = 500, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    found: list[float] = []
    for attempts in range(1, 100):
        delay = next_delay(attempts, plan=plan, status=status, retry_after=None, rng=rng)
        if delay is None:
            return found
        found.append(delay)
    raise AssertionError("retried for ever")


@settings(max_examples=100, deadline=None)
@given(st.integers(), st.sampled_from([None, 301, 400, 404, 500]))
def test_without_a_plan_it_goes_on_for_a_day_ever_slower(seed: int, status: int | None) -> None:
    found = delays(None, status, seed)
    assert found[0] <= 5
    assert len(found) == len(DEFAULT_DELAYS)
    assert 0.8 * 86_000 < sum(found) < 1.2 * 86_400
    assert all(earlier < later * 1.51 for earlier, later in itertools.pairwise(found))


def test_two_messages_do_not_come_back_in_step() -> None:
    assert delays(None, seed=1) != delays(None, seed=2)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (RetryPlan("fixed", 0, 1), []),
        (RetryPlan("fixed", 3, 2), [2, 2, 2]),
        (RetryPlan("exponential", 4, 3), [3, 6, 12, 24]),
        (RetryPlan("exponential", 2, 0), [0, 0]),
    ],
)
def test_a_plan_is_obeyed(plan: RetryPlan, expected: list[float]) -> None:
    assert delays(plan) == expected


def test_excluded_codes_are_not_retried() -> None:
    plan = RetryPlan("fixed", 3, 1, (404,))
    assert delays(plan, 404) == []
    assert delays(plan, 500) == [1, 1, 1]
    assert delays(plan, None) == [1, 1, 1]


def wait(plan: RetryPlan | None, attempts: int, retry_after: float) -> float | None:
    return next_delay(attempts, plan=plan, status=503, retry_after=retry_after, rng=random.Random(1))


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    soon = wait(None, 1, 0)
    assert soon is not None
    assert soon < 5
    assert (wait(None, 1, 60), wait(None, 1, 1e9)) == (60, 3600)
    assert wait(None, len(DEFAULT_DELAYS) + 1, 60) is None


def test_a_plan_knows_better_than_the_receiver() -> None:
    assert [wait(RetryPlan("fixed", 1, 1), attempts, 60) for attempts in (1, 2)] == [1, None]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), (" 5 ", 5), (None, None), ("", None), ("-1", None), ("1.5", None), ("\u0665", None),
     ("9" * 400, None), ("Fri, 31 Dec 2027 23:59:59 GMT", None)],
)  # fmt: skip
def test_retry_after_is_read_or_ignored(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header) == seconds
