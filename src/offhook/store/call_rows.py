"""Calls. A call's status only moves forward, whoever writes and in whatever order the writes arrive."""

# ruff: noqa: A002 - an id is an id

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, update

from offhook.json_document import ResourceDocument
from offhook.store.call_parts import FORGET, parts_of, put_parts
from offhook.store.nodes import node_of
from offhook.store.outbox_rows import PUT, forget_words, message_values
from offhook.store.parts import Part, put_together
from offhook.store.records import NewMessage, Record, moment
from offhook.store.repositories import Repository, Values
from offhook.store.searched import number_in
from offhook.store.tables import calls

log = logging.getLogger(__name__)

RANKS: Final[Mapping[str, int]] = {
    "scheduled": 0,
    "queued": 1,
    "ringing": 2,
    "in-progress": 3,
    "forwarding": 4,
    "ended": 5,
}
"""The order of the statuses (vapi-wire §4.4 `status-update`)."""

ENDED: Final = RANKS["ended"]

_BEGUN: Final = insert(calls)
_MOVED: Final = update(calls).where(
    calls.c.org_id == bindparam("of_org"),
    calls.c.id == bindparam("of_id"),
    calls.c.rank <= bindparam("up_to"),
    calls.c.rank < ENDED,
)


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call that begins; `node` holds it."""

    org_id: str
    id: str
    document: ResourceDocument
    status: str
    node: str | None = None
    phone_number_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallChange:
    """A call as it is now, and the messages that report it. If the call has ended or is further on than
    `status`, nothing of this is written, not even a message: so a call is ended, and reported, only once.
    `words` False: from now on all of the call's messages are `passing`, earlier ones too. Without a
    `document` the stored one stays. `said` is the part that holds the document's `messages`; `parts` are
    those that this change adds."""

    org_id: str
    id: str
    document: ResourceDocument | None
    status: str
    ended_reason: str | None = None
    messages: Sequence[NewMessage] = ()
    words: bool = True
    said: int | None = None
    parts: Sequence[Part] = ()


def write_calls(connection: Connection, writes: Sequence[NewCall | CallChange], now: int) -> Sequence[bool]:
    """Writes the changes in this order and returns which of them were written. `now`: milliseconds since the
    epoch. Blocks."""
    return [_write(connection, write, now) for write in writes]


def _write(connection: Connection, write: NewCall | CallChange, now: int) -> bool:
    if isinstance(write, NewCall):
        connection.execute(_BEGUN, _begun(write, now))
        return True
    if not connection.execute(_MOVED, _moved(write, now)).rowcount:
        return False
    if not write.words:
        forget_words(connection, write.id)
        connection.execute(FORGET, {"of_call": write.id})
    shared = [part for one in write.messages if one.shared is not None for part in one.shared.parts]
    put_parts(connection, write.id, [*shared, *write.parts])
    rows = [message_values(one, write.org_id, write.id, now) for one in write.messages]
    if rows:
        connection.execute(PUT, rows)
    if write.status == "ended":
        connection.execute(FORGET, {"of_call": write.id})
    return True


def _begun(call: NewCall, now: int) -> Values:
    values: Values = {
        "id": call.id,
        "org_id": call.org_id,
        "created_at": now,
        "updated_at": now,
        "document": call.document,
        **_found_by(call.document),
        "status": call.status,
        "rank": RANKS[call.status],
        "node": call.node,
    }
    if call.phone_number_id is not None:
        values["phone_number_id"] = call.phone_number_id
    if call.status == "ended":
        values |= {"ended_at": now, "ended_reason": call.document.get("endedReason")}
    return values


def _moved(call: CallChange, now: int) -> Values:
    values: Values = {
        "of_org": call.org_id,
        "of_id": call.id,
        "up_to": RANKS[call.status],
        "updated_at": now,
        "status": call.status,
        "rank": RANKS[call.status],
        "messages_part": call.said,
    }
    if call.document is not None:
        values |= {"document": call.document, **_found_by(call.document)}
    if call.status == "ended":
        values |= {"ended_at": now, "ended_reason": call.ended_reason}
    return values


def _found_by(document: ResourceDocument) -> Values:
    """The columns that repeat what the document says."""
    return {
        "assistant_id": _id_or_none(document.get("assistantId")),
        "phone_number_id": _id_or_none(document.get("phoneNumberId")),
    }


def _id_or_none(value: object) -> str | None:
    """The value if it can be an id of ours. A webhook's answer may name any text as assistantId, even one
    that no column of PostgreSQL accepts."""
    return (
        value
        if isinstance(value, str) and len(value) <= 64 and value.isascii() and value.isprintable()
        else None
    )


class CallRows(Repository):
    COLUMNS = {  # noqa: RUF012
        "id": "id",
        "status": "status",
        "endedReason": "ended_reason",
        "phoneNumberId": "phone_number_id",
        "assistantId": "assistant_id",
    }

    def _columns(self, document: ResourceDocument) -> Values:
        return _found_by(document)

    async def create(self, org_id: str, document: ResourceDocument, *, id: str | None = None) -> Record:
        """Stores a call that no node holds, for example a queued one. Its status is the document's."""
        return await self.begin(org_id, document, id=id, status=document.get("status", "queued"))

    async def begin(
        self,
        org_id: str,
        document: ResourceDocument,
        *,
        status: str,
        id: str | None = None,
        node: str | None = None,
        phone_number_id: str | None = None,
    ) -> Record:
        """Stores a new call, which `node` holds. Raises Duplicate("id")."""
        now = self._tx.now_ms()
        call = NewCall(org_id, id or self._tx.new_id(), document, status, node, phone_number_id)
        await self._tx.execute(insert(calls).values(_begun(call, now)), unique=self.UNIQUE)
        return Record(call.id, org_id, moment(now), moment(now), dict(document))

    async def save(
        self,
        org_id: str,
        id: str,
        document: ResourceDocument,
        *,
        status: str,
        ended_reason: str | None = None,
    ) -> bool:
        """Stores the call as it is now. Returns False, and writes nothing, if the call has ended or is
        further on than `status`: so a call is ended, and reported, only once."""
        change = CallChange(org_id, id, document, status, ended_reason)
        moved = bool(await self._tx.changed(_MOVED, _moved(change, self._tx.now_ms())))
        if moved and status == "ended":
            await self._tx.execute(FORGET, {"of_call": id})
        return moved

    async def node_of(self, id: str) -> str | None:
        """The node that holds the call, or held it; it has the call's recording."""
        rows = await self._tx.execute(select(calls.c.node).where(calls.c.id == id))
        return node_of(rows[0].node) if rows and rows[0].node else None

    async def unfinished(self, node: str) -> list[Record]:
        """The node's calls that have not ended, the oldest first: after a crash, those that it has left."""
        wanted = select(calls).where(calls.c.node == node, calls.c.ended_at.is_(None))
        rows = await self._tx.execute(wanted.order_by(calls.c.created_at, calls.c.id))
        return await self._records(rows)

    async def _records(self, rows: Sequence[Row[Any]]) -> list[Record]:
        """The rows' records; those of running calls with what was said so far."""
        records = await super()._records(rows)
        for row, record in zip(rows, records, strict=True):
            if row.messages_part is not None:
                parts = await parts_of(self._tx, row.id, [row.messages_part])
                known = {part.number: part for part in parts}
                try:
                    record.document["messages"] = put_together(row.messages_part, known)
                except (ValueError, LookupError, TypeError):
                    log.error("call=%s what was said so far cannot be read", row.id)
        return records

    def _sort_key(self, sort_by: str) -> ColumnElement[Any]:
        if sort_by == "duration":
            return calls.c.ended_at - calls.c.created_at
        if sort_by == "cost":
            return number_in(calls, "cost")
        return super()._sort_key(sort_by)
