"""The HTTP API: all routes behind one boundary."""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from offhook import __version__
from offhook.api import (
    assistant,
    call,
    credential,
    documentation,
    health,
    openapi,
    org,
    phone_number,
    recording,
    squad,
    tool,
    unserved,
    webhook,
)
from offhook.api.boundary import Boundary
from offhook.api.errors import ApiError, envelope
from offhook.api.services import Services
from offhook.store import StoreError

ROOMS: Final = (
    assistant,
    phone_number,
    squad,
    tool,
    credential,
    call,
    recording,
    org,
    webhook,
    health,
    documentation,
    unserved,
)

_log = logging.getLogger(__name__)


def create_app(services: Services) -> FastAPI:
    """The ASGI application. Opens and closes nothing of `services`: whoever built them does."""
    app = FastAPI(
        title="Offhook",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.services = services
    app.add_middleware(Boundary, new_request_id=lambda: f"{services.rng.getrandbits(64):016x}")
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(StoreError, _store_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _query_error)
    routers = [room.router() for room in ROOMS]
    for router in routers:
        router.routes += [_head_of(route) for route in router.routes if _answers(route, "GET")]
        app.include_router(router)
    app.router.default = _without_slash(app.router)
    app.state.routes = [route for router in routers for route in router.routes]
    return app


def _answers(route: BaseRoute, method: str) -> bool:
    return isinstance(route, APIRoute) and method in (route.methods or ())


def _head_of(route: BaseRoute) -> APIRoute:
    """HEAD is GET without its body, which the server leaves out (RFC 9110 §9.3.2)."""
    assert isinstance(route, APIRoute)
    return APIRoute(
        route.path, route.endpoint, methods=["HEAD"], response_model=None, include_in_schema=False
    )


def _without_slash(router: APIRouter) -> ASGIApp:
    """What is asked when no route fits: the same path without slashes at its end, as in the original."""

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
    """A path or method that is not served, in the words of the original's framework."""
    assert isinstance(problem, HTTPException)
    if problem.status_code not in (404, 405):
        return envelope(problem.status_code, str(problem.detail), problem.headers)
    message = f"Cannot {request.method} {request.url.path[:200]}"
    return envelope(problem.status_code, message, _allowed(request) if problem.status_code == 405 else None)


def _allowed(request: Request) -> dict[str, str]:
    """All that is served at a path, not only by the first of its routes (RFC 9110 §10.2.1)."""
    path = {**request.scope, "path": request.url.path.rstrip("/")}
    fitting = [route for route in request.app.state.routes if route.matches(path)[0] is not Match.NONE]
    return {"Allow": ", ".join(sorted({method for route in fitting for method in route.methods}))}


async def _query_error(_: Request, problem: Exception) -> JSONResponse:
    """Only the routes outside the wire types have their query checked by the framework."""
    assert isinstance(problem, RequestValidationError)
    errors: list[dict[str, Any]] = list(problem.errors())
    return envelope(400, [f"{error['loc'][-1]}: {error['msg']}" for error in errors])
