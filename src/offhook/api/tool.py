"""`/tool` (wire-facts §6). A tool's `type` decides which properties it may have."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter
from pydantic import create_model

from offhook.api.errors import BadRequest
from offhook.api.references import check_references
from offhook.api.resource import Document, Kind, crud
from offhook.api.secrets import without_keys
from offhook.api.wire import Wire
from offhook.api.work import Work
from offhook.schema.base import Resource, document
from offhook.schema.tool import Tool
from offhook.store import Record

_WHOLE: Final = Wire("Tool", Tool)


def _shown() -> Any:
    """The same union, each type with what every resource has."""
    union, discriminator = get_args(Tool)
    shown = (create_model(f"Shown{tool.__name__}", __base__=(tool, Resource)) for tool in get_args(union))
    return Annotated[reduce(or_, shown), discriminator]


_SHOWN: Final = Wire("ShownTool", _shown())


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    if stored and given.get("type", stored.document["type"]) != stored.document["type"]:
        raise BadRequest("the type of a tool cannot change: create another one")
    tool = _WHOLE.parse({**(stored.document if stored else {}), **given})
    await check_references(work, tool, given)
    return document(tool)


def router() -> APIRouter:
    return crud(
        Kind(
            path="/tool",
            noun="tool",
            created=_WHOLE,
            changed=_WHOLE,
            shown=_SHOWN,
            repository=lambda tx: tx.tools,
            compose=compose,
            show=without_keys,
        )
    )
