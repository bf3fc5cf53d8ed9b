"""The OpenAPI document: what the routes say of themselves, and the wire types that they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import TypeAdapter

from offhook import __version__
from offhook.api.openapi.operation import (
    CHANGES,
    ERROR,
    TYPE,
    ApiRoute,
    Json,
    Operation,
    type_of,
)
from offhook.api.openapi.published_schemas import PublishedSchemas, changes, published_types
from offhook.api.wire_type import Wire
from offhook.schema.openapi import OperationObject

_MODE: Final = "validation"
_PREFIX: Final = "#/components/schemas/"
_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_ABOUT: Final = (
    "Free SIP numbers, answered by assistants. Send your private key as `Authorization: Bearer KEY`."
    " Every mistake is answered by an ErrorEnvelope."
)


def build(routes: Iterable[ApiRoute], server_url: str) -> Json:
    """The whole document. Takes about a second."""
    served = [(route, route.operation) for route in routes if route.operation is not None]
    paths: dict[str, Json] = {}
    for route, operation in served:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route.path, operation)
    wires = list(dict.fromkeys(_wires(paths)))
    schemas, types = published_types(*_generated(wires))
    filled = _filled(paths, dict(zip(wires, schemas, strict=True)), types)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Offhook", "description": _ABOUT, "version": __version__},
        "servers": [{"url": server_url}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for _, operation in served)],
        "paths": filled,
        "components": {
            "schemas": dict(sorted(types.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An org's private key."}
            },
        },
    }


def _operation(path: str, operation: Operation) -> Json:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PARAMETER.findall(path)
    ]
    answers = operation.answers | {status: _mistake(status) for status in sorted(operation.mistakes)}
    takes = operation.takes
    body = None if takes is None else {"required": True, "content": {"application/json": {"schema": takes}}}
    return OperationObject(
        operation_id=operation.id,
        tags=[operation.tag],
        summary=operation.summary,
        parameters=[*named, *operation.parameters],
        responses={str(status): response for status, response in answers.items()},
        security=[{"bearer": []}] if operation.needs_key else [],
        request_body=body,
    ).given()


def _mistake(status: int) -> Json:
    content = {"application/json": {"schema": type_of(ERROR)}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _wires(part: Any) -> Iterator[Wire]:
    if isinstance(part, Mapping):
        if TYPE in part:
            yield part[TYPE]
            return
        part = list(part.values())
    if isinstance(part, list):
        for value in part:
            yield from _wires(value)


def _generated(wires: list[Wire]) -> tuple[list[Json], dict[str, Json]]:
    """The schema of each wire type, and the types that those refer to by the names of their classes."""
    schemas, definitions = TypeAdapter.json_schemas(
        [(str(index), _MODE, wire.adapter) for index, wire in enumerate(wires)],
        ref_template=f"{_PREFIX}{{model}}",
        schema_generator=PublishedSchemas,
    )
    return [schemas[str(index), _MODE] for index in range(len(wires))], definitions.get("$defs", {})


def _filled(part: Any, schemas: Mapping[Wire, Json], types: dict[str, Json]) -> Any:
    """The part with a schema in place of each wire type. The types of changes are added to the others."""
    if isinstance(part, Mapping):
        if TYPE in part:
            schema = schemas[part[TYPE]]
            return changes(schema, types) if part.get(CHANGES) else schema
        return {key: _filled(value, schemas, types) for key, value in part.items()}
    return [_filled(value, schemas, types) for value in part] if isinstance(part, list) else part
