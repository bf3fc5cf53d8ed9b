"""Messages that need no answer: written down with what they report, then delivered, in order per call."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from offhook.store import Database, OutboxRow, OutboxState, StoreError, Transaction

from .client import AskFailed, Client, message_body
from .lanes import Lanes, Limits
from .receiver import DEFAULT_TIMEOUT_SECONDS, BackoffPlan, Receiver
from .retry import next_delay

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""How often to look for messages that nobody nudged for: those of other nodes."""

LEASE_MARGIN = 30.0
"""Seconds that a lease outlasts the longest attempt it covers."""

KEEP_SECONDS = 3 * 86400.0
"""Delivered messages can be looked at and replayed for so long."""

PURGE_SECONDS = 3600.0
CLAIM_AT_ONCE = 64

GATHER_SECONDS = 0.004
"""While messages are under way, the end of one waits so long for the end of others: what ends together is
written down by one commit."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an attempt ended: `status` of a delivery, a `failure`, or neither if it was called off."""

    row: OutboxRow
    status: int | None = None
    failure: AskFailed | None = None
    plan: BackoffPlan | None = None


Rows = list[OutboxRow]
Outcomes = list[_Outcome]
Positions = list[int]


@dataclass(slots=True)
class Counters:
    """Since the start of the process."""

    attempts: int = 0
    delivered: int = 0
    failed: int = 0
    abandoned: int = 0


class Outbox:
    """The node's share of the deliveries. `node` is the same after a restart: leases of the process before
    are taken back. `now` gives seconds since the epoch."""

    def __init__(
        self,
        database: Database,
        client: Client,
        *,
        node: str,
        now: Callable[[], float],
        rng: random.Random,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._node = node
        self._now = now
        self._rng = rng
        self._lanes = Lanes(limits or Limits())
        self._attempts: set[asyncio.Task[None]] = set()
        self._outcomes: Outcomes = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._closing = False
        self._loop_task: asyncio.Task[None] | None = None
        self._next_purge = 0.0
        self.counters = Counters()

    # -- giving messages ------------------------------------------------------------------------

    async def put(
        self,
        tx: Transaction,
        receiver: Receiver,
        call_id: str,
        org_id: str,
        type: str,  # noqa: A002 - the API's word
        body: Mapping[str, Any] | str,
    ) -> str:
        """Write a message into the caller's transaction; it goes out once that is committed, after all
        earlier messages of the call. `body` is the whole `{"message": ...}`, or its text. Returns the
        message's `webhook-id`."""
        text = body if isinstance(body, str) else message_body(body)
        tx.after_commit(self.nudge)
        return await tx.outbox.put(
            org_id=org_id,
            call_id=call_id,
            type=type,
            host=receiver.host,
            receiver=receiver.to_json(),
            body=text,
        )

    def nudge(self) -> None:
        """There is something to deliver."""
        self._idle.clear()
        self._wake.set()

    # -- looking at them ------------------------------------------------------------------------

    async def list(
        self, org_id: str, *, state: OutboxState | None = None, call_id: str | None = None, limit: int = 100
    ) -> Rows:
        """An org's messages, newest first."""
        async with self._database.reading() as tx:
            return await tx.outbox.list(org_id, state=state, call_id=call_id, limit=limit)

    async def show(self, org_id: str, webhook_id: str) -> OutboxRow | None:
        async with self._database.reading() as tx:
            return await tx.outbox.find(org_id, webhook_id)

    async def replay(self, org_id: str, webhook_id: str) -> OutboxRow | None:
        """Send a delivered or abandoned message again, with its id. None if there is no such message, or it
        is still on its way."""
        async with self._database.transaction() as tx:
            tx.after_commit(self.nudge)
            return await tx.outbox.replay(org_id, webhook_id)

    # -- delivering -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to deliver. Raises StoreError."""
        async with self._database.transaction() as tx:
            await tx.outbox.release(self._node)
        self._loop_task = asyncio.create_task(self._run(), name="outbox")

    async def drain(self, timeout: float) -> bool:
        """Wait until all that can go out now has been tried once. False if `timeout` seconds were not
        enough; what is left stays in the database for the next start."""
        self.nudge()
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop delivering. Attempts that are under way are called off and made again after the next start."""
        self._closing = True
        self._wake.set()
        if self._loop_task is not None:
            await self._loop_task
        for task in self._attempts:
            task.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts)
        if self._loop_task is not None:
            try:
                async with self._database.transaction() as tx:
                    await self._record(tx, self._outcomes)
                    await tx.outbox.release(self._node)
            except StoreError as error:
                log.error("the last deliveries could not be written down and are made again: %s", error)

    async def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            try:
                wait = await self._turn()
            except StoreError as error:
                log.error("deliveries wait for the database: %s", error)
                wait = POLL_SECONDS
            except Exception:
                log.exception("the outbox stumbled")
                wait = POLL_SECONDS
            await self._sleep(wait)
            if self._attempts and not self._closing:
                await asyncio.sleep(GATHER_SECONDS)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _turn(self) -> float:
        """Write down how attempts ended and begin new ones; returns the seconds until there may be more."""
        outcomes, self._outcomes = self._outcomes, []
        claimed: Rows = []
        try:
            async with self._database.transaction() as tx:
                now = self._milliseconds()
                await self._record(tx, outcomes)
                await self._claim(tx, now, claimed)
                await self._purge(tx)
                later = await tx.outbox.next_after(now)
        except BaseException:
            self._outcomes[:0] = outcomes
            for row in claimed:
                self._lanes.leave(row)
            raise
        for row in claimed:
            self._begin(row)
        if not (self._attempts or self._outcomes or self._wake.is_set()):
            self._idle.set()
        return POLL_SECONDS if later is None else min(POLL_SECONDS, max(later / 1000 - self._now(), 0.0))

    async def _claim(self, tx: Transaction, now: int, claimed: Rows) -> None:
        """Lease what may go out now. A query that gives only messages to hosts or orgs which are busy makes
        them known to the next one, so the loop ends."""
        while (limit := min(self._lanes.free, CLAIM_AT_ONCE)) > 0:
            rows = await tx.outbox.due(
                now, limit, busy_hosts=self._lanes.busy_hosts(), busy_orgs=self._lanes.busy_orgs()
            )
            admitted = [row for row in rows if self._lanes.enter(row)]
            claimed += admitted
            if admitted:
                longest = max(_timeout(row) for row in admitted)
                until = now + round((longest + LEASE_MARGIN) * 1000)
                await tx.outbox.lease([row.position for row in admitted], self._node, until)
            if len(rows) < limit:
                return

    async def _record(self, tx: Transaction, outcomes: Outcomes) -> None:
        delivered: dict[int, Positions] = {}
        for outcome in outcomes:
            row = outcome.row
            if outcome.failure is not None:
                await self._record_failure(tx, row, outcome.failure, outcome.plan)
            elif outcome.status is not None:
                delivered.setdefault(outcome.status, []).append(row.position)
            else:
                await tx.outbox.free(row.position)
        for status, positions in delivered.items():
            await tx.outbox.delivered(positions, status=status)

    async def _record_failure(
        self, tx: Transaction, row: OutboxRow, failure: AskFailed, plan: BackoffPlan | None
    ) -> None:
        attempts = row.attempts + 1
        delay = next_delay(
            attempts, plan=plan, status=failure.status, retry_after=failure.retry_after, rng=self._rng
        )
        error = str(failure)[:500].encode("ascii", "replace").decode().replace("\0", "?")
        if delay is None:
            self.counters.abandoned += 1
            log.error(
                "call=%s webhook=%s %s to %s abandoned after %d attempts: %s",
                *(row.call_id, row.id, row.type, row.host, attempts, error),
            )
            await tx.outbox.abandoned(row.position, attempts=attempts, status=failure.status, error=error)
            return
        log.warning(
            "call=%s webhook=%s %s to %s failed, attempt %d, again in %.1f s: %s",
            *(row.call_id, row.id, row.type, row.host, attempts, delay, error),
        )
        await tx.outbox.failed(
            row.position,
            call_id=row.call_id,
            attempts=attempts,
            status=failure.status,
            error=error,
            again_at=self._milliseconds() + round(delay * 1000),
        )

    async def _purge(self, tx: Transaction) -> None:
        loop_time = asyncio.get_running_loop().time()
        if loop_time >= self._next_purge:
            self._next_purge = loop_time + PURGE_SECONDS
            await tx.outbox.purge(self._milliseconds() - round(KEEP_SECONDS * 1000))

    def _begin(self, row: OutboxRow) -> None:
        task = asyncio.create_task(self._attempt(row), name=f"webhook {row.id}")
        self._attempts.add(task)
        task.add_done_callback(self._attempts.discard)

    async def _attempt(self, row: OutboxRow) -> None:
        outcome = _Outcome(row)
        plan: BackoffPlan | None = None
        self.counters.attempts += 1
        try:
            receiver = Receiver.from_json(row.receiver)
            plan = receiver.backoff
            status = 0

            def taken(code: int) -> None:
                nonlocal status
                status = code

            await self._client.deliver(
                receiver, row.body.encode(), webhook_id=row.id, timeout=receiver.timeout_seconds, taken=taken
            )
            outcome = _Outcome(row, status=status)
            self.counters.delivered += 1
        except AskFailed as failure:
            outcome = _Outcome(row, failure=failure, plan=plan)
            self.counters.failed += 1
        except Exception as error:
            log.exception("call=%s webhook=%s could not be sent", row.call_id, row.id)
            outcome = _Outcome(row, failure=AskFailed("protocol", type(error).__name__), plan=plan)
            self.counters.failed += 1
        finally:
            self._outcomes.append(outcome)
            self._lanes.leave(row, failed=outcome.failure is not None)
            self._wake.set()

    def _milliseconds(self) -> int:
        return round(self._now() * 1000)


def _timeout(row: OutboxRow) -> float:
    return float(row.receiver.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS))
