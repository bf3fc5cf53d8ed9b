"""`/tool` (wire-facts §6). A tool's `type` decides which properties it may have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter
from pydantic import create_model

from offhook.api.errors import BadRequest
from offhook.api.resource import Document, Kind, crud
from offhook.api.wire import Wire
from offhook.api.work import Work
from offhook.schema.base import Resource
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
    return _WHOLE.document({**(stored.document if stored else {}), **given})


async def check_tools(work: Work, assistant: Mapping[str, Any], where: str = "") -> None:
    """The stored tools that an assistant's model names are the org's own. Raises BadRequest, which the
    original's own words for this are not known of. `where`: what stands before `model` in a complaint."""
    model = assistant.get("model") or {}
    named = [("toolIds", tool_id) for tool_id in model.get("toolIds") or ()]
    named += [("toolRefs", reference["toolId"]) for reference in model.get("toolRefs") or ()]
    for name, tool_id in named:
        if await work.tx.tools.get(work.org_id, tool_id) is None:
            raise BadRequest(f"{where}model.{name}: {tool_id[:100]} does not exist")


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
        )
    )
