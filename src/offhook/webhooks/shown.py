"""Messages as their owner sees them: in the API and on the command line."""

from __future__ import annotations

import json
from typing import Any

from offhook.schema.base import format_timestamp
from offhook.store import OutboxRow, moment


def shown(row: OutboxRow, *, whole: bool = False) -> dict[str, Any]:
    """A message as its owner sees it, without what it is signed with. `whole`: with its body, if that is
    still kept."""
    document: dict[str, Any] = {
        "id": row.id,
        "orgId": row.org_id,
        "callId": row.call_id,
        "type": row.type,
        "state": row.state,
        "url": _without_secrets(str(row.receiver.get("url", ""))),
        "attempts": row.attempts,
        "createdAt": _time(row.created_at),
        "nextAttemptAt": _time(row.next_attempt_at) if row.state == "pending" else None,
        "deliveredAt": _time(row.delivered_at),
        "abandonedAt": _time(row.abandoned_at),
        "lastStatus": row.last_status,
        "lastError": row.last_error,
    }
    if whole and row.body:
        document["message"] = json.loads(row.body)["message"]
    return document


def _without_secrets(url: str) -> str:
    """Without user, password and query, in which receivers keep their tokens."""
    bare = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_timestamp(moment(milliseconds))
