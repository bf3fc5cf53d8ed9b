"""What the API says about itself, and whether it is up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from tests.api.conftest import House, client_of, described
from tests.api.test_resources import ASSISTANT
from tests.schema.samples import sample


@pytest.fixture
async def document(client: httpx2.AsyncClient) -> dict[str, Any]:
    return await described(client)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def test_every_type_it_names_is_there(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    named = {reference.removeprefix("#/components/schemas/") for reference in _references(document)}

    assert named - set(schemas) == set()
    assert {"CreateVapiPhoneNumberDTO", "Assistant", "ErrorEnvelope", "Call"} <= set(schemas)


def test_every_operation_says_what_it_takes_and_gives(document: dict[str, Any]) -> None:
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    assert {"POST /phone-number", "GET /v2/phone-number", "DELETE /assistant/{id}"} <= set(operations)
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    for name, operation in operations.items():
        assert operation["summary"], name
        assert "422" not in operation["responses"], name
        if name.startswith(("POST", "PATCH")) and not name.endswith(("/replay", "/end")):
            assert operation["requestBody"]["content"]["application/json"]["schema"].keys() & {
                "$ref",
                "oneOf",
            }, name
    listed = {parameter["name"] for parameter in operations["GET /call"]["parameters"]}
    assert {"assistantId", "phoneNumberId", "limit", "createdAtGt"} <= listed


async def test_the_page_lists_every_path_and_loads_nothing(house: House, document: dict[str, Any]) -> None:
    async with client_of(house, None) as anyone:
        start = await anyone.get("/")
        answer = await anyone.get(start.headers["location"])

    assert (start.status_code, answer.status_code) == (302, 200)
    for heading in ("Phone Numbers", "Assistants", "Calls", "Types"):
        assert answer.text.count(f"<h2>{heading}</h2>") == 1
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


EXAMPLES: dict[str, dict[str, Any]] = {
    "/phone-number": {
        "provider": "vapi",
        "serverUrl": "https://a.example",
        "authentication": {"username": "u" * 20, "password": "p" * 20},
    },
    "/assistant": {**ASSISTANT, "credentials": [{"provider": "openai", "apiKey": "sk"}]},
    "/squad": {"members": [{"assistant": ASSISTANT}]},
    "/tool": {"type": "function", "function": {"name": "book"}},
    "/credential": {"provider": "webhook", "authenticationPlan": {"type": "bearer", "token": "t"}},
}


@pytest.mark.parametrize("path", EXAMPLES)
async def test_what_is_sent_and_shown_is_as_documented(
    client: httpx2.AsyncClient, document: dict[str, Any], path: str
) -> None:
    operations = document["paths"]
    body = EXAMPLES[path]

    made = await client.post(path, json=body)
    identity = made.json()["id"]
    changed = await client.patch(f"{path}/{identity}", json={"name": "New"} if path != "/tool" else {})
    listed = await client.get(path)
    mistake = await client.post(path, json={"nope": 1})

    _assert_fits(document, body, operations[path]["post"]["requestBody"])
    _assert_fits(document, made.json(), operations[path]["post"]["responses"]["201"])
    _assert_fits(document, changed.json(), operations[f"{path}/{{id}}"]["patch"]["responses"]["200"])
    _assert_fits(document, listed.json(), operations[path]["get"]["responses"]["200"])
    _assert_fits(document, mistake.json(), operations[path]["post"]["responses"]["400"])
    assert (changed.status_code, mistake.status_code) == (200, 400)


IDS = {"toolId", "toolIds", "toolRefs", "declineToolId", "credentialId", "credentialIds"}
IDS |= {"assistantId", "squadId", "workflowId", "numberDesiredAreaCode"}
URLS = {"url", "serverUrl", "holdAudioUrl", "transferCompleteAudioUrl"}
URL = "https://example.org/hook"


def possible(value: Any) -> Any:
    """A document that names nothing which would have to be there, and servers that could be."""
    if isinstance(value, dict):
        return {
            name: URL if name in URLS and isinstance(inner, str) else possible(inner)
            for name, inner in value.items()
            if name not in IDS
        }
    return [possible(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("path", "published"),
    [
        ("/assistant", "CreateAssistantDTO"),
        ("/squad", "CreateSquadDTO"),
        ("/phone-number", "CreateVapiPhoneNumberDTO"),
    ],
)
async def test_every_published_property_is_taken_shown_and_documented(
    client: httpx2.AsyncClient, document: dict[str, Any], path: str, published: str
) -> None:
    body = possible(sample(published))

    made = await client.post(path, json=body)

    assert made.status_code == 201, made.text
    assert made.json().keys() >= body.keys()
    _assert_fits(document, body, document["paths"][path]["post"]["requestBody"])
    _assert_fits(document, made.json(), document["paths"][path]["post"]["responses"]["201"])


async def test_pages_orgs_and_calls_are_as_documented(
    client: httpx2.AsyncClient, document: dict[str, Any], house: House
) -> None:
    await client.post("/phone-number", json={"provider": "vapi"})
    async with house.services.database.transaction() as tx:
        await tx.calls.begin(house.org_id, {"status": "ended", "type": "inboundPhoneCall"}, status="ended")

    for path in ("/v2/phone-number", "/org", "/call"):
        answer = await client.get(path)
        _assert_fits(document, answer.json(), document["paths"][path]["get"]["responses"]["200"])


def _assert_fits(document: dict[str, Any], value: Any, described: dict[str, Any]) -> None:
    schema = {**described["content"]["application/json"]["schema"], "components": document["components"]}
    problems = [problem.message for problem in jsonschema_rs.iter_errors(schema, value)]

    assert problems == []
