"""Messages as their owner sees them: in the API and on the command line."""

from __future__ import annotations

import json
from typing import Any

from offhook.schema.base import format_timestamp
from offhook.schema.written import Written
from offhook.store import OutboxRow, moment


class StoredMessageDocument(Written):
    """Of the outbox."""

    id: str
    org_id: str
    call_id: str
    type: str
    state: str
    url: str
    attempts: int
    created_at: str | None
    next_attempt_at: str | None
    delivered_at: str | None
    abandoned_at: str | None
    last_status: int | None
    last_error: str | None


def shown(row: OutboxRow, *, whole: bool = False) -> dict[str, Any]:
    """A message as its owner sees it, without what it is signed with. `whole`: with its body, if the body is
    still stored."""
    document = StoredMessageDocument(
        id=row.id,
        org_id=row.org_id,
        call_id=row.call_id,
        type=row.type,
        state=row.state,
        url=_without_secrets(str(row.receiver.get("url", ""))),
        attempts=row.attempts,
        created_at=_time(row.created_at),
        next_attempt_at=_time(row.next_attempt_at) if row.state == "pending" else None,
        delivered_at=_time(row.delivered_at),
        abandoned_at=_time(row.abandoned_at),
        last_status=row.last_status,
        last_error=row.last_error,
    ).document()
    if whole and row.body:
        document["message"] = json.loads(row.body)["message"]
    return document


def _without_secrets(url: str) -> str:
    """The URL without user, password and query, where receivers keep their tokens."""
    bare = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_timestamp(moment(milliseconds))
