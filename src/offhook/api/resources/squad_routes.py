"""`/squad` (vapi-wire §7)."""

from __future__ import annotations

from typing import Final

from offhook.api.http.work import Work
from offhook.api.openapi.operation import ApiRoute
from offhook.api.resources.engine_warnings import engine_warnings
from offhook.api.resources.resource import Document, Kind, composed, crud
from offhook.api.wire_type import Wire
from offhook.schema.assistants.model import with_model_names
from offhook.schema.assistants.squad import Squad, StoredSquad
from offhook.schema.secrets import without_keys
from offhook.store import Record

_WHOLE: Final = Wire(Squad)


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    return await composed(work, _WHOLE, given, stored)


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
            # Those that are named by id were looked at when they were stored.
            warn=lambda work, stored: engine_warnings(
                work, [one["assistant"] for one in stored["members"] if one.get("assistant")]
            ),
        )
    ).routes
