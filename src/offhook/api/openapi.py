"""The OpenAPI document: FastAPI knows the routes, the wire types describe the bodies.

Bodies are checked by `Wire.document`, not by FastAPI, so that mistakes are answered in the API's own words;
here each route says which type that is, and the document refers to it by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from offhook import __version__
from offhook.api.secrets import is_secret
from offhook.api.wire import Wire
from offhook.schema import credential
from offhook.schema.base import Model

Json = dict[str, Any]

_PLACE: Final = "x-wire-type"
_MODE: Final = "validation"


class ErrorEnvelope(Model):
    """The answer to every mistake."""

    message: str | list[str]
    error: str
    status_code: int


class PageMetadata(Model):
    """What stands beside one page of results."""

    items_per_page: int
    total_items: int
    current_page: int
    total_pages: int
    has_next_page: bool
    next_cursor: str | None = None
    sort_order: str
    items_beyond_retention: bool


_ERROR: Final = Wire("ErrorEnvelope", ErrorEnvelope)
_METADATA: Final = Wire("PageMetadata", PageMetadata)

# Filled by `place` as the routes are made, read by `build`.
_known: dict[str, Wire] = {}


def place(wire: Wire) -> Json:
    """Where a type's JSON schema will stand."""
    _known[wire.name] = wire
    return {_PLACE: wire.name}


def list_of(wire: Wire) -> Json:
    return {"type": "array", "items": place(wire)}


def page_of(wire: Wire) -> Json:
    """`{results, metadata}`."""
    properties = {"results": list_of(wire), "metadata": place(_METADATA)}
    return {"type": "object", "properties": properties, "required": list(properties)}


def described(
    summary: str,
    response: Json,
    *,
    request: Wire | None = None,
    status: int = 200,
    parameters: Iterable[Json] = (),
) -> Json:
    """Arguments for a route's decorator. `response` is a JSON schema with places in it, `request` the type of
    the body, whose check is made now."""
    extra: Json = {"parameters": list(parameters), "security": [{"bearer": []}]}
    if request is not None:
        request.build()
        content = {"application/json": {"schema": place(request)}}
        extra["requestBody"] = {"required": True, "content": content}
    return {
        "summary": summary,
        "status_code": status,
        "openapi_extra": extra,
        "responses": {
            status: _response(HTTPStatus(status).phrase, response),
            "default": _response("A mistake", place(_ERROR)),
        },
    }


def redirecting(summary: str) -> Json:
    """Arguments for a route that leads elsewhere."""
    arguments = described(summary, {}, status=302)
    arguments["responses"][302] = {
        "description": "Where it is",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri-reference"}}},
    }
    return arguments


def refusing(summary: str, request: Wire) -> Json:
    """Arguments for a route whose every answer is a mistake's."""
    arguments = described(summary, place(_ERROR), request=request, status=400)
    arguments["responses"][400]["description"] = "Why not"
    return arguments


def open_to_all(summary: str, content_type: str, schema: Json, parameters: Iterable[Json] = ()) -> Json:
    """Arguments for a route that needs no key."""
    return {
        "summary": summary,
        "openapi_extra": {"security": [], "parameters": list(parameters)},
        "responses": {
            200: {"description": HTTPStatus.OK.phrase, "content": {content_type: {"schema": schema}}},
            "default": _response("A mistake", place(_ERROR)),
        },
    }


def _response(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def operation_id(route: APIRoute) -> str:
    """`create-phone-number`: the function's name and the noun of its router."""
    return "-".join((route.name, *(str(tag) for tag in route.tags))).replace("_", "-").replace(" ", "-")


def build(app: FastAPI) -> Json:
    """The whole document. Takes about a second."""
    document: Json = get_openapi(title=app.title, version=__version__, routes=app.routes)
    schemas, definitions = TypeAdapter.json_schemas(
        [(name, _MODE, wire.adapter) for name, wire in _known.items()],
        ref_template="#/components/schemas/{model}",
    )
    components = dict(definitions.get("$defs", {}))
    for name in _known:
        schema = schemas[name, _MODE]
        if schema != {"$ref": f"#/components/schemas/{name}"}:
            components[name] = schema
    for name in _of_credentials() & components.keys():
        _let_secrets_in_only(components[name])
    document["paths"] = _filled(document["paths"])
    document["components"] = {
        "schemas": components,
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    }
    return document


def _of_credentials() -> set[str]:
    """The names of the types that credentials are made of."""
    kinds = [kind for kind in vars(credential).values() if isinstance(kind, type)]
    names = {kind.__name__ for kind in kinds if issubclass(kind, Model)}
    return names | {f"Shown{name}" for name in names}


def _let_secrets_in_only(schema: Json) -> None:
    """Secrets are given and never shown: an answer does not have what a request must."""
    for name, kind in schema.get("properties", {}).items():
        if is_secret(name):
            kind["writeOnly"] = True
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if not is_secret(name)]


def _filled(part: Any) -> Any:
    """The document with a reference in every place."""
    if isinstance(part, Mapping):
        if _PLACE in part:
            return {"$ref": f"#/components/schemas/{part[_PLACE]}"}
        return {key: _filled(value) for key, value in part.items()}
    return [_filled(value) for value in part] if isinstance(part, list) else part
