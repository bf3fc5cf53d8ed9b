"""`/call/{id}/control` and `/call/{id}/end`: a call that goes on is steered, or hung up (vapi-wire §8.3)."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.http import body
from offhook.api.http.api_errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    Unauthorized,
    Unavailable,
)
from offhook.api.http.work import Work, bearer, org_of_key, private
from offhook.api.openapi.operation import ApiRoute, Operations, gives, type_of
from offhook.api.resources.call_routes import answer, one_call, refuse_another_nodes
from offhook.api.resources.references import check_named
from offhook.api.services import Services
from offhook.api.wire_type import Wire
from offhook.schema.base import Model, document
from offhook.schema.calls.call import Call
from offhook.schema.calls.control import (
    ClientInboundMessageAddMessage,
    ClientInboundMessageHandoff,
    ClientInboundMessageSay,
    ClientInboundMessageTransfer,
    ControlMessage,
)
from offhook.schema.calls.monitored_call import MonitoredCall

HANG_UP_SECONDS: Final = 20.0
CONTROL_SECONDS: Final = 35.0
"""For another assistant to be found, with its engines ready."""

NOT_LIVE: Final = "There is no call with this id that goes on."
NOT_ALLOWED: Final = "The assistant's monitorPlan does not let its calls be steered."
WITHOUT_KEY: Final = frozenset({"private", "public"})

_CONTROL: Final = Wire(ControlMessage)
_CALL: Final = Wire(Call)


class ControlTaken(Model):
    """The call has taken the message."""

    id: str
    type: str


_TAKEN: Final = Wire(ControlTaken)
_log = logging.getLogger(__name__)


def routes() -> list[ApiRoute]:
    live = Operations("Calls", "CallLiveController")

    @live.serve(
        "POST",
        "/call/{id}/control",
        "control",
        "Steer a call that goes on",
        gives(type_of(_TAKEN)),
        takes=type_of(_CONTROL),
        mistakes=(400, 401, 403, 404, 408, 409, 413, 415, 503),
        needs_key=False,
    )
    async def control(request: Request) -> Response:
        services: Services = request.app.state.services
        identity = request.path_params["id"]
        call = await monitored(services, identity)
        if not call.controls:
            raise Forbidden(NOT_ALLOWED)
        if call.control_key:
            await require_key(request, call.org_id)
        message = await _message(request, services, call.org_id)
        await _hand_on(services, identity, message)
        _log.info("call=%s %s by its control URL", identity, document(message)["type"])
        return JSONResponse({"id": identity, "type": document(message)["type"]})

    @live.serve(
        "POST",
        "/call/{id}/end",
        "end",
        "Hang up, and erase nothing",
        gives(type_of(_CALL)),
        mistakes=(400,),
    )
    async def end(request: Request) -> Response:
        services: Services = request.app.state.services
        identity = request.path_params["id"]
        async with private(request, writes=False) as work:
            call = await one_call(work, identity)
            if call.document.get("status") != "ended":
                await refuse_another_nodes(work, services.node, call)
        try:
            async with asyncio.timeout(HANG_UP_SECONDS):
                await services.live.end_call(identity)
        except (TimeoutError, ConnectionError):
            raise Unavailable("the call could not be ended; try again") from None
        async with services.database.reading() as tx:
            ended = await tx.calls.get(call.org_id, identity)
        if ended is None:
            raise NotFound(NOT_LIVE)
        return answer(ended)

    return live.routes


async def monitored(services: Services, call_id: str) -> MonitoredCall:
    """A call that goes on at this node. Raises NotFound, Unavailable."""
    try:
        call = await services.live.monitored(call_id)
    except ConnectionError:
        raise Unavailable("the call cannot be reached; try again", {"Retry-After": "1"}) from None
    if call is None:
        raise await not_here(services, call_id)
    return call


async def not_here(services: Services, call_id: str) -> NotFound | Conflict:
    """Calls are steered where they are: another node's are not reached from here."""
    if "\0" not in call_id:
        async with services.database.reading() as tx:
            call, holder = await tx.calls.find(call_id), await tx.calls.node_of(call_id)
        if (
            call is not None
            and call.document.get("status") != "ended"
            and holder not in (None, services.node)
        ):
            return Conflict("The call goes on at another node: ask there.")
    return NotFound(NOT_LIVE)


async def require_key(request: Request, org_id: str) -> None:
    """Raises Unauthorized for who has no key of the org's, be it a public one."""
    services: Services = request.app.state.services
    async with services.database.reading() as tx:
        if await org_of_key(tx, bearer(request), WITHOUT_KEY) != org_id:
            raise Unauthorized


async def _message(request: Request, services: Services, org_id: str) -> BaseModel:
    """The body, once all that can be wrong with it was looked for. Raises BadRequest."""
    raw = await body.read(request)
    async with services.database.reading() as tx:
        work = Work(services, tx, org_id, raw, request.headers.get("content-type", ""))
        wanted = _CONTROL.parse(work.object())
        given = document(wanted)
        await check_named(work, wanted, given)
    _check(wanted)
    return wanted


def _check(wanted: BaseModel) -> None:
    """What the types let be left out. Raises BadRequest."""
    if isinstance(wanted, ClientInboundMessageSay):
        if not (wanted.content or "").strip() and not wanted.end_call_after_spoken:
            raise BadRequest(["content should not be empty"])
    elif isinstance(wanted, ClientInboundMessageAddMessage):
        if wanted.message.role in ("tool", "function"):
            raise BadRequest(["message.role must be system, user or assistant: no tool was called"])
    elif isinstance(wanted, ClientInboundMessageTransfer):
        if wanted.destination is None:
            raise BadRequest(["destination should not be empty"])
    elif isinstance(wanted, ClientInboundMessageHandoff):
        named = wanted.destination
        if named.assistant is None and not named.assistant_id and not named.assistant_name:
            raise BadRequest(["destination must have one of assistant, assistantId and assistantName"])


async def _hand_on(services: Services, call_id: str, message: BaseModel) -> None:
    """Raises NotFound for a call that has ended meanwhile, Conflict for one that does not take it now."""
    try:
        async with asyncio.timeout(CONTROL_SECONDS):
            refused = await services.live.control(call_id, message)
    except (TimeoutError, ConnectionError):
        raise Unavailable("the call did not answer; whether it took the message is not known") from None
    if refused is None:
        raise NotFound(NOT_LIVE)
    if refused:
        raise Conflict(refused)
