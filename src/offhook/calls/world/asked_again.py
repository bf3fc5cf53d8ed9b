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
"""For all attempts together; the caller waits."""
WORTH_ANOTHER: Final = ("dns", "protocol", "refused", "status", "timeout", "tls")
"""Kinds of failure that a plan is about; the others would be the same the next time."""


async def attempted(attempt: Callable[[float], Awaitable[T]], seconds: float, plan: RetryPlan | None) -> T:
    """What `attempt` gives, which is told how many seconds it has; the first time `seconds`. Raises its
    AskFailed when there is no plan, or no more of it."""
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
