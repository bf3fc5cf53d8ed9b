"""One repository for each resource. They work within the transaction that gives them."""

# ruff: noqa: A002 - an id is an id

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Table,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from offhook.json_document import ResourceDocument
from offhook.schema.base import unchecked
from offhook.schema.number import StoredPhoneNumber
from offhook.sip.messages.telephone import subscriber
from offhook.store import tables
from offhook.store.records import Document, Duplicate, Record, StoreError, milliseconds_of, moment
from offhook.store.searched import text_in
from offhook.store.statements import Statements

log = logging.getLogger(__name__)

SortOrder = Literal["ASC", "DESC"]
Values = dict[str, Any]
Records = list[Record]
Page = tuple[Records, int]
Position = tuple[datetime, str]
"""The position of a row in a list: its `created_at` and its id."""
Conditions = list[ColumnElement[bool]]

# Rows have whole milliseconds: what a filter has beyond that is rounded to the side that changes nothing.
_COMPARISONS: Mapping[str, tuple[Callable[[Any, int], Any], bool]] = {
    "Gt": (operator.gt, False),
    "Le": (operator.le, False),
    "Lt": (operator.lt, True),
    "Ge": (operator.ge, True),
}


def split_sip_uri(uri: str) -> tuple[str, str]:
    """`sip:USER@HOST:PORT` as (user, host with port). The user is in the form that is compared, since it is
    unique regardless of case (vapi-wire §1.3). The URI was checked when it came in."""
    user, _, host = uri.partition(":")[2].rpartition("@")
    return fold_user(user.partition(":")[0]), host.partition(";")[0].lower()


def fold_user(user: str) -> str:
    """The form in which user parts are compared: unescaped; a telephone number without separators; anything
    else in lower case."""
    return subscriber(unquote(user)).casefold()


def fold_number(number: str) -> str:
    """The form in which numbers of trunks are compared: carriers add the plus and take it away."""
    return fold_user(number).removeprefix("+")


def as_record(row: Row[Any], kind: str) -> Record:
    """A row whose document is damaged gets an empty one, so that nothing else fails because of it."""
    document = readable(row.document, kind, row.id)
    return Record(row.id, row.org_id, moment(row.created_at), moment(row.updated_at), document)


def readable(document: object, kind: str, id: str) -> Document:
    if isinstance(document, dict):
        return document
    log.error("%s %s: its document in the database cannot be read and counts as empty", kind, id)
    return {}


class Repository:
    """Resources of one kind. Every method but `find` sees the rows of one org only.

    `equal` maps properties of the API to the value they must have. `dates` maps `createdAtGt` and its
    like (created or updated; Gt, Lt, Ge, Le) to times with a zone."""

    UNIQUE: Mapping[str, str] = {"id": "id"}
    COLUMNS: Mapping[str, str] = {"id": "id"}
    """Properties that have a column of their own to be filtered by; others are read from the document."""

    SEARCHED: Sequence[str] = ("name",)
    """Properties in which `search` looks, besides the id."""

    def __init__(self, tx: Statements, table: Table) -> None:
        self._tx = tx
        self._table = table

    def _columns(self, document: ResourceDocument) -> Values:
        """What the kind keeps in columns besides the document."""
        return {}

    async def create(self, org_id: str, document: ResourceDocument, *, id: str | None = None) -> Record:
        """Raises Duplicate."""
        self._tx.reconfigured = True
        return await self._insert(org_id, document, id, self._columns(document))

    async def get(self, org_id: str, id: str, *, to_change: bool = False) -> Record | None:
        """None too if it is another org's. `to_change`: nobody else changes it until the transaction ends."""
        wanted = self._of(org_id).where(self._table.c.id == id)
        return await self._one(wanted.with_for_update() if to_change else wanted)

    async def find(self, id: str) -> Record | None:
        """Of whichever org."""
        return await self._one(select(self._table).where(self._table.c.id == id))

    async def existing(self, org_id: str, ids: Collection[str]) -> frozenset[str]:
        """Those of up to a thousand ids that the org has."""
        column = self._table.c.id
        wanted = select(column).where(self._table.c.org_id == org_id, column.in_(sorted(ids)))
        return frozenset(row.id for row in await self._tx.execute(wanted))

    async def list(
        self,
        org_id: str,
        *,
        limit: int = 100,
        dates: Mapping[str, datetime] | None = None,
        equal: Mapping[str, str] | None = None,
        ids: Collection[str] | None = None,
        after: Position | None = None,
    ) -> list[Record]:
        """Newest first: of all, or of those with one of `ids`, what comes `after` a place in the list."""
        wanted = self._of(org_id).where(
            *self._dates(dates), *self._equal(equal), *self._among(ids), *self._after(after, "DESC")
        )
        newest = (self._table.c.created_at.desc(), self._table.c.id.desc())
        rows = await self._tx.execute(wanted.order_by(*newest).limit(limit))
        return await self._records(rows)

    async def page(
        self,
        org_id: str,
        *,
        page: int = 1,
        limit: int = 100,
        sort_by: str = "createdAt",
        sort_order: SortOrder = "DESC",
        search: str | None = None,
        dates: Mapping[str, datetime] | None = None,
        equal: Mapping[str, str] | None = None,
        after: Position | None = None,
    ) -> Page:
        """One page, counted from 1, and how many rows there are on all pages. Rows that a sort cannot tell
        apart come newest first. `after` makes it the page that follows a place in a list by `createdAt`."""
        wanted = self._of(org_id).where(*self._dates(dates), *self._equal(equal), *self._search(search))
        total = await self._tx.scalar(select(func.count()).select_from(wanted.subquery()))
        key = self._sort_key(sort_by)
        order = key.asc().nulls_last() if sort_order == "ASC" else key.desc().nulls_last()
        identity = self._table.c.id.asc() if sort_order == "ASC" else self._table.c.id.desc()
        skipped = 0 if after else (page - 1) * limit
        ordered = wanted.where(*self._after(after, sort_order)).order_by(order, identity)
        rows = await self._tx.execute(ordered.limit(limit).offset(skipped))
        return await self._records(rows), int(total)

    async def replace(self, org_id: str, id: str, document: ResourceDocument) -> Record | None:
        """Store another document in its place. None if there is no such row. Raises Duplicate."""
        self._tx.reconfigured = True
        changed = (
            update(self._table)
            .where(self._table.c.org_id == org_id, self._table.c.id == id)
            .values(document=document, updated_at=self._tx.now_ms(), **self._columns(document))
            .returning(self._table)
        )
        return await self._one(changed)

    async def delete(self, org_id: str, id: str) -> Record | None:
        """The row that was, or None."""
        self._tx.reconfigured = True
        gone = delete(self._table).where(self._table.c.org_id == org_id, self._table.c.id == id)
        records = await self._records(await self._tx.execute(gone.returning(self._table)))
        return records[0] if records else None

    def _of(self, org_id: str) -> Select[Any]:
        return select(self._table).where(self._table.c.org_id == org_id)

    async def _insert(
        self, org_id: str, document: ResourceDocument, id: str | None, columns: Values
    ) -> Record:
        now = self._tx.now_ms()
        values: Values = {
            "id": id or self._tx.new_id.random(),
            "org_id": org_id,
            "created_at": now,
            "updated_at": now,
            "document": dict(document),
        }
        await self._tx.execute(insert(self._table).values(values | columns), unique=self.UNIQUE)
        return Record(values["id"], org_id, moment(now), moment(now), values["document"])

    async def _one(self, statement: Any) -> Record | None:
        """Raises StoreError for a row whose document is damaged."""
        rows = await self._tx.execute(statement, unique=self.UNIQUE)
        if rows and not isinstance(rows[0].document, dict):
            raise StoreError(
                f"the document of {self._table.name} {rows[0].id} in the database cannot be read: delete it,"
                " or restore a backup"
            )
        records = await self._records(rows[:1])
        return records[0] if records else None

    async def _records(self, rows: Sequence[Row[Any]]) -> Records:
        """Just these."""
        return [as_record(row, self._table.name) for row in rows]

    def _property(self, name: str) -> ColumnElement[Any]:
        column = self.COLUMNS.get(name)
        if column is not None:
            return self._table.c[column]
        return text_in(self._table, name)

    def _equal(self, equal: Mapping[str, str] | None) -> Conditions:
        return [self._property(name) == value for name, value in (equal or {}).items()]

    def _among(self, ids: Collection[str] | None) -> Conditions:
        return [] if ids is None else [self._table.c.id.in_(sorted(ids))]

    def _after(self, position: Position | None, order: SortOrder) -> Conditions:
        if position is None:
            return []
        row = tuple_(self._table.c.created_at, self._table.c.id)
        place = tuple_(literal(milliseconds_of(position[0], up=False)), literal(position[1]))
        return [row < place if order == "DESC" else row > place]

    def _dates(self, dates: Mapping[str, datetime] | None) -> Conditions:
        conditions: Conditions = []
        for name, time in (dates or {}).items():
            column = self._table.c["created_at" if name.startswith("created") else "updated_at"]
            compare, up = _COMPARISONS[name[-2:]]
            conditions.append(compare(column, milliseconds_of(time, up=up)))
        return conditions

    def _search(self, search: str | None) -> Conditions:
        if not search:
            return []
        looked_at = [self._table.c.id, *(text_in(self._table, name) for name in self.SEARCHED)]
        return [or_(*(column.icontains(search, autoescape=True) for column in looked_at))]

    def _sort_key(self, sort_by: str) -> ColumnElement[Any]:
        """What a kind cannot be sorted by sorts as `createdAt`, the API's default."""
        return self._table.c.updated_at if sort_by == "updatedAt" else self._table.c.created_at


class PhoneNumbers(Repository):
    UNIQUE = {"sip_user": "sipUri", "trunk_number": "number", "trunk_id": "number", "id": "id"}  # noqa: RUF012
    SEARCHED = ("name", "number", "sipUri")

    def _columns(self, document: ResourceDocument) -> Values:
        given: StoredPhoneNumber = unchecked(StoredPhoneNumber, document)
        uri, number = given.sip_uri, given.number
        user, host = split_sip_uri(uri) if uri else (None, None)
        of_trunk = given.credential_id if number else None
        return {
            "sip_user": user,
            "sip_host": host,
            "trunk_id": of_trunk,
            "trunk_number": fold_number(number) if of_trunk and number else None,
        }

    async def by_sip_user(self, user: str) -> Record | None:
        """The number with this user part, in any case and of whichever org; else the one that is written with
        a `+` where this is not, or without one: trunks add it and take it away."""
        folded, column = fold_user(user), self._table.c.sip_user
        other = folded.removeprefix("+") if folded.startswith("+") else f"+{folded}"
        either = (folded, other) if other.lstrip("+").isdecimal() else (folded,)
        return await self._one(select(self._table).where(column.in_(either)).order_by(column != folded))

    async def of_trunk(self, org_id: str, trunk_id: str, limit: int) -> Records:
        """Those of one trunk that have a number, the oldest first."""
        table = self._table
        wanted = self._of(org_id).where(table.c.trunk_id == trunk_id).order_by(table.c.created_at, table.c.id)
        return await self._records(await self._tx.execute(wanted.limit(limit)))

    async def of_trunks(self, number: str) -> Records:
        """This telephone number on whichever trunks have it, with or without a plus, the oldest first."""
        table = self._table
        wanted = select(table).where(table.c.trunk_number == fold_number(number))
        return await self._records(await self._tx.execute(wanted.order_by(table.c.created_at, table.c.id)))


class CredentialRows(Repository):
    async def of_provider(self, provider: str) -> Records:
        """Of all orgs, the oldest first."""
        table = self._table
        wanted = select(table).where(text_in(table, "provider") == provider)
        return await self._records(await self._tx.execute(wanted.order_by(table.c.created_at, table.c.id)))


class Orgs:
    """Tenants. An org's document has `name`, and if set `server`, `concurrencyLimit` and the like."""

    def __init__(self, tx: Statements) -> None:
        self._tx = tx

    async def create(self, document: ResourceDocument, *, id: str | None = None) -> Record:
        """Raises Duplicate for an id that is taken."""
        now = self._tx.now_ms()
        values: Values = {
            "id": id or self._tx.new_id.random(),
            "created_at": now,
            "updated_at": now,
            "document": dict(document),
        }
        self._tx.reconfigured = True
        await self._tx.execute(insert(tables.orgs).values(values), unique={"id": "id"})
        return Record(values["id"], values["id"], moment(now), moment(now), values["document"])

    async def get(self, id: str, *, to_change: bool = False) -> Record | None:
        """`to_change`: nobody else changes it until the transaction ends."""
        wanted = select(tables.orgs).where(tables.orgs.c.id == id)
        return self._first(await self._tx.execute(wanted.with_for_update() if to_change else wanted))

    async def list(self) -> list[Record]:
        """The oldest first."""
        order = (tables.orgs.c.created_at, tables.orgs.c.id)
        return [self._record(row) for row in await self._tx.execute(select(tables.orgs).order_by(*order))]

    async def replace(self, id: str, document: ResourceDocument) -> Record | None:
        self._tx.reconfigured = True
        changed = (
            update(tables.orgs)
            .where(tables.orgs.c.id == id)
            .values(document=dict(document), updated_at=self._tx.now_ms())
            .returning(tables.orgs)
        )
        return self._first(await self._tx.execute(changed))

    def _first(self, rows: Sequence[Row[Any]]) -> Record | None:
        return self._record(rows[0]) if rows else None

    @staticmethod
    def _record(row: Row[Any]) -> Record:
        document = readable(row.document, "orgs", row.id)
        return Record(row.id, row.id, moment(row.created_at), moment(row.updated_at), document)


__all__ = ["Document", "Duplicate", "Orgs", "PhoneNumbers", "Position", "Repository", "SortOrder"]
