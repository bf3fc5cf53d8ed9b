"""The HTTP API: all routes behind one boundary."""

from __future__ import annotations

import logging
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from offhook.api.http.api_errors import ApiError, envelope
from offhook.api.http.boundary import Boundary
from offhook.api.openapi import documentation
from offhook.api.resources import (
    assistant_routes,
    call_routes,
    control_routes,
    credential_routes,
    event_routes,
    health_routes,
    org_routes,
    phone_number_routes,
    recording_routes,
    squad_routes,
    tool_routes,
    unserved,
    webhook_routes,
)
from offhook.api.services import Services
from offhook.store import StoreError

ROOMS: Final = (
    assistant_routes,
    phone_number_routes,
    squad_routes,
    tool_routes,
    credential_routes,
    call_routes,
    control_routes,
    event_routes,
    recording_routes,
    org_routes,
    webhook_routes,
    health_routes,
    documentation,
    unserved,
)

_log = logging.getLogger(__name__)


def create_app(services: Services) -> Starlette:
    """The ASGI application. It neither opens nor closes anything of `services`; whoever built them does."""
    app = Starlette(
        routes=[route for room in ROOMS for route in room.routes()],
        middleware=[Middleware(Boundary, new_request_id=lambda: f"{services.rng.getrandbits(64):016x}")],
        exception_handlers={
            ApiError: _api_error,
            StoreError: _store_error,
            HTTPException: _http_error,
        },
    )
    app.state.services = services
    app.router.redirect_slashes = False
    app.router.default = _without_slash(app.router)
    return app


def _without_slash(router: Router) -> ASGIApp:
    """Runs if no route fits: tries the same path without slashes at its end, as the original does."""

    async def again(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].rstrip("/")
        if scope["type"] == "http" and path and path != scope["path"]:
            await router({**scope, "path": path}, receive, send)
        else:
            await router.not_found(scope, receive, send)

    return again


async def _api_error(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiError)
    return envelope(problem.status, problem.message, problem.headers)


async def _store_error(request: Request, problem: Exception) -> Response:
    _log.error("%s %s: %s", request.method, request.url.path, problem)
    return envelope(503, "The database is not available; try again.", {"Retry-After": "1"})


async def _http_error(request: Request, problem: Exception) -> Response:
    """The answer for a path or method that is not served, in the words of the original's framework."""
    assert isinstance(problem, HTTPException)
    if problem.status_code not in (404, 405):
        return envelope(problem.status_code, str(problem.detail), problem.headers)
    message = f"Cannot {request.method} {request.url.path[:200]}"
    return envelope(problem.status_code, message, _allowed(request) if problem.status_code == 405 else None)


def _allowed(request: Request) -> dict[str, str]:
    """All methods that are served at a path, not only those of its first route (RFC 9110 §10.2.1)."""
    path = {**request.scope, "path": request.url.path.rstrip("/")}
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    fitting = [route for route in routes if route.matches(path)[0] is not Match.NONE]
    return {"Allow": ", ".join(sorted({method for route in fitting for method in route.methods or ()}))}
