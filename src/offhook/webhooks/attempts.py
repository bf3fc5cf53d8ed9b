"""How attempts to deliver ended, and how that is stored."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from offhook.store import Transaction
from offhook.webhooks.failures import AskFailed
from offhook.webhooks.lines import QueuedMessage
from offhook.webhooks.receiver import RetryPlan
from offhook.webhooks.retry import next_delay

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Attempt:
    """How an attempt ended: the `status` of a delivery, a `failure`, or neither if it was cancelled."""

    message: QueuedMessage
    status: int | None = None
    failure: AskFailed | None = None
    plan: RetryPlan | None = None


@dataclass(slots=True)
class Counters:
    """Counted since the start of the process."""

    attempts: int = 0
    delivered: int = 0
    failed: int = 0
    abandoned: int = 0


def answered(ended: Iterable[Attempt]) -> dict[int, list[str]]:
    """The ids of delivered messages, by HTTP status."""
    found: dict[int, list[str]] = {}
    for attempt in ended:
        if attempt.status is not None:
            found.setdefault(attempt.status, []).append(attempt.message.id)
    return found


class Records:
    """Stores the attempts of `node`. `now` gives seconds since the epoch."""

    def __init__(self, node: str, now: Callable[[], float], rng: random.Random, counters: Counters) -> None:
        self._node = node
        self._now = now
        self._rng = rng
        self._counters = counters

    async def write(self, tx: Transaction, ended: Sequence[Attempt]) -> None:
        called_off: list[str] = []
        for attempt in ended:
            if attempt.failure is not None:
                await self._failed(tx, attempt.message, attempt.failure, attempt.plan)
            elif attempt.status is None:
                called_off.append(attempt.message.id)
        for status, ids in answered(ended).items():
            await tx.outbox.delivered(ids, status=status)
        if called_off:
            await tx.outbox.free(called_off, self._node)

    async def _failed(
        self, tx: Transaction, message: QueuedMessage, failure: AskFailed, plan: RetryPlan | None
    ) -> None:
        attempts = message.attempts + 1
        delay = next_delay(
            attempts, plan=plan, status=failure.status, retry_after=failure.retry_after, rng=self._rng
        )
        error = str(failure)[:500].encode("ascii", "replace").decode().replace("\0", "?")
        if delay is None:
            self._counters.abandoned += 1
            log.error(
                "call=%s webhook=%s %s to %s abandoned after %d attempts: %s",
                *(message.call_id, message.id, message.type, message.host, attempts, error),
            )
            await tx.outbox.abandoned(message.id, attempts=attempts, status=failure.status, error=error)
            return
        log.warning(
            "call=%s webhook=%s %s to %s failed, attempt %d, again in %.1f s: %s",
            *(message.call_id, message.id, message.type, message.host, attempts, delay, error),
        )
        await tx.outbox.failed(
            message.id,
            call_id=message.call_id,
            attempts=attempts,
            status=failure.status,
            error=error,
            again_at=round((self._now() + delay) * 1000),
        )
