"""The HTTP API: all routes behind one boundary."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

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
    webhook,
)
from offhook.api.boundary import Boundary
from offhook.api.errors import ApiError, envelope
from offhook.api.services import Services
from offhook.store import StoreError

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
    for room in (
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
    ):
        app.include_router(room.router())
    return app


async def _api_error(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiError)
    return envelope(problem.status, problem.message, problem.headers)


async def _store_error(request: Request, problem: Exception) -> Response:
    _log.error("%s %s: %s", request.method, request.url.path, problem)
    return envelope(503, "The database is not available; try again.", {"Retry-After": "1"})


async def _http_error(request: Request, problem: Exception) -> Response:
    """A path or method that is not served, in the words of the original's framework."""
    assert isinstance(problem, HTTPException)
    message = f"Cannot {request.method} {request.url.path[:200]}"
    if problem.status_code not in (404, 405):
        message = str(problem.detail)
    return envelope(problem.status_code, message, problem.headers)


async def _query_error(_: Request, problem: Exception) -> JSONResponse:
    """Only the routes outside the wire types have their query checked by the framework."""
    assert isinstance(problem, RequestValidationError)
    errors: list[dict[str, Any]] = list(problem.errors())
    return envelope(400, [f"{error['loc'][-1]}: {error['msg']}" for error in errors])
