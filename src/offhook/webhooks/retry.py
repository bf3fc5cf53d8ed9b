"""When a message that could not be delivered is sent again: pure arithmetic, in seconds."""

from __future__ import annotations

import random

from offhook.webhooks.receiver import RetryPlan

DEFAULT_DELAYS = (3.0, 10.0, 30.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 28800.0)
"""Without a plan: the first retry comes within 5 seconds, the last after about a day."""

JITTER = 0.2
"""The share by which each delay is longer or shorter at random, so that a receiver which comes back does not
get everything at once."""

MAX_RETRY_AFTER = 3600.0
"""The most seconds for which a receiver can ask not to be called (`Retry-After`)."""


def next_delay(
    attempts: int,
    *,
    plan: RetryPlan | None,
    status: int | None,
    retry_after: float | None,
    rng: random.Random,
) -> float | None:
    """Seconds until the next attempt after `attempts` failures, the last one with the HTTP `status` (None: no
    answer). None: give up.

    A `plan` is followed exactly (vapi-wire §1.5). Without a plan every failure is retried for a day, though
    never sooner than `Retry-After` says: even a 404 or 401, since a receiver may be deployed wrongly and then
    fixed."""
    if plan is not None:
        return planned_delay(attempts, plan, status)
    delay = _default(attempts, rng)
    if delay is None or retry_after is None:
        return delay
    return max(delay, min(retry_after, MAX_RETRY_AFTER))


def planned_delay(attempts: int, plan: RetryPlan, status: int | None) -> float | None:
    """`next_delay` by a plan alone."""
    if attempts > plan.max_retries or status in plan.excluded_status_codes:
        return None
    if plan.type == "exponential":
        return float(plan.base_delay_seconds * 2 ** (attempts - 1))
    return plan.base_delay_seconds


def _default(attempts: int, rng: random.Random) -> float | None:
    if attempts > len(DEFAULT_DELAYS):
        return None
    return DEFAULT_DELAYS[attempts - 1] * rng.uniform(1 - JITTER, 1 + JITTER)


def parse_retry_after(value: str | None) -> float | None:
    """The seconds of a `Retry-After` header (RFC 9110 §10.2.3). Its other form, a date, is ignored."""
    text = (value or "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None
