"""Calls written down in the database, many at a time; and what routing reads from it.

Each write of a call is one small step (a row and its messages). Steps that wait are committed together: one
fsync serves all calls of the node that had something to say in the meantime, and each call's order stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from offhook.calls.record import CallRecord
from offhook.calls.reporter import Outgoing
from offhook.store import Database, Record, Transaction
from offhook.webhooks.outbox import Outbox

MOST_AT_ONCE: Final = 200
"""Steps in one transaction: enough for 200 busy calls, few enough that none waits long."""

Step = Callable[[Transaction], Awaitable[None]]
_log = logging.getLogger(__name__)


class StoredLedger:
    """The ledger of a node: one task commits what calls hand in, in order."""

    def __init__(self, database: Database, outbox: Outbox, node: str) -> None:
        self._database = database
        self._outbox = outbox
        self._node = node
        self._waiting: list[tuple[str, Step, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="call ledger")

    async def close(self) -> None:
        """Commit what waits, then end."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def begin(self, record: CallRecord) -> asyncio.Future[None]:
        document, status = record.document(), record.status
        number_id, call_id, org_id = record.number.get("id"), record.id, record.org_id

        async def step(tx: Transaction) -> None:
            await tx.calls.begin(
                org_id, document, id=call_id, status=status, node=self._node, phone_number_id=number_id
            )

        return self._hand_in(call_id, step)

    def save(self, record: CallRecord, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        document, status, reason = record.document(), record.status, record.ended_reason
        call_id, org_id = record.id, record.org_id
        if status != "ended":
            reason = None
            # A crash loses the transcript object; what was said so far is kept with the row.
            document["messages"] = record.messages()

        async def step(tx: Transaction) -> None:
            await tx.calls.save(org_id, call_id, document, status=status, ended_reason=reason)
            for one in outgoing:
                await self._outbox.put(tx, one.receiver, call_id, org_id, one.type, one.body)

        return self._hand_in(call_id, step)

    def _hand_in(self, call_id: str, step: Step) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((call_id, step, done))
        self._wake.set()
        return done

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                await self._commit([step for _, step, _ in batch])
            except Exception:
                await self._one_by_one(batch)
                continue
            for _, _, done in batch:
                _settle(done)
            self._outbox.nudge()

    async def _commit(self, steps: Sequence[Step]) -> None:
        async with self._database.transaction() as tx:
            for step in steps:
                await step(tx)

    async def _one_by_one(self, batch: Sequence[tuple[str, Step, asyncio.Future[None]]]) -> None:
        """One step of the batch cannot be written: it must not take the others with it."""
        for call_id, step, done in batch:
            try:
                await self._commit([step])
            except Exception as error:
                _log.error("call=%s could not be written down: %s", call_id, error)
            _settle(done)
        self._outbox.nudge()


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


class StoredDirectory:
    """Numbers, assistants, squads and orgs, as routing reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def number(self, user: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            return _resource(await tx.phone_numbers.by_sip_user(user))

    async def org(self, org_id: str) -> Mapping[str, Any]:
        async with self._database.reading() as tx:
            record = await tx.orgs.get(org_id)
        return {} if record is None else record.document

    async def assistant(self, org_id: str, assistant_id: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            record = await tx.assistants.get(org_id, assistant_id)
        return None if record is None else record.document

    async def squad(self, org_id: str, squad_id: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            record = await tx.squads.get(org_id, squad_id)
        return None if record is None else record.document

    async def credential(self, org_id: str, credential_id: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            record = await tx.credentials.get(org_id, credential_id)
        return None if record is None else record.document


def _resource(record: Record | None) -> Mapping[str, Any] | None:
    if record is None:
        return None
    return {**record.document, "id": record.id, "orgId": record.org_id}
