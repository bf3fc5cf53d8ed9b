"""`/call`: what was said in a call and how it went (vapi-wire §8). Calls begin when a number is dialled;
`outbound_calls` answers those who want to start one over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from offhook.api.http.api_errors import BadRequest, NotFound, Unavailable
from offhook.api.http.work import Work, private
from offhook.api.openapi.operation import (
    REDIRECTS,
    ApiRoute,
    Operations,
    gives,
    list_of,
    type_of,
)
from offhook.api.resources import outbound_calls
from offhook.api.resources.paging import STATUS, described_list, parse_list
from offhook.api.resources.recording_routes import elsewhere, is_recorded
from offhook.api.resources.resource import found, json_response, listed, missing, resource
from offhook.api.services import Services
from offhook.api.wire_type import Wire
from offhook.json_document import ResourceDocument
from offhook.links import KINDS, RecordingKind
from offhook.media.recorded import erase
from offhook.schema.assistants.model import with_model_names
from offhook.schema.calls.call import Call, DeleteCallDTO, UpdateCallDTO
from offhook.schema.secrets import without_keys
from offhook.store import Record, StoreError

FILTERS: Final = ("id", "assistantId", "phoneNumberId", STATUS.name)
WRITTEN_OUT: Final = frozenset({"assistant", "assistantOverrides", "squad"})
HANG_UP_SECONDS: Final = 20.0


_UPDATE: Final = Wire(UpdateCallDTO)
_DELETE: Final = Wire(DeleteCallDTO)
_SHOWN: Final = Wire(Call)


def show(stored: ResourceDocument) -> dict[str, Any]:
    """The stored call, without keys that the assistants in it may have brought along."""
    return {
        name: with_model_names(without_keys(value)) if value and name in WRITTEN_OUT else value
        for name, value in stored.items()
    }


def shown_call(record: Record) -> ResourceDocument:
    """As its owner sees it."""
    return resource(record, show(record.document))


def answer(record: Record) -> Response:
    return JSONResponse(shown_call(record))


async def one_call(work: Work, identity: str, *, to_change: bool = False) -> Record:
    return await found(work, work.tx.calls, "call", identity, to_change=to_change)


def routes() -> list[ApiRoute]:
    calls = Operations("Calls", "CallController")
    shown = gives(type_of(_SHOWN))
    outbound_calls.add_to(calls)

    @calls.serve(
        "GET",
        "/call",
        "findAll",
        "List Calls",
        gives(list_of(_SHOWN)),
        parameters=described_list(FILTERS),
    )
    async def find_all(request: Request) -> Response:
        query = parse_list(request.query_params, FILTERS)
        async with private(request) as work:
            content = await listed(work, work.tx.calls, query, show)
        return json_response(content)

    @calls.serve("GET", "/call/{id}", "findOne", "Get Call", shown)
    async def find_one(request: Request) -> Response:
        async with private(request) as work:
            record = await one_call(work, request.path_params["id"])
        return answer(record)

    @calls.serve("PATCH", "/call/{id}", "update", "Name a call that has ended", shown, takes=type_of(_UPDATE))
    async def update(request: Request) -> Response:
        identity = request.path_params["id"]

        async def named(work: Work, to_change: bool = False) -> ResourceDocument:
            stored = await one_call(work, identity, to_change=to_change)
            given = _UPDATE.document(work.object())
            if stored.document.get("status") != "ended":
                raise BadRequest("a call can be named once it has ended")
            return {**stored.document, **given}

        async with private(request, named) as work:
            record = await work.tx.calls.replace(work.org_id, identity, await named(work, True))
            if record is None:
                raise missing("call", identity)
        return answer(record)

    @calls.serve(
        "DELETE",
        "/call/{id}",
        "deleteCallData",
        "Erase a call and its recordings",
        shown,
        mistakes=(400, 415),
    )
    async def delete_call_data(request: Request) -> Response:
        identity = request.path_params["id"]
        services: Services = request.app.state.services
        async with private(request, writes=False) as work:
            _refuse_many(work)
            call = await one_call(work, identity)
            await refuse_another_nodes(work, services.node, call)
        await _end(services, identity)
        await _erase_recordings(services, identity)
        async with services.database.transaction() as tx:
            await tx.outbox.erase(call.org_id, identity)
            record = await tx.calls.delete(call.org_id, identity)
        await services.live.forget(identity)
        with contextlib.suppress(StoreError):  # it is tried again
            await services.database.write_over()
        if record is None:
            raise missing("call", identity)
        return answer(record)

    return calls.routes + _recordings().routes


def _refuse_many(work: Work) -> None:
    if work.raw and _DELETE.document(work.object()).get("ids"):
        raise BadRequest("erasing many calls at once is not served by Offhook: DELETE each call by its id")


async def refuse_another_nodes(work: Work, node: str, call: Record) -> None:
    """A running call can be ended, and the recordings of a call erased, only by the node that has them, while
    that node is up."""
    holder = await work.tx.calls.node_of(call.id)
    touches = call.document.get("status") != "ended" or call.document.get("recordingUrl") is not None
    if holder not in (None, node) and touches and await work.tx.nodes.is_there(str(holder)):
        raise Unavailable(
            f"the call, or its recording, is with the node {holder}, which took it: ask there (this is"
            f" {node}; each names itself in the file `node` of its data folder). Nothing was done"
        )


async def _end(services: Services, call_id: str) -> None:
    """Hangs up a running call first, so that nothing is written after it is erased."""
    try:
        async with asyncio.timeout(HANG_UP_SECONDS):
            await services.live.end_call(call_id)
    except (TimeoutError, ConnectionError):
        raise Unavailable("the call could not be ended; nothing was erased, try again") from None


async def _erase_recordings(services: Services, call_id: str) -> None:
    try:
        await run_in_threadpool(erase, services.recordings, call_id)
    except OSError:
        raise Unavailable("the recordings could not be erased; the call was not deleted, try again") from None


def _recordings() -> Operations:
    """A route for each kind of recording, which redirects to the file."""
    artifacts = Operations("Calls", "CallArtifactController")
    for kind in KINDS:
        _add_recording(artifacts, kind)
    return artifacts


def _add_recording(artifacts: Operations, kind: RecordingKind) -> None:
    @artifacts.serve(
        "GET",
        f"/call/{{id}}/{kind}-recording",
        f"{kind}RecordingDownload",
        f"Redirect to the {kind} recording, for five minutes",
        REDIRECTS,
    )
    async def redirect(request: Request) -> Response:
        services: Services = request.app.state.services
        async with private(request) as work:
            record = await one_call(work, request.path_params["id"])
            node = await work.tx.calls.node_of(record.id)
        _require_recording(services, record, kind, node)
        return RedirectResponse(services.links.brief(record.id, kind), 302)


def _require_recording(services: Services, call: Record, kind: RecordingKind, node: str | None) -> None:
    if call.document.get("status") != "ended":
        raise NotFound("The recording is there once the call has ended.")
    if not is_recorded(services.recordings, call.id):
        raise elsewhere(services, node) or NotFound(f"This call has no {kind} recording.")
