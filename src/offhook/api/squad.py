"""`/squad` (vapi-wire §7)."""

from __future__ import annotations

from typing import Final

from offhook.api.operation import ApiRoute
from offhook.api.references import check_references
from offhook.api.resource import Document, Kind, crud
from offhook.api.secrets import without_keys
from offhook.api.urls import check_urls
from offhook.api.wire import Wire
from offhook.api.work import Work
from offhook.schema.base import document
from offhook.schema.model import with_model_names
from offhook.schema.squad import Squad, StoredSquad
from offhook.store import Record

_WHOLE: Final = Wire(Squad)


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    squad = _WHOLE.parse({**(stored.document if stored else {}), **given})
    check_urls(work, squad, given)
    await check_references(work, squad, given)
    return document(squad)


def routes() -> list[ApiRoute]:
    return crud(
        Kind(
            path="/squad",
            noun="squad",
            title="Squad",
            controller="SquadController",
            created=_WHOLE,
            shown=Wire(StoredSquad),
            repository=lambda tx: tx.squads,
            compose=compose,
            show=lambda stored: with_model_names(without_keys(stored)),
            ids="idAny",
        )
    ).routes
