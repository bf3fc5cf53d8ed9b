"""`/webhook`: messages to the org's servers, as they wait, arrive or are given up. Offhook's own addition.

Only messages that need no answer are here; the others were asked once, while a caller waited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.http.api_errors import BadRequest
from offhook.api.http.work import Work, private
from offhook.api.openapi.operation import ApiRoute, Operations, gives, list_of, type_of
from offhook.api.resources.paging import described_filters, parse_filters
from offhook.api.resources.resource import missing
from offhook.api.services import Services
from offhook.api.wire_type import Wire
from offhook.schema.base import JsonObject, Model, Timestamp
from offhook.store import OutboxState
from offhook.webhooks import shown

STATES: Final[tuple[OutboxState, ...]] = get_args(OutboxState)
CALL: Final = "callId"
FILTERS: Final[Mapping[str, tuple[str, ...]]] = {"state": STATES, CALL: ()}


class Webhook(Model):
    """A message on its way. `id` is its `webhook-id`, the same over all attempts; `url` the server's,
    without a query. `lastStatus`, `lastError`: what became of the latest attempt. `message` is shown one
    at a time."""

    id: str
    org_id: str
    call_id: str
    type: str
    state: OutboxState
    url: str
    attempts: int
    created_at: Timestamp
    next_attempt_at: Timestamp | None = None
    delivered_at: Timestamp | None = None
    abandoned_at: Timestamp | None = None
    last_status: int | None = None
    last_error: str | None = None
    message: JsonObject | None = None


_SHOWN: Final = Wire(Webhook)


def routes() -> list[ApiRoute]:
    webhooks = Operations("Webhooks", "WebhookController")
    one = gives(type_of(_SHOWN))

    @webhooks.serve(
        "GET",
        "/webhook",
        "findAll",
        "List Webhooks",
        gives(list_of(_SHOWN)),
        parameters=described_filters(FILTERS),
    )
    async def find_all(request: Request) -> Response:
        limit, state, call_id = _query(request.query_params)
        async with private(request) as work:
            rows = await work.tx.outbox.list(work.org_id, state=state, call_id=call_id, limit=limit)
        return JSONResponse([shown(row) for row in rows])

    @webhooks.serve("GET", "/webhook/{id}", "findOne", "Get Webhook", one)
    async def find_one(request: Request) -> Response:
        identity = request.path_params["id"]
        async with private(request) as work:
            row = await work.tx.outbox.find(work.org_id, identity)
        if row is None:
            raise missing("webhook", identity)
        return JSONResponse(shown(row, whole=True))

    @webhooks.serve("POST", "/webhook/{id}/replay", "replay", "Send Webhook Again", one, mistakes=(400,))
    async def replay(request: Request) -> Response:
        identity = request.path_params["id"]
        services: Services = request.app.state.services

        async def whole(work: Work) -> None:
            found = await work.tx.outbox.find(work.org_id, identity)
            if found is None:
                raise missing("webhook", identity)
            if not found.body:
                raise BadRequest("what the message said is kept no more, so it cannot be sent again")

        async with private(request, whole) as work:
            work.tx.after_commit(services.live.deliver)
            row = await work.tx.outbox.replay(work.org_id, identity)
            if row is None:
                raise BadRequest("the message is still on its way")
        return JSONResponse(shown(row, whole=True))

    return webhooks.routes


def _query(given: QueryParams) -> tuple[int, OutboxState | None, str | None]:
    query = parse_filters(given, FILTERS)
    wanted = query.equal.get("state")
    state = next((one for one in STATES if one == wanted), None)
    if wanted is not None and state is None:
        raise BadRequest([f"state must be one of the following values: {', '.join(STATES)}"])
    return query.limit, state, query.equal.get(CALL)
