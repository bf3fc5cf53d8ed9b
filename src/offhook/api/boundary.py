"""The outermost layer: every request gets an id, every failure an envelope and one line in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from offhook.api.errors import envelope

_log = logging.getLogger(__name__)


class Boundary:
    """ASGI middleware. The answer's `x-request-id` is the id that a failure is logged under."""

    def __init__(self, app: ASGIApp, new_request_id: Callable[[], str]) -> None:
        self._app = app
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._new_request_id()
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            _log.exception("request=%s %s %s failed", request_id, scope["method"], scope["path"])
            if not started:
                answer = envelope(500, "Internal server error")
                await answer(scope, receive, send_with_id)
