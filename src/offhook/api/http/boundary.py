"""The outermost layer: every request gets an id, every failure an envelope and one line in the log. Answers
are sent in pieces. An answer that does not wait for the request's body ends the connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from offhook.api.http.api_errors import envelope

PIECE: Final = 65_536
"""Bytes given to the server at a time. It waits until the client has read them before it takes more."""

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
        is_body_coming = _has_body(scope)

        async def receive_noting() -> Message:
            nonlocal is_body_coming
            message = await receive()
            is_body_coming = is_body_coming and message.get("more_body", False)
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                if is_body_coming:  # and nobody wants it any more
                    message["headers"].append((b"connection", b"close"))
            await _send_in_pieces(message, send)

        try:
            await self._app(scope, receive_noting, send_with_id)
        except Exception:
            _log.exception("request=%s %s %s failed", request_id, scope["method"], scope["path"])
            if not started:
                answer = envelope(500, "Internal server error")
                await answer(scope, receive, send_with_id)


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" 0"))
        for name, value in scope["headers"]
    )


async def _send_in_pieces(message: Message, send: Send) -> None:
    body = message.get("body", b"")
    last = max(0, len(body) - 1) // PIECE * PIECE
    for start in range(0, last, PIECE):
        await send({"type": message["type"], "body": body[start : start + PIECE], "more_body": True})
    await send({**message, "body": body[last:]} if last else message)
