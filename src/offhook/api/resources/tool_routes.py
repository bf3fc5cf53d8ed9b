"""`/tool` (vapi-wire §6). A tool's `type` decides which properties it may have."""

from __future__ import annotations

from typing import Final

from offhook.api.http.api_errors import BadRequest
from offhook.api.http.work import Work
from offhook.api.openapi.operation import ApiRoute
from offhook.api.resources.resource import Document, Kind, composed, crud, with_resource
from offhook.api.wire_type import Wire
from offhook.schema.assistants.model import with_model_names
from offhook.schema.secrets import without_keys
from offhook.schema.tools.tool import Tool
from offhook.store import Record

_WHOLE: Final = Wire(Tool)


_SHOWN: Final = Wire(with_resource(Tool))


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    if stored and given.get("type", stored.document["type"]) != stored.document["type"]:
        raise BadRequest("the type of a tool cannot change: create another one")
    return await composed(work, _WHOLE, given, stored)


def routes() -> list[ApiRoute]:
    return crud(
        Kind(
            path="/tool",
            noun="tool",
            title="Tool",
            controller="ToolController",
            created=_WHOLE,
            shown=_SHOWN,
            repository=lambda tx: tx.tools,
            compose=compose,
            show=lambda stored: with_model_names(without_keys(stored)),
        )
    ).routes
