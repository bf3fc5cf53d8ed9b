"""`/call/{id}/events`: what happens in a call, while it goes on. Offhook's own; the original has none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from offhook.api.http.api_errors import TooManyRequests, Unavailable
from offhook.api.http.server_sent_events import Feed, ServerSentEvents
from offhook.api.http.work import private
from offhook.api.openapi.operation import ApiRoute, Operations, gives
from offhook.api.resources.call_routes import one_call, shown_call
from offhook.api.resources.control_routes import not_here
from offhook.api.services import Services
from offhook.schema.calls.call_watcher import CallEvent

MOST_LISTENERS: Final = 100
MOST_LISTENERS_OF_ORG: Final = 50


class Listeners:
    """How many there are, by org."""

    def __init__(self) -> None:
        self._of_org: Counter[str] = Counter()

    def came(self, org_id: str) -> Callable[[], None]:
        """What it returns is to be called, once, when this one leaves. Raises TooManyRequests."""
        if self._of_org.total() >= MOST_LISTENERS or self._of_org[org_id] >= MOST_LISTENERS_OF_ORG:
            raise TooManyRequests("too many calls are being followed; end one first")
        self._of_org[org_id] += 1

        def left() -> None:
            self._of_org[org_id] -= 1
            if not self._of_org[org_id]:
                del self._of_org[org_id]

        return left


def routes() -> list[ApiRoute]:
    live = Operations("Calls", "CallLiveController")
    listeners = Listeners()

    @live.serve(
        "GET",
        "/call/{id}/events",
        "events",
        "Follow a call while it goes on",
        gives({"type": "string"}, content_type="text/event-stream"),
        mistakes=(409, 429),
    )
    async def events(request: Request) -> Response:
        services: Services = request.app.state.services
        async with private(request, writes=False) as work:
            call = await one_call(work, request.path_params["id"])
        left, feed = listeners.came(call.org_id), Feed()
        unwatch: Callable[[], None] | None = None

        def leave() -> None:
            left()
            if unwatch is not None:
                unwatch()

        try:
            if call.document.get("status") != "ended":
                unwatch = await _watch(services, call.id, feed)
            # It is read after what happens is told, so that nothing is missed in between.
            async with services.database.reading() as tx:
                call = await tx.calls.get(call.org_id, call.id) or call
            if unwatch is None:
                if call.document.get("status") != "ended":
                    raise await not_here(services, call.id)
                feed.take(None)
        except BaseException:
            leave()
            raise
        shown = {"type": "call", "call": shown_call(call)}
        return ServerSentEvents(CallEvent("call", json.dumps(shown)), feed, leave)

    return live.routes


async def _watch(services: Services, call_id: str, feed: Feed) -> Callable[[], None] | None:
    try:
        return await services.live.watch(call_id, feed.take)
    except ConnectionError:
        raise Unavailable("the call cannot be reached; try again", {"Retry-After": "1"}) from None
