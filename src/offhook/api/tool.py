"""`/tool` (wire-facts §6). A tool's `type` decides which properties it may have."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from offhook.api.resource import Document, Kind, crud
from offhook.api.wire import Wire
from offhook.api.work import Work
from offhook.schema.tool import Tool
from offhook.store import Record

_WHOLE: Final = Wire("Tool", Tool)


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    return _WHOLE.document({**(stored.document if stored else {}), **given})


def router() -> APIRouter:
    return crud(
        Kind(
            path="/tool",
            noun="tool",
            created=_WHOLE,
            changed=_WHOLE,
            shown=_WHOLE,
            repository=lambda tx: tx.tools,
            compose=compose,
        )
    )
