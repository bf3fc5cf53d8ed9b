"""Messages that need no answer. They are stored with what they report, then delivered, in order per call."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable, Iterable
from functools import partial

from offhook.json_document import MessageDocument
from offhook.network import INTERNAL
from offhook.store import Database, NewMessage, StoreError, Transaction, WrittenParts
from offhook.webhooks.attempts import Attempt, Counters, Records, answered
from offhook.webhooks.client import AskFailed, Client, message_body
from offhook.webhooks.lanes import LaneLimits, Lanes, Pair
from offhook.webhooks.lines import MAX_BEHIND, MAX_KEPT, Lines, QueuedMessage
from offhook.webhooks.receiver import Receiver
from offhook.webhooks.retention import KEEP_SECONDS, Retention

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""Seconds between looks for messages of other nodes, which wake nobody here."""

LEASE_MARGIN = 30.0
"""Seconds that a lease outlasts the longest attempt that it covers."""

CLAIM_AT_ONCE = 64

KEPT_SECONDS = 30.0
"""Seconds that a message may wait in memory behind others of its call, besides its own attempt."""

GATHER_SECONDS = 0.004
"""Seconds that the end of one attempt waits for others to end, while attempts are under way: attempts that
end together are stored by one commit."""

Messages = list[QueuedMessage]


class Outbox:
    """The node's share of the deliveries. `node` is the same after a restart, so that the leases of the
    process before are taken back. `now` gives seconds since the epoch."""

    def __init__(
        self,
        database: Database,
        client: Client,
        *,
        node: str,
        now: Callable[[], float],
        rng: random.Random,
        limits: LaneLimits | None = None,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self._database = database
        self._client = client
        self._node = node
        self._now = now
        self._retention = Retention(keep_seconds)
        self._lanes = Lanes(limits or LaneLimits())
        self._lines = Lines()
        self._attempts: dict[asyncio.Task[None], str] = {}  # and the calls that they are about
        self._ended: list[Attempt] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._closing = False
        self.task: asyncio.Task[None] | None = None
        self._crowded = False
        self._look_at = 0.0
        self.counters = Counters()
        self._records = Records(node, now, rng, self.counters)

    # -- giving messages ------------------------------------------------------------------------

    async def put(
        self,
        tx: Transaction,
        receiver: Receiver,
        call_id: str,
        org_id: str,
        type: str,  # noqa: A002 - the API's word
        body: MessageDocument | str,
        *,
        passing: bool = False,
    ) -> str:
        """Writes a message into the caller's transaction. It is sent once that is committed, after all
        earlier messages of the call. `body` is the whole `{"message": ...}`, or its text; if it is `passing`,
        it is deleted once it is sent. Returns the message's `webhook-id`."""
        message = self.message(receiver, call_id, org_id, type, body, passing=passing)
        await tx.outbox.add(message, org_id, call_id)
        tx.after_commit(partial(self.written, message, receiver, call_id, org_id))
        return message.id

    def begun(self, call_id: str) -> None:
        """A call begins: all of its messages will pass through here."""
        self._lines.clear(call_id)

    def message(
        self,
        receiver: Receiver,
        call_id: str,
        org_id: str,
        type: str,  # noqa: A002
        body: MessageDocument | str,
        *,
        passing: bool = False,
        told: WrittenParts | None = None,
    ) -> NewMessage:
        """What `put` writes, for callers that write it themselves: in the order of its call, followed by
        `written`. Parts that `told` has written already are not written again. Raises ValueError for NaN."""
        host = receiver.host
        lease: tuple[str, int] | None = None
        if self._can_keep(call_id, org_id, host):
            seconds = receiver.timeout_seconds + LEASE_MARGIN + KEPT_SECONDS
            lease = (self._node, self._milliseconds() + round(seconds * 1000))
        else:
            self._lines.forget(call_id)
        shared = None if told is None or isinstance(body, str) else told.share(body)
        if shared is not None:
            text = shared.text
        else:
            text = body if isinstance(body, str) else message_body(body)
        return NewMessage(
            self._database.new_id.random(), type, host, receiver.to_json(), text, lease, passing, shared
        )

    def written(self, message: NewMessage, receiver: Receiver, call_id: str, org_id: str) -> None:
        """The message is committed. It is sent at once, or behind earlier ones of its call."""
        self._idle.clear()
        if message.lease is None:
            self.nudge()
            return
        kept = QueuedMessage(
            *(message.id, org_id, call_id, message.type, message.host, message.body, 0, receiver),
            message.lease[1],
        )
        if not self._lines.keep(kept):
            self._hand_back([kept])
        elif self._lines.waiting(call_id) == 1:
            self._try(kept)

    def forget(self, call_id: str) -> None:
        """The call's messages are erased: none is sent any more, and attempts under way are cancelled."""
        self._lines.give_up(call_id)
        for task, of_call in self._attempts.items():
            if of_call == call_id:
                task.cancel()

    def nudge(self) -> None:
        """There is something in the database to deliver."""
        self._look_at = 0.0
        self._idle.clear()
        self._wake.set()

    def _can_keep(self, call_id: str, org_id: str, host: str) -> bool:
        """Whether the next message can be sent without reading the database."""
        lines = self._lines
        if self.task is None or self._closing or len(lines) >= MAX_KEPT:
            return False
        waiting = lines.waiting(call_id)
        if not lines.is_clear(call_id) or waiting >= MAX_BEHIND:
            return False
        return waiting > 0 or self._lanes.admits(host, org_id)

    def _try(self, message: QueuedMessage) -> None:
        """Starts the first attempt of a line, unless its lease is too short by now or its host or org is
        busy."""
        needed = (message.timeout_seconds + LEASE_MARGIN) * 1000
        if (
            self._closing
            or message.kept_until - self._milliseconds() < needed
            or not self._lanes.enter(message.host, message.org_id)
        ):
            self._hand_back(self._lines.give_up(message.call_id))
        else:
            self._begin(message)

    def _hand_back(self, messages: Iterable[QueuedMessage]) -> None:
        """Leaves these messages to the database."""
        self._ended += [Attempt(message) for message in messages]
        self._wake.set()

    # -- delivering -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts to deliver. Raises StoreError."""
        async with self._database.transaction() as tx:
            await tx.outbox.release(self._node)
        self.task = asyncio.create_task(self._run(), name="outbox")

    async def drain(self, timeout: float) -> bool:
        """Waits until everything that can be sent now has been tried once. False if `timeout` seconds were
        not enough; the rest stays in the database for the next start."""
        self.nudge()
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stops delivering. Attempts under way are cancelled, and made again after the next start."""
        self._closing = True
        self._wake.set()
        if self.task is not None:
            await asyncio.wait([self.task])
        for task in self._attempts:
            task.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts)
        if self.task is not None:
            try:
                async with self._database.transaction() as tx:
                    await self._records.write(tx, self._ended)
                    await tx.outbox.release(self._node)
            except StoreError as error:
                log.error("the last deliveries could not be stored and will be repeated: %s", error)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closing:
            self._wake.clear()
            try:
                await self._turn(loop.time())
                await self._retention.write_over(self._database)
            except StoreError as error:
                log.error("deliveries are waiting for the database: %s", error)
                await self._sleep(POLL_SECONDS)
            except Exception:
                log.exception("delivering failed unexpectedly and goes on")
                await self._sleep(POLL_SECONDS)
            await self._sleep(self._look_at - loop.time())
            if self._attempts and not self._closing:
                await asyncio.sleep(GATHER_SECONDS)

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _turn(self, now: float) -> None:
        """Stores how attempts ended and begins new ones: the next of their lines, and, where ended attempts
        may have freed a lane, messages from the database."""
        ended, self._ended = self._ended, []
        look = now >= self._look_at or any(map(self._makes_way, ended))
        claimed: Messages = []
        if look:
            self._look_at = math.inf
        try:
            if look:
                async with self._database.transaction() as tx:
                    await self._records.write(tx, ended)
                    self._look_at = min(now + await self._claim(tx, claimed), self._look_at)
            elif ended:  # all of them deliveries: what does not end well makes way for something
                await self._database.note_delivered(answered(ended))
        except BaseException:
            self._ended[:0] = ended
            self._look_at = 0.0
            for message in claimed:
                self._lanes.leave(message.host, message.org_id)
            raise
        for message in claimed:
            self._begin(message)
        for attempt in ended:
            self._follow(attempt)
        if not (self._attempts or self._ended or self._wake.is_set()):
            self._idle.set()

    def _makes_way(self, attempt: Attempt) -> bool:
        """Whether a message in the database may be sent because this attempt has ended."""
        message = attempt.message
        stays_here = message.kept_until > 0 and self._lines.is_clear(message.call_id)
        return self._crowded or attempt.status is None or not stays_here

    def _follow(self, attempt: Attempt) -> None:
        """The next message of the call is sent only now that the one before is stored as delivered: so a
        crash can repeat only the last one that was sent."""
        message = attempt.message
        if message.id in self._lines:
            following = self._lines.done(message.call_id)
            if following is not None:
                self._try(following)

    async def _claim(self, tx: Transaction, claimed: Messages) -> float:
        """Leases the messages that may be sent now; returns the seconds until there may be more. If a query
        gives only messages without a free lane, the next query leaves them out, so the loop ends."""
        now = self._milliseconds()
        full: set[Pair] = set()
        while (limit := min(self._lanes.free, CLAIM_AT_ONCE)) > 0:
            rows = await tx.outbox.due(
                now,
                limit,
                busy_hosts=self._lanes.busy_hosts(),
                busy_orgs=self._lanes.busy_orgs(),
                full=full,
            )
            admitted: Messages = []
            for row in rows:
                if row.id in self._lines:
                    continue
                if self._lanes.enter(row.host, row.org_id):
                    admitted.append(QueuedMessage.found(row))
                else:
                    full.add((row.host, row.org_id))
            claimed += admitted
            if admitted:
                longest = max(message.timeout_seconds for message in admitted)
                until = now + round((longest + LEASE_MARGIN) * 1000)
                await tx.outbox.lease([message.id for message in admitted], self._node, until)
            if len(rows) < limit or all(row.id in self._lines for row in rows):
                break
        self._crowded = bool(
            full or self._lanes.free <= 0 or self._lanes.busy_hosts() or self._lanes.busy_orgs()
        )
        await self._retention.purge(tx, self._milliseconds())
        later = await tx.outbox.next_after(now)
        return POLL_SECONDS if later is None else min(POLL_SECONDS, max(later / 1000 - self._now(), 0.0))

    def _begin(self, message: QueuedMessage) -> None:
        task = asyncio.create_task(self._attempt(message), name=f"webhook {message.id}")
        self._attempts[task] = message.call_id
        task.add_done_callback(self._attempt_ended)

    def _attempt_ended(self, task: asyncio.Task[None]) -> None:
        del self._attempts[task]
        if not self._attempts:
            self._wake.set()

    async def _attempt(self, message: QueuedMessage) -> None:
        attempt = Attempt(message)

        def taken(status: int) -> None:
            attempt.status = status
            self.counters.delivered += 1
            self._note(attempt)

        self.counters.attempts += 1
        try:
            given = message.receiver
            receiver = given if isinstance(given, Receiver) else Receiver.from_json(given)
            attempt.plan = receiver.backoff
            body = await self._body(message)
            if body is None:
                return
            await self._client.deliver(
                receiver,
                body.encode(),
                webhook_id=message.id,
                timeout=receiver.timeout_seconds,
                taken=taken,
            )
        except AskFailed as failure:
            attempt.failure = failure
        except StoreError as error:
            log.error(
                "call=%s webhook=%s is waiting for the database: %s", message.call_id, message.id, error
            )
        except Exception:
            log.exception("call=%s webhook=%s could not be sent", message.call_id, message.id)
            if attempt.status is None:
                attempt.failure = AskFailed("protocol", INTERNAL)
        finally:
            failed = attempt.failure is not None
            self.counters.failed += failed
            if attempt.status is None:
                self._note(attempt)
            called_off = attempt.status is None and not failed
            self._lanes.leave(message.host, message.org_id, None if called_off else failed)

    async def _body(self, message: QueuedMessage) -> str | None:
        """None for a message that was erased."""
        if message.body is not None:
            return message.body
        async with self._database.reading() as tx:
            return await tx.outbox.body(message.id)

    def _note(self, attempt: Attempt) -> None:
        """The attempt has ended and is stored together with others that end now. A line stops if its message
        failed."""
        self._ended.append(attempt)
        self._wake.set()
        if attempt.status is None and attempt.message.id in self._lines:
            self._hand_back(self._lines.give_up(attempt.message.call_id)[1:])

    def _milliseconds(self) -> int:
        return round(self._now() * 1000)
