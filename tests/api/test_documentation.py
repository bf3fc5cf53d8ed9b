"""What the API says about itself, and whether it is up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from .conftest import House, client_of


@pytest.fixture
async def document(client: httpx2.AsyncClient) -> dict[str, Any]:
    return (await client.get("/openapi.json")).json()


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def test_every_type_it_names_is_there(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    named = {reference.removeprefix("#/components/schemas/") for reference in _references(document)}

    assert named - set(schemas) == set()
    assert {"CreateVapiPhoneNumber", "Assistant", "ErrorEnvelope", "Call"} <= set(schemas)


def test_every_operation_says_what_it_takes_and_gives(document: dict[str, Any]) -> None:
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    assert {"POST /phone-number", "GET /v2/phone-number", "DELETE /assistant/{identity}"} <= set(operations)
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    for name, operation in operations.items():
        assert operation["summary"], name
        assert "422" not in operation["responses"], name
        if name.startswith(("POST", "PATCH")):
            assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"], name
    listed = {parameter["name"] for parameter in operations["GET /call"]["parameters"]}
    assert {"assistantId", "phoneNumberId", "limit", "createdAtGt"} <= listed


async def test_the_page_lists_every_path_and_loads_nothing(house: House, document: dict[str, Any]) -> None:
    async with client_of(house, None) as anyone:
        answer = await anyone.get("/docs")

    assert answer.status_code == 200
    for path in document["paths"]:
        assert path in answer.text
    assert not re.search(r"<script|<link|<img|\bsrc=|@import|url\(", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_health_follows_the_calls(house: House) -> None:
    async with client_of(house, None) as anyone:
        ready = await anyone.get("/health/ready")
        house.live.ready = False
        draining = await anyone.get("/health/ready")
        live = await anyone.get("/health/live")

    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert draining.status_code == 503
    assert (live.status_code, live.json()) == (200, {"status": "live"})
