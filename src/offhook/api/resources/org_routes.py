"""`/org`: the key's own org (vapi-wire §10). Its server is the last resort, after tool, assistant and
number."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.http.work import Work, private
from offhook.api.openapi.operation import ApiRoute, Operations, gives, list_of, type_of
from offhook.api.resources.references import check_named
from offhook.api.resources.resource import missing, resource
from offhook.api.wire_type import Wire
from offhook.json_document import ResourceDocument
from offhook.schema.base import document
from offhook.schema.org import Org, UpdateOrgDTO
from offhook.schema.server import normalise_server, show_server
from offhook.store import Record

_UPDATE: Final = Wire(UpdateOrgDTO)
_SHOWN: Final = Wire(Org)


def _answer(record: Record) -> dict[str, Any]:
    shown = resource(record, show_server(record.document))
    del shown["orgId"]  # an org belongs to none
    return shown


async def _own(work: Work, identity: str, *, to_change: bool = False) -> Record:
    record = await work.tx.orgs.get(work.org_id, to_change=to_change)
    if identity != work.org_id or record is None:
        raise missing("org", identity)
    return record


async def _changed(work: Work, stored: ResourceDocument, given: ResourceDocument) -> dict[str, Any]:
    org = _UPDATE.parse(given)
    await check_named(work, org, given)
    return {**stored, **normalise_server(document(org), stored)}


def routes() -> list[ApiRoute]:
    orgs = Operations("Orgs", "OrgController")
    shown = gives(type_of(_SHOWN))

    @orgs.serve("GET", "/org", "findAll", "List Own Org", gives(list_of(_SHOWN)))
    async def find_all(request: Request) -> Response:
        async with private(request) as work:
            record = await _own(work, work.org_id)
        return JSONResponse([_answer(record)])

    @orgs.serve("GET", "/org/{id}", "findOne", "Get Own Org", shown)
    async def find_one(request: Request) -> Response:
        async with private(request) as work:
            record = await _own(work, request.path_params["id"])
        return JSONResponse(_answer(record))

    @orgs.serve("PATCH", "/org/{id}", "update", "Update Own Org", shown, takes=type_of(_UPDATE))
    async def update(request: Request) -> Response:
        identity = request.path_params["id"]

        async def changed(work: Work, to_change: bool = False) -> dict[str, Any]:
            stored = await _own(work, identity, to_change=to_change)
            return await _changed(work, stored.document, work.object())

        async with private(request, changed) as work:
            record = await work.tx.orgs.replace(identity, await changed(work, True))
            if record is None:
                raise missing("org", identity)
        return JSONResponse(_answer(record))

    return orgs.routes
