"""The records of the store, and its errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from offhook.store.parts import Shared

Document = dict[str, Any]
"""A resource as JSON, without id, orgId, createdAt and updatedAt."""

KeyTag = Literal["private", "public"]
OutboxState = Literal["pending", "delivered", "abandoned"]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StoreError(Exception):
    """The database cannot be used. The text says in one line what to do about it."""


class Duplicate(Exception):
    """Another row has this value. `field` is the API's name of the property."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is already taken")
        self.field = field


def moment(milliseconds: int) -> datetime:
    """Milliseconds since the epoch as a time in UTC, exact to the millisecond."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


def milliseconds_of(time: datetime, *, up: bool) -> int:
    """A time with a zone as milliseconds since the epoch, rounded."""
    microseconds = (time - EPOCH) // timedelta(microseconds=1)
    return -(-microseconds // 1000) if up else microseconds // 1000


@dataclass(frozen=True, slots=True)
class Record:
    """A row. Times are UTC, to the millisecond. An org is its own `org_id`."""

    id: str
    org_id: str
    created_at: datetime
    updated_at: datetime
    document: Document


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, without the key itself. `last` are its last four characters, by which its owner recognises
    it."""

    id: str
    org_id: str
    tag: KeyTag
    name: str
    last: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be sent. `receiver` is in a form that webhooks/ can read again. `body` is the text; it is
    stored as `shared` says, if that is given, and only until it is sent if the message is `passing`. With a
    `lease` (owner, until) only that owner sends it until then (milliseconds since the epoch)."""

    id: str
    type: str
    host: str
    receiver: Document
    body: str
    lease: tuple[str, int] | None = None
    passing: bool = False
    shared: Shared | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message of the outbox. Times are milliseconds since the epoch. `receiver` is as webhooks/ wrote it.
    `body` is there if a single message was asked for, and is empty once it is not stored any more."""

    position: int
    id: str
    org_id: str
    call_id: str
    type: str
    host: str
    receiver: Document
    created_at: int
    queued_at: int
    attempts: int
    next_attempt_at: int
    delivered_at: int | None
    abandoned_at: int | None
    last_status: int | None
    last_error: str | None
    body: str | None = None

    @property
    def state(self) -> OutboxState:
        if self.delivered_at is not None:
            return "delivered"
        return "pending" if self.abandoned_at is None else "abandoned"
