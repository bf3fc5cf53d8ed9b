"""`/assistant` (vapi-wire §5). The whole document is stored and shown as it was given.

An assistant may be deleted while numbers name it, as in the original: the original's 409 is about pinned
versions, and Offhook has no versions. Calls of such a number end with `assistant-not-found`."""

from __future__ import annotations

from typing import Final

from offhook.api.http.work import Work
from offhook.api.openapi.operation import ApiRoute
from offhook.api.resources.engine_warnings import engine_warnings
from offhook.api.resources.references import check_named
from offhook.api.resources.resource import Document, Kind, crud
from offhook.api.wire_type import Wire
from offhook.json_document import ResourceDocument
from offhook.schema.assistants.assistant import Assistant, StoredAssistant
from offhook.schema.assistants.model import with_model_names
from offhook.schema.base import document
from offhook.schema.secrets import without_keys
from offhook.schema.server import normalise_server, show_secret_set, show_server
from offhook.store import Record

_WHOLE: Final = Wire(Assistant)


def show(stored: ResourceDocument) -> Document:
    """The stored assistant with both spellings of its server, without the keys in its credentials."""
    shown = with_model_names(without_keys(show_server(stored)))
    return show_secret_set(shown, stored)


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    assistant = _WHOLE.parse(given)
    await check_named(work, assistant, given)
    before = stored.document if stored else {}
    return {**before, **normalise_server(document(assistant), before)}


def routes() -> list[ApiRoute]:
    return crud(
        Kind(
            path="/assistant",
            noun="assistant",
            title="Assistant",
            controller="AssistantController",
            created=_WHOLE,
            shown=Wire(StoredAssistant),
            repository=lambda tx: tx.assistants,
            compose=compose,
            show=show,
            warn=lambda work, stored: engine_warnings(work, [stored]),
        )
    ).routes
