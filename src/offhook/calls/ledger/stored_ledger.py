"""Stores calls in the database, many at a time.

Each write of a call is one small step (a row and its messages). Steps that wait are committed together, so
that one fsync serves all calls of the node, and each call's steps keep their order. A step that a full disk
or an unreachable server refuses is retried until it is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from offhook.calls.ledger.changes import Step, StoredCallState, change_of
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Outgoing
from offhook.store import CallChange, Database, NewCall, NewMessage, StoreError, WrittenParts
from offhook.webhooks.outbox import Outbox

MOST_AT_ONCE: Final = 200
"""Steps in one transaction: enough for 200 busy calls, few enough that no step waits long."""

GATHER_SECONDS: Final = 0.005
"""Seconds that a step may wait to be committed together with others. Only the beginning of a call is not
delayed: its caller waits for it."""

LAZY_SECONDS: Final = 1.0
"""Seconds that what was said may wait when no message reports it. A crash loses no more of a recording
either."""

MOST_WAITING: Final = 5000
"""Steps that may wait while the store refuses them. Above it only beginnings and ends of calls are
accepted."""

AGAIN_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses in seconds while nothing can be written. The last one repeats."""

OWN_FAULT: Final = 5
"""After so many failures a step that fails while others succeed is given up."""

LAST_TRIES: Final = 3
"""After so many rounds without success a node that stops gives up."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Write:
    """`done` is set at the first attempt. `written_before`: how many steps had been written when this one
    first failed."""

    call_id: str
    what: NewCall | Step
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    failures: int = 0
    written_before: int = 0

    def settle(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class StoredLedger:
    """The ledger of a node: one task commits the calls' steps in order. `taken` gets each call that goes on
    here although it has ended in the store: another node took this one for dead."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        node: str,
        taken: Callable[[str], None] = lambda call_id: None,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._node = node
        self._taken = taken
        self._waiting: list[_Write] = []
        self._kept: dict[str, StoredCallState] = {}
        self._latest: dict[str, Step] = {}
        self._wake = asyncio.Event()
        self._gathering: asyncio.Handle | None = None
        self._gathering_long = False
        self.task: asyncio.Task[None] | None = None
        self._closing = False
        self._over = False
        self._written = 0
        self._dropped = 0
        self._refusals = 0

    def start(self) -> None:
        self.task = asyncio.create_task(self._work(), name="call ledger")

    async def close(self) -> None:
        """Commits what waits, then ends. What cannot be committed is left to the next start, which ends and
        reports every call that has not ended."""
        self._closing = True
        self._wake.set()
        if self.task is not None:
            await asyncio.wait([self.task])

    def begin(self, record: CallRecord) -> asyncio.Future[None]:
        call = NewCall(
            record.org_id, record.id, record.document(), record.status, self._node, record.number.settings.id
        )
        self._outbox.begun(record.id)
        write = _Write(record.id, call)
        self._add(write)
        self._wake.set()
        return write.done

    def save(self, record: CallRecord, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        said, reason = None, record.ended_reason
        if record.status != "ended":
            reason = None
            # A crash loses the transcript object; what was said so far is kept with the row.
            said = record.messages_to_keep()
        step = Step(
            *(record.org_id, record.id, record.document(), said, record.status, reason, outgoing),
            words=record.kept.words,
        )
        before = self._latest.get(step.call_id)
        write = _Write(step.call_id, step)
        if step.status != "ended" and len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            write.settle()
            return write.done
        if before is not None:
            before.said = None
        self._latest[step.call_id] = step
        self._add(write)
        news = bool(outgoing) or before is None or before.status != step.status
        self._gather(GATHER_SECONDS if news else LAZY_SECONDS)
        return write.done

    def _add(self, write: _Write) -> None:
        if self._over:
            write.settle()
        else:
            self._waiting.append(write)

    async def _work(self) -> None:
        """Runs until the ledger closes. However it ends, no step is left waiting."""
        batch: list[_Write] = []
        try:
            await self._run(batch)
        finally:
            self._over = True
            for write in (*batch, *self._waiting):
                write.settle()

    def _gather(self, seconds: float) -> None:
        """Commits what waits, and what comes in meanwhile."""
        long = seconds > GATHER_SECONDS
        if self._gathering is not None:
            if long or not self._gathering_long:
                return
            self._gathering.cancel()
        self._gathering = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        self._gathering_long = long

    async def _run(self, batch: list[_Write]) -> None:
        """Runs until there is nothing to write. `batch` holds what is being written."""
        fruitless = 0
        while self._waiting or not self._closing:
            if not self._closing:
                await self._wake.wait()
            self._wake.clear()
            if self._gathering is not None:
                self._gathering.cancel()
                self._gathering = None
            batch[:], self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not batch:
                continue
            before = self._written
            refused, untried = await self._write(batch)
            fruitless = fruitless + 1 if self._written == before else 0
            if not refused:
                self._recovered()
            elif self._closing and fruitless >= LAST_TRIES:
                lost = [*refused, *untried, *self._waiting]
                _log.error("%d writes of calls are given up: the store refuses them", len(lost))
                for write in lost:
                    write.settle()
                return
            else:
                self._waiting = _behind([*untried, *self._waiting], refused)
                await self._pause()
            if refused or len(batch) == MOST_AT_ONCE:
                self._wake.set()

    async def _write(self, batch: Sequence[_Write]) -> tuple[list[_Write], list[_Write]]:
        """Writes the batch. Returns the steps that were refused and are retried, and those that were not
        tried."""
        try:
            await self._commit(batch)
        except Exception:
            return await self._one_by_one(batch)
        return [], []

    async def _one_by_one(self, batch: Sequence[_Write]) -> tuple[list[_Write], list[_Write]]:
        """Writes the steps one by one, because one of them cannot be written and must not block the others.
        If two calls in a row are refused, the store is taken to be at fault and the rest is not tried now."""
        refused: list[_Write] = []
        untried: list[_Write] = []
        suspects: set[str] = set()
        in_a_row = 0
        for write in batch:
            if write.call_id in suspects:
                refused.append(write)
                continue
            if in_a_row == 2:
                untried.append(write)
                continue
            try:
                await self._commit([write])
                in_a_row = 0
            except StoreError as error:
                in_a_row += 1
                if self._hopeless(write):
                    _log.error("call=%s could not be stored: %s", write.call_id, error)
                else:
                    self._complain(error)
                    suspects.add(write.call_id)
                    refused.append(write)
            except Exception:
                _log.exception("call=%s could not be stored", write.call_id)
            write.settle()
        return refused, untried

    async def _commit(self, batch: Sequence[_Write]) -> None:
        kept: dict[str, StoredCallState] = {}
        rows: list[NewCall | CallChange] = []
        outgoing: list[Sequence[Outgoing]] = []
        for call_id, writes in _by_call(batch).items():
            rows += [write.what for write in writes if isinstance(write.what, NewCall)]
            steps = [write.what for write in writes if isinstance(write.what, Step)]
            outgoing += [()] * (len(rows) - len(outgoing))
            if steps:
                kept[call_id] = self._kept.get(call_id, StoredCallState()).copy()
                rows.append(change_of(steps, kept[call_id], self._message))
                outgoing.append([one for step in steps for one in step.outgoing])
                # All calls of a second may be in one batch: together they would hold the 20 ms clock.
                await asyncio.sleep(0)
        written = await self._database.write_calls(rows)
        self._written += len(batch)
        for row, told, taken in zip(rows, outgoing, written, strict=True):
            if not isinstance(row, CallChange):
                continue
            if taken:
                for message, one in zip(row.messages, told, strict=True):
                    self._outbox.written(message, one.receiver, row.id, row.org_id)
            if taken and row.status != "ended":
                self._kept[row.id] = kept[row.id]
            else:
                self._forget(row.id)
                if row.status != "ended":
                    self._taken(row.id)
        for write in batch:
            write.settle()

    def _message(self, one: Outgoing, step: Step, told: WrittenParts | None) -> NewMessage:
        passing = not step.words
        return self._outbox.message(
            one.receiver, step.call_id, step.org_id, one.type, one.body, passing=passing, told=told
        )

    def _forget(self, call_id: str) -> None:
        """Drops the state of a call for which the store accepts no more steps."""
        self._kept.pop(call_id, None)
        self._latest.pop(call_id, None)

    def _hopeless(self, write: _Write) -> bool:
        if write.failures == 0:
            write.written_before = self._written
        write.failures += 1
        return write.failures >= OWN_FAULT and self._written > write.written_before

    async def _pause(self) -> None:
        seconds = AGAIN_SECONDS[min(self._refusals, len(AGAIN_SECONDS)) - 1]
        for write in self._waiting:
            write.settle()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._closing and loop.time() < until:
            self._wake.clear()
            handle = loop.call_at(until, self._wake.set)
            await self._wake.wait()
            handle.cancel()
            for write in self._waiting:
                write.settle()

    def _complain(self, error: StoreError) -> None:
        if self._refusals == 0:
            _log.error("calls cannot be stored, retrying: %s", error)
        self._refusals += 1

    def _recovered(self) -> None:
        if self._refusals:
            _log.warning("calls can be stored again; %d steps were left out in between", self._dropped)
        self._refusals = self._dropped = 0


def _by_call(batch: Sequence[_Write]) -> dict[str, list[_Write]]:
    found: dict[str, list[_Write]] = {}
    for write in batch:
        found.setdefault(write.call_id, []).append(write)
    return found


def _behind(waiting: Sequence[_Write], refused: Sequence[_Write]) -> list[_Write]:
    """Puts the step behind those of other calls. Each call's own steps keep their order."""
    calls = {write.call_id for write in refused}
    others = [write for write in waiting if write.call_id not in calls]
    return [*others, *refused, *(write for write in waiting if write.call_id in calls)]
