"""Calls. Their status only moves forward, whoever writes and in whatever order the writes arrive."""

# ruff: noqa: A002 - an id is an id

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, select, update

from .records import Record
from .repositories import Repository, as_record
from .tables import calls

RANKS: Final[Mapping[str, int]] = {
    "scheduled": 0,
    "queued": 1,
    "ringing": 2,
    "in-progress": 3,
    "forwarding": 4,
    "ended": 5,
}
"""The order of the statuses (wire-facts §4.4 `status-update`)."""

ENDED: Final = RANKS["ended"]

_MOVED: Final = update(calls).where(
    calls.c.org_id == bindparam("of_org"),
    calls.c.id == bindparam("of_id"),
    calls.c.rank <= bindparam("up_to"),
    calls.c.rank < ENDED,
)


def _id_or_none(value: object) -> str | None:
    """What may be an id of ours. An assistantId can come out of a webhook's answer and be any text, also one
    that PostgreSQL takes in no column."""
    return (
        value
        if isinstance(value, str) and len(value) <= 64 and value.isascii() and value.isprintable()
        else None
    )


class Calls(Repository):
    COLUMNS = {  # noqa: RUF012
        "id": "id",
        "status": "status",
        "endedReason": "ended_reason",
        "phoneNumberId": "phone_number_id",
        "assistantId": "assistant_id",
    }

    def _columns(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "assistant_id": _id_or_none(document.get("assistantId")),
            "phone_number_id": _id_or_none(document.get("phoneNumberId")),
        }

    async def create(self, org_id: str, document: Mapping[str, Any], *, id: str | None = None) -> Record:
        """A call that no node holds, for example a queued one; its status is the document's."""
        return await self.begin(org_id, document, id=id, status=document.get("status", "queued"))

    async def begin(
        self,
        org_id: str,
        document: Mapping[str, Any],
        *,
        status: str,
        id: str | None = None,
        node: str | None = None,
        phone_number_id: str | None = None,
    ) -> Record:
        """Write down a new call, held by `node`. Raises Duplicate("id")."""
        columns = self._columns(document) | {"status": status, "rank": RANKS[status], "node": node}
        if phone_number_id is not None:
            columns["phone_number_id"] = phone_number_id
        if status == "ended":
            columns |= {"ended_at": self._tx.now_ms(), "ended_reason": document.get("endedReason")}
        return await self._insert(org_id, document, id, columns)

    async def save(
        self,
        org_id: str,
        id: str,
        document: Mapping[str, Any],
        *,
        status: str,
        ended_reason: str | None = None,
    ) -> bool:
        """Write the call as it is now. False, and nothing is written, if it has ended or is further on than
        `status`: so a call can be ended, and reported, only once."""
        now = self._tx.now_ms()
        values = self._columns(document) | {
            "document": dict(document),
            "updated_at": now,
            "status": status,
            "rank": RANKS[status],
        }
        if status == "ended":
            values |= {"ended_at": now, "ended_reason": ended_reason}
        which = {"of_org": org_id, "of_id": id, "up_to": RANKS[status]}
        return bool(await self._tx.changed(_MOVED, values | which))

    async def unfinished(self, node: str) -> list[Record]:
        """Calls of the node that have not ended, the oldest first: after a crash, those it left behind."""
        wanted = select(calls).where(calls.c.node == node, calls.c.ended_at.is_(None))
        rows = await self._tx.execute(wanted.order_by(calls.c.created_at, calls.c.id))
        return [as_record(row) for row in rows]

    def _sort_key(self, sort_by: str) -> ColumnElement[Any]:
        if sort_by == "duration":
            return calls.c.ended_at - calls.c.created_at
        if sort_by == "cost":
            cost: ColumnElement[float] = calls.c.document["cost"].as_float()
            return cost
        return super()._sort_key(sort_by)
