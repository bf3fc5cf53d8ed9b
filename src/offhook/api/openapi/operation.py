"""Starlette's routes, each with what `/openapi.json` says of it (`Operation`).

Schemas here are JSON in which a wire type stands as `{TYPE: wire}`. `openapi_document.py` replaces it by a
reference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.api.wire_type import Wire
from offhook.schema.base import Model

Json = dict[str, Any]
Responses = dict[int, Json]
"""OpenAPI's, by status."""
Endpoint = Callable[[Request], Awaitable[Response]]

TYPE: Final = "x-type"
CHANGES: Final = "x-changes"

_WRONG_BODY: Final = (400, 408, 413, 415)
_UNREAD_BODY: Final = (408, 413)
_UNAVAILABLE: Final = 503


class ErrorEnvelope(Model):
    """The answer to every error. `message` is a list of sentences if a body or a query is wrong."""

    message: str | list[str]
    error: str
    status_code: int


ERROR: Final = Wire(ErrorEnvelope)


def type_of(wire: Wire) -> Json:
    return {TYPE: wire}


def changes_of(wire: Wire) -> Json:
    """The type of a PATCH: that of the POST, with no required property."""
    return {TYPE: wire, CHANGES: True}


def list_of(wire: Wire) -> Json:
    return {"type": "array", "items": type_of(wire)}


@dataclass(frozen=True, slots=True)
class Operation:
    """`id` and `tag` are the API's own, so that a generated client has its names. `mistakes` are the statuses
    that come with an ErrorEnvelope."""

    id: str
    tag: str
    summary: str
    answers: Responses
    takes: Json | None
    parameters: tuple[Json, ...]
    mistakes: frozenset[int]
    needs_key: bool


class ApiRoute(Route):
    """One method of one path. GET answers HEAD too (RFC 9110 §9.3.2)."""

    def __init__(self, method: str, path: str, endpoint: Endpoint, operation: Operation | None) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        self.operation = operation


class Operations:
    """The routes for one resource. `tag` is their heading; their ids begin with `controller`."""

    def __init__(self, tag: str, controller: str) -> None:
        self.tag = tag
        self.controller = controller
        self.routes: list[ApiRoute] = []

    def serve(
        self,
        method: str,
        path: str,
        action: str,
        summary: str,
        answers: Responses,
        *,
        takes: Json | None = None,
        parameters: Iterable[Json] = (),
        mistakes: Collection[int] = (),
        needs_key: bool = True,
    ) -> Callable[[Endpoint], Endpoint]:
        """A decorator. `takes` is the JSON schema of the body. Statuses other than those of `answers` follow
        from the route; `mistakes` are those that do not."""
        if takes is not None and TYPE in takes:
            takes[TYPE].build()
        described = tuple(parameters)
        follow = _mistakes(method, path, takes, described) if needs_key else set()
        operation = Operation(
            id=f"{self.controller}_{action}",
            tag=self.tag,
            summary=summary,
            answers=answers,
            takes=takes,
            parameters=described,
            mistakes=frozenset({*mistakes, *follow}),
            needs_key=needs_key,
        )

        def add(endpoint: Endpoint) -> Endpoint:
            self.routes.append(ApiRoute(method, path, endpoint, operation))
            return endpoint

        return add


def gives(schema: Json, status: int = 200, content_type: str = "application/json") -> Responses:
    """The one answer that is no error."""
    content = {content_type: {"schema": schema}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content}}


REDIRECTS: Final[Responses] = {
    302: {
        "description": "Where it is",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri-reference"}}},
    }
}
REFUSES: Final[Responses] = {}
"""Every answer is an error."""


def _mistakes(method: str, path: str, takes: Json | None, parameters: Collection[Json]) -> set[int]:
    """The errors that any operation of this shape may answer."""
    found = {401, _UNAVAILABLE}
    if "{" in path:
        found.add(404)
    if parameters:
        found.add(400)
    if takes is not None:
        found.update(_WRONG_BODY)
    elif method != "GET":
        found.update(_UNREAD_BODY)
    return found
