"""`/openapi.json`, and the same as a page at `/docs`, where `/` redirects to. Neither has a script or loads
anything from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from offhook.api.openapi.openapi_document import build
from offhook.api.openapi.operation import ApiRoute
from offhook.api.services import Services
from offhook.json_document import OpenApiDocument

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, summary { font-family: ui-monospace, monospace }
summary { cursor: pointer; padding: .3rem 0 } summary b { display: inline-block; width: 5rem }
details > :not(summary) { margin-left: 1.5rem } td { padding: 0 1rem 0 0; vertical-align: top }
:root { color-scheme: light dark } small { opacity: .7 }
"""
_HEADERS: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_REFERENCE: Final = "#/components/schemas/"


def routes() -> list[ApiRoute]:
    made: list[_Written] = []

    async def written(request: Request) -> _Written:
        if not made:
            made.append(await run_in_threadpool(_write, request.app))
        return made[0]

    async def start(_: Request) -> Response:
        return RedirectResponse("docs", 302)

    async def document(request: Request) -> Response:
        return Response((await written(request)).document, media_type="application/json")

    async def page(request: Request) -> Response:
        return Response((await written(request)).page, media_type="text/html", headers=_HEADERS)

    return [
        ApiRoute("GET", path, endpoint, None)
        for path, endpoint in (("/", start), ("/openapi.json", document), ("/docs", page))
    ]


@dataclass(frozen=True, slots=True)
class _Written:
    """Both forms. They are written once, since they are large and anybody may ask for them."""

    document: bytes
    page: bytes


def _write(app: Starlette) -> _Written:
    """Takes about a second."""
    services: Services = app.state.services
    routes = [route for route in app.routes if isinstance(route, ApiRoute)]
    document = build(routes, services.settings.public_url or "/")
    return _Written(json.dumps(document, ensure_ascii=False).encode(), "".join(_page(document)).encode())


def _page(document: OpenApiDocument) -> Iterator[str]:
    info = document["info"]
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>"
    yield f"<style>{_STYLE}</style><h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
    yield "<p>Send your private key as <code>Authorization: Bearer KEY</code>. The same for programs: "
    yield "<a href=openapi.json>openapi.json</a>.</p>"
    for tag, operations in _by_tag(document["paths"]).items():
        yield f"<h2>{escape(tag)}</h2>"
        for path, method, operation in operations:
            yield from _operation(path, method, operation)
    yield "<h2>Types</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _type(name, schema)
    yield "</html>"


def _by_tag(paths: OpenApiDocument) -> dict[str, list[tuple[str, str, OpenApiDocument]]]:
    """Path, method and operation of each, by the resource that they are about."""
    found: dict[str, list[tuple[str, str, OpenApiDocument]]] = {}
    for path, methods in paths.items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append((path, method, operation))
    return found


def _operation(path: str, method: str, operation: OpenApiDocument) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b> {escape(path)} "
    yield f"<small>{escape(operation.get('summary', ''))}</small></summary><table>"
    for parameter in operation.get("parameters", ()):
        yield _row(parameter["name"], parameter["in"], _name(parameter["schema"]))
    body = operation.get("requestBody")
    if body:
        yield _row("body", "", _content(body))
    for status, response in operation.get("responses", {}).items():
        yield _row(str(status), response.get("description", ""), _content(response))
    yield "</table></details>"


def _type(name: str, schema: OpenApiDocument) -> Iterator[str]:
    yield f"<details id='{escape(name)}'><summary>{escape(name)}</summary>"
    yield f"<p>{escape(schema.get('description', ''))}</p><table>"
    required = schema.get("required", ())
    for property_name, value in schema.get("properties", {}).items():
        yield _row(property_name, "required" if property_name in required else "", _name(value))
    if "properties" not in schema:
        yield _row("", "", _name(schema))
    yield "</table></details>"


def _content(part: OpenApiDocument) -> str:
    return " or ".join(_name(media.get("schema", {})) for media in part.get("content", {}).values())


def _row(*cells: str) -> str:
    first, *rest = cells
    return f"<tr><td><code>{escape(first)}</code>" + "".join(f"<td>{cell}" for cell in rest)


def _name(schema: OpenApiDocument) -> str:
    """A schema in a few words, as HTML; named types are links."""
    reference = schema.get("$ref")
    if reference:
        name = escape(reference.removeprefix(_REFERENCE))
        return f"<a href='#{name}'>{name}</a>"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_name(part) for part in schema[choice])
    if schema.get("type") == "array":
        return f"list of {_name(schema.get('items', {}))}"
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "object" and "properties" in schema:
        inner = (f"{escape(key)}: {_name(value)}" for key, value in schema["properties"].items())
        return "{ " + ", ".join(inner) + " }"
    return escape(str(schema.get("type", "anything")))
