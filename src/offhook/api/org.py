"""`/org`: the key's own org (vapi-wire §10). Its server comes last, after tool, assistant and number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.openapi import described, list_of, place
from offhook.api.references import check_references
from offhook.api.resource import missing, resource
from offhook.api.urls import check_urls
from offhook.api.wire import Wire
from offhook.api.work import Work, private
from offhook.schema.base import document
from offhook.schema.org import Org, UpdateOrgDTO
from offhook.schema.server import normalise_server, show_server
from offhook.store import Record

_UPDATE: Final = Wire("UpdateOrgDTO", UpdateOrgDTO)
_SHOWN: Final = Wire("Org", Org)


def _answer(record: Record) -> dict[str, Any]:
    shown = resource(record, show_server(record.document))
    del shown["orgId"]  # an org belongs to none
    return shown


async def _own(work: Work, identity: str, *, to_change: bool = False) -> Record:
    record = await work.tx.orgs.get(work.org_id, to_change=to_change)
    if identity != work.org_id or record is None:
        raise missing("org", identity)
    return record


async def _changed(work: Work, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    org = _UPDATE.parse(given)
    check_urls(work, org, given)
    await check_references(work, org, given)
    return {**stored, **normalise_server(document(org), stored)}


def router() -> APIRouter:
    routes = APIRouter(tags=["org"])
    shown = place(_SHOWN)

    @routes.get("/org", **described("List own org", list_of(_SHOWN)))
    async def list_all(request: Request) -> Response:
        async with private(request) as work:
            record = await _own(work, work.org_id)
        return JSONResponse([_answer(record)])

    @routes.get("/org/{identity}", **described("Read own org", shown))
    async def read(request: Request, identity: str) -> Response:
        async with private(request) as work:
            record = await _own(work, identity)
        return JSONResponse(_answer(record))

    @routes.patch("/org/{identity}", **described("Change own org", shown, request=_UPDATE))
    async def change(request: Request, identity: str) -> Response:
        async def changed(work: Work, to_change: bool = False) -> dict[str, Any]:
            stored = await _own(work, identity, to_change=to_change)
            return await _changed(work, stored.document, work.object())

        async with private(request, changed) as work:
            record = await work.tx.orgs.replace(identity, await changed(work, True))
            if record is None:
                raise missing("org", identity)
        return JSONResponse(_answer(record))

    return routes
