"""`/squad` (wire-facts §7)."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from offhook.api.resource import Document, Kind, check_reference, crud
from offhook.api.tool import check_tools
from offhook.api.wire import Wire
from offhook.api.work import Work
from offhook.schema.squad import Squad, StoredSquad
from offhook.store import Record

_WHOLE: Final = Wire("Squad", Squad)


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    document = _WHOLE.document({**(stored.document if stored else {}), **given})
    if "members" in given:
        for index, member in enumerate(document["members"]):
            await check_reference(work, member, "assistantId", work.tx.assistants)
            await check_tools(work, member.get("assistant") or {}, f"members.{index}.assistant.")
    return document


def router() -> APIRouter:
    return crud(
        Kind(
            path="/squad",
            noun="squad",
            created=_WHOLE,
            changed=_WHOLE,
            shown=Wire("StoredSquad", StoredSquad),
            repository=lambda tx: tx.squads,
            compose=compose,
        )
    )
