"""A question to an owner's server, asked again as its `backoffPlan` says (vapi-wire §1.5, §4.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from offhook.webhooks.client import AskFailed
from offhook.webhooks.receiver import RetryPlan
from offhook.webhooks.retry import planned_delay

T = TypeVar("T")

MOST_SECONDS: Final = 300.0
"""Seconds for all attempts together: the caller waits."""
WORTH_ANOTHER: Final = ("dns", "protocol", "refused", "status", "timeout", "tls")
"""The failures that a plan retries. Others would fail again in the same way."""


async def attempted(attempt: Callable[[float], Awaitable[T]], seconds: float, plan: RetryPlan | None) -> T:
    """Calls `attempt` with the seconds that it has, `seconds` the first time, and returns its result. Raises
    its AskFailed if there is no plan, or when the plan's attempts are used up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + max(MOST_SECONDS, seconds)
    made = 0
    while True:
        made += 1
        try:
            return await attempt(min(seconds, deadline - loop.time()))
        except AskFailed as failed:
            if plan is None or failed.kind not in WORTH_ANOTHER:
                raise
            delay = planned_delay(made, plan, failed.status)
            if delay is None or loop.time() + delay >= deadline:
                raise
            await asyncio.sleep(delay)
