"""Messages to be sent, in the same database and the same transactions as what they report."""

# ruff: noqa: A002 - an id is an id

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    tuple_,
    update,
)

from offhook.store.call_parts import FORGET, FORGET_PASSED, parts_of
from offhook.store.parts import whole
from offhook.store.records import Document, NewMessage, OutboxRow, OutboxState
from offhook.store.statements import Statements
from offhook.store.tables import calls, outbox, pending

log = logging.getLogger(__name__)

PUT: Final = insert(outbox)
"""Takes `message_values`."""

_LEFT: Final = case((outbox.c.passing, ""), else_=outbox.c.body)
"""What is stored of the body of a message that is not sent any more."""

_PARTS_LEFT: Final = case((outbox.c.passing, null()), else_=outbox.c.parts)

_FORGOTTEN: Final = (
    update(outbox)
    .where(outbox.c.call_id == bindparam("of_call"), outbox.c.passing.is_(False))
    .values(
        passing=True,
        body=case((pending, outbox.c.body), else_=""),
        parts=case((pending, outbox.c.parts), else_=null()),
    )
)

# Made once: to make a statement costs more than to run it.
_DELIVERED = (
    update(outbox)
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        attempts=outbox.c.attempts + 1,
        last_status=bindparam("answered"),
        last_error=None,
        leased_until=None,
        lease_owner=None,
        delivered_at=bindparam("now"),
        body=_LEFT,
        parts=_PARTS_LEFT,
    )
    .returning(outbox.c.passing)
)
_COLUMNS = tuple(outbox.c[field.name] for field in fields(OutboxRow) if field.name != "body")


def message_values(message: NewMessage, org_id: str, call_id: str, now: int) -> dict[str, Any]:
    """The columns of a call's message that is due at once."""
    owner, until = message.lease or (None, None)
    shared = message.shared
    return {
        "id": message.id,
        "org_id": org_id,
        "call_id": call_id,
        "type": message.type,
        "host": message.host,
        "receiver": message.receiver,
        "body": message.body if shared is None else shared.bare,
        "parts": None if shared is None else (shared.named or None),
        "created_at": now,
        "queued_at": now,
        "attempts": 0,
        "next_attempt_at": now,
        "leased_until": until,
        "lease_owner": owner,
        **({"passing": True} if message.passing else {}),
    }


def forget_words(connection: Connection, call_id: str) -> None:
    """From now on the bodies of the call's messages are deleted as soon as they are sent. Blocks."""
    connection.execute(_FORGOTTEN, {"of_call": call_id})


def note_delivered(connection: Connection, answered: Mapping[int, Sequence[str]], now: int) -> bool:
    """Counts one more attempt for each message, answered with this HTTP status. Returns whether words were
    erased by it. Blocks."""
    erased = False
    for status, ids in answered.items():
        rows = connection.execute(_DELIVERED, {"ids": ids, "answered": status, "now": now}).all()
        if any(row.passing for row in rows):
            connection.execute(FORGET_PASSED, {"ids": ids})
            erased = True
    return erased


class OutboxRows:
    """All times are milliseconds since the epoch."""

    def __init__(self, tx: Statements) -> None:
        self._tx = tx

    async def put(
        self, *, org_id: str, call_id: str, type: str, host: str, receiver: Document, body: str
    ) -> str:
        """Adds a message behind all others of its call and returns its id. Transactions that put messages of
        the same call must follow one another, or the order of these messages is undefined."""
        message = NewMessage(self._tx.new_id.random(), type, host, receiver, body)
        await self.add(message, org_id, call_id)
        return message.id

    async def add(self, message: NewMessage, org_id: str, call_id: str) -> None:
        """Like `put`, for a message whose body shares no parts."""
        await self._tx.changed(PUT, message_values(message, org_id, call_id, self._tx.now_ms()))

    async def due(
        self,
        now: int,
        limit: int,
        *,
        busy_hosts: Collection[str],
        busy_orgs: Collection[str],
        full: Collection[tuple[str, str]] = (),
    ) -> list[OutboxRow]:
        """Messages to send now, those that have waited longest first. It gives only the first message of each
        call, none that a node has leased, none to busy hosts or of busy orgs, and none of a host and org in
        `full`. PostgreSQL locks the rows until the end of the transaction, and leaves out those that another
        node has locked."""
        earlier = outbox.alias("earlier")
        earlier_pending = and_(earlier.c.delivered_at.is_(None), earlier.c.abandoned_at.is_(None))
        wanted = select(*_COLUMNS).where(
            pending,
            outbox.c.next_attempt_at <= now,
            or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= now),
            ~exists().where(
                earlier.c.call_id == outbox.c.call_id, earlier.c.position < outbox.c.position, earlier_pending
            ),
        )
        if busy_hosts:
            wanted = wanted.where(outbox.c.host.not_in(busy_hosts))
        if busy_orgs:
            wanted = wanted.where(outbox.c.org_id.not_in(busy_orgs))
        if full:
            wanted = wanted.where(tuple_(outbox.c.host, outbox.c.org_id).not_in(full))
        order = (outbox.c.next_attempt_at, outbox.c.position)
        rows = await self._tx.execute(
            wanted.order_by(*order).limit(limit).with_for_update(of=outbox, skip_locked=True)
        )
        return [_row(row) for row in rows]

    async def lease(self, ids: Sequence[str], owner: str, until: int) -> None:
        """Only `owner` may send these messages until then."""
        await self._change(outbox.c.id.in_(ids), leased_until=until, lease_owner=owner)

    async def release(self, owner: str) -> None:
        """Ends all leases of the owner, which sends nothing any more."""
        mine = and_(pending, outbox.c.lease_owner == owner)
        await self._change(mine, leased_until=None, lease_owner=None)

    async def free(self, ids: Sequence[str], owner: str) -> None:
        """Ends these leases of the owner, as if there had been no attempt."""
        mine = and_(outbox.c.id.in_(ids), outbox.c.lease_owner == owner)
        await self._change(mine, leased_until=None, lease_owner=None)

    async def delivered(self, ids: Sequence[str], *, status: int) -> None:
        """Counts one more attempt for each message; all were answered with this HTTP status."""
        now = self._tx.now_ms()
        values = {"ids": ids, "answered": status, "now": now}
        await self._forget_passed(await self._tx.execute(_DELIVERED, values), ids)

    async def abandoned(self, id: str, *, attempts: int, status: int | None, error: str) -> None:
        """The last attempt failed, and there will be no other."""
        given_up = (
            update(outbox)
            .where(outbox.c.id == id)
            .values(
                attempts=attempts,
                last_status=status,
                last_error=error,
                leased_until=None,
                lease_owner=None,
                abandoned_at=self._tx.now_ms(),
                body=_LEFT,
                parts=_PARTS_LEFT,
            )
            .returning(outbox.c.passing)
        )
        await self._forget_passed(await self._tx.execute(given_up), [id])

    async def failed(
        self, id: str, *, call_id: str, attempts: int, status: int | None, error: str, again_at: int
    ) -> None:
        """Tries again at that time, and the messages behind it not before."""
        await self._change(
            outbox.c.id == id,
            attempts=attempts,
            next_attempt_at=again_at,
            last_status=status,
            last_error=error,
            leased_until=None,
            lease_owner=None,
        )
        own = select(outbox.c.position).where(outbox.c.id == id).scalar_subquery()
        behind = and_(outbox.c.call_id == call_id, outbox.c.position > own, pending)
        await self._change(behind, next_attempt_at=again_at)

    async def next_after(self, now: int) -> int | None:
        """The earliest moment after `now` at which a message falls due."""
        due = await self._tx.scalar(
            select(func.min(outbox.c.next_attempt_at)).where(pending, outbox.c.next_attempt_at > now)
        )
        return None if due is None else int(due)

    async def find(self, org_id: str, id: str) -> OutboxRow | None:
        """A message with its body."""
        wanted = select(*_COLUMNS).where(outbox.c.org_id == org_id, outbox.c.id == id)
        rows = await self._tx.execute(wanted)
        return replace(_row(rows[0]), body=await self._body_if_whole(id)) if rows else None

    async def _body_if_whole(self, id: str) -> str | None:
        try:
            return await self.body(id)
        except (ValueError, LookupError, TypeError):
            log.error("webhook=%s its body in the database cannot be read", id)
            return None

    async def body(self, id: str) -> str | None:
        """The text of a message. None if it is not stored any more. Raises ValueError, LookupError or
        TypeError for a text that cannot be put together."""
        wanted = select(outbox.c.call_id, outbox.c.body, outbox.c.parts).where(outbox.c.id == id)
        rows = await self._tx.execute(wanted)
        if not rows:
            return None
        row = rows[0]
        if not row.parts:
            return str(row.body)
        if not isinstance(row.parts, list):
            raise ValueError("which parts belong into the message cannot be read")
        numbers = [number for _, number in row.parts]
        return whole(row.body, row.parts, await parts_of(self._tx, row.call_id, numbers))

    async def list(
        self, org_id: str, *, state: OutboxState | None = None, call_id: str | None = None, limit: int = 100
    ) -> list[OutboxRow]:
        """The newest first."""
        wanted = select(*_COLUMNS).where(outbox.c.org_id == org_id)
        if state is not None:
            wanted = wanted.where(_STATES[state])
        if call_id is not None:
            wanted = wanted.where(outbox.c.call_id == call_id)
        rows = await self._tx.execute(wanted.order_by(outbox.c.position.desc()).limit(limit))
        return [_row(row) for row in rows]

    async def replay(self, org_id: str, id: str) -> OutboxRow | None:
        """Sends the message again from now on, as if it were new, but with its id. None if there is no such
        message, if it is still being sent, or if its body is not stored any more."""
        now = self._tx.now_ms()
        changed = (
            update(outbox)
            .where(outbox.c.org_id == org_id, outbox.c.id == id, ~pending, outbox.c.body != "")
            .values(delivered_at=None, abandoned_at=None, attempts=0, queued_at=now, next_attempt_at=now)
            .returning(*_COLUMNS)
        )
        rows = await self._tx.execute(changed)
        return replace(_row(rows[0]), body=await self._body_if_whole(id)) if rows else None

    async def erase(self, org_id: str, call_id: str) -> None:
        """Deletes all messages of a call; those that wait are not sent any more."""
        await self._tx.execute(delete(outbox).where(outbox.c.org_id == org_id, outbox.c.call_id == call_id))
        await self._tx.execute(FORGET, {"of_call": call_id})
        self._tx.erased = True

    async def purge(self, delivered_before: int, abandoned_before: int) -> int:
        """Deletes messages that were delivered or given up before these times, once their call has ended:
        later messages of the call may build on them. Returns how many there were."""
        old = or_(outbox.c.delivered_at < delivered_before, outbox.c.abandoned_at < abandoned_before)
        live = exists().where(calls.c.id == outbox.c.call_id, calls.c.ended_at.is_(None))
        gone = await self._tx.execute(delete(outbox).where(old, ~live).returning(outbox.c.call_id))
        for call_id in {row.call_id for row in gone}:
            await self._tx.execute(FORGET, {"of_call": call_id})
            self._tx.erased = True
        return len(gone)

    async def _forget_passed(self, ended: Sequence[Row[Any]], ids: Sequence[str]) -> None:
        """Deletes the parts that nothing needs now that these messages have ended."""
        if any(row.passing for row in ended):
            await self._tx.changed(FORGET_PASSED, {"ids": ids})
            self._tx.erased = True

    async def _change(self, condition: ColumnElement[bool], **values: Any) -> None:
        await self._tx.execute(update(outbox).where(condition).values(**values))


_STATES: dict[OutboxState, ColumnElement[bool]] = {
    "pending": pending,
    "delivered": outbox.c.delivered_at.is_not(None),
    "abandoned": outbox.c.abandoned_at.is_not(None),
}


def _row(row: Row[Any]) -> OutboxRow:
    found = OutboxRow(*tuple(row))
    # One that cannot be read is refused when it is used.
    return found if isinstance(found.receiver, dict) else replace(found, receiver={})
