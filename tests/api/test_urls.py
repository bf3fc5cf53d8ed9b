"""URLs that the node would never reach are refused when they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.conftest import client_of, open_house

pytestmark = pytest.mark.slow

REFUSED = [
    "http://127.0.0.1:9000/hook",
    "http://localhost/hook",
    "http://LOCALHOST:8000",
    "https://10.1.2.3/hook",
    "http://[::1]:9000/hook",
    "http://[::ffff:127.0.0.1]/",
    "http://169.254.169.254/latest/meta-data",
    "https://example.org:25/",
    "ftp://example.org/hook",
    "file:///etc/passwd",
    "example.org/hook",
    "http://",
    "http://0x7f.1/",
]
HANDOFF = {"type": "handoff", "destinations": [{"type": "dynamic", "server": {"url": "URL"}}]}
FUNCTION = {"type": "function", "function": {"name": "f"}, "server": {"url": "URL"}}
SMART = {"provider": "custom-endpointing-model", "server": {"url": "URL"}}
BASE = {"provider": "custom-knowledge-base", "server": {"url": "URL"}}
KNOWING = {"provider": "vapi", "knowledgeBase": BASE}
VOICE = {"provider": "custom-voice", "server": {"url": "URL"}}
OVERRIDDEN = "membersOverrides.voice.server.url"
OAUTH = {"type": "oauth2", "url": "URL", "clientId": "a", "clientSecret": "b"}
PLACES: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/assistant", {"server": {"url": "URL"}}, "server.url"),
    ("POST", "/assistant", {"serverUrl": "URL"}, "serverUrl"),
    (
        "POST",
        "/assistant",
        {"voice": {"provider": "custom-voice", "server": {"url": "URL"}}},
        "voice.server.url",
    ),
    (
        "POST",
        "/assistant",
        {"model": {"provider": "custom-llm", "model": "m", "url": "URL"}},
        "model.url",
    ),
    ("POST", "/assistant", {"model": {"provider": "vapi", "tools": [FUNCTION]}}, "model.tools.0.server.url"),
    (
        "POST",
        "/assistant",
        {"model": {"provider": "vapi", "knowledgeBase": BASE}},
        "model.knowledgeBase.server.url",
    ),
    (
        "POST",
        "/assistant",
        {"startSpeakingPlan": {"smartEndpointingPlan": SMART}},
        "startSpeakingPlan.smartEndpointingPlan.server.url",
    ),
    ("POST", "/phone-number", {"provider": "vapi", "server": {"url": "URL"}}, "server.url"),
    ("POST", "/phone-number", {"provider": "vapi", "serverUrl": "URL"}, "serverUrl"),
    ("PATCH", "/org", {"server": {"url": "URL"}}, "server.url"),
    ("POST", "/squad", {"members": [{"assistant": {"serverUrl": "URL"}}]}, "members.0.assistant.serverUrl"),
    (
        "POST",
        "/squad",
        {"members": [], "membersOverrides": {"server": {"url": "URL"}}},
        "membersOverrides.server.url",
    ),
    ("POST", "/tool", FUNCTION, "server.url"),
    ("POST", "/tool", HANDOFF, "destinations.0.server.url"),
    ("POST", "/tool", {"type": "apiRequest", "method": "GET", "url": "URL"}, "url"),
    ("POST", "/credential", {"provider": "webhook", "authenticationPlan": OAUTH}, "authenticationPlan.url"),
]


def at(place: Any, url: str) -> Any:
    if isinstance(place, dict):
        return {name: at(value, url) for name, value in place.items()}
    if isinstance(place, list):
        return [at(item, url) for item in place]
    return url if place == "URL" else place


async def sent(client: httpx2.AsyncClient, method: str, path: str, body: Any) -> httpx2.Response:
    if path == "/org":
        path = f"/org/{(await client.get('/org')).json()[0]['id']}"
    return await client.request(method, path, json=body)


@pytest.mark.parametrize(("method", "path", "body", "where"), PLACES, ids=lambda value: str(value)[:40])
async def test_it_is_a_400_wherever_a_url_may_stand_and_names_the_setting(
    client: httpx2.AsyncClient, method: str, path: str, body: dict[str, Any], where: str
) -> None:
    answer = await sent(client, method, path, at(body, "http://127.0.0.1:9000/hook"))
    taken = await sent(client, method, path, at(body, "https://example.org/hook"))

    assert answer.status_code == 400
    (message,) = answer.json()["message"]
    assert message.startswith(f"{where} cannot be reached: 127.0.0.1")
    assert "OFFHOOK_ALLOW_PRIVATE_URLS" in message
    assert taken.status_code in (200, 201), taken.text


@pytest.mark.parametrize("url", REFUSED)
async def test_what_is_refused(client: httpx2.AsyncClient, url: str) -> None:
    answer = await client.post("/assistant", json={"server": {"url": url}})

    assert answer.status_code == 400
    assert "server.url cannot be reached: " in answer.text


@pytest.mark.parametrize("url", ["ftp://example.org", "http://127.0.0.1/", "http://localhost:3000"])
async def test_the_setting_is_named(client: httpx2.AsyncClient, url: str) -> None:
    answer = await client.post("/phone-number", json={"provider": "vapi", "serverUrl": url})

    assert "OFFHOOK_ALLOW_PRIVATE_URLS" in answer.text


async def test_where_it_is_allowed_only_what_is_never_reached_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path, allow_private_urls=True) as house, client_of(house) as client:
        for url in ("http://127.0.0.1:9000", "http://localhost", "http://[::1]:25"):
            assert (await client.post("/assistant", json={"serverUrl": url})).status_code == 201
        for url in ("ftp://127.0.0.1", "http://169.254.169.254/"):
            assert (await client.post("/assistant", json={"serverUrl": url})).status_code == 400


async def test_what_is_taken(client: httpx2.AsyncClient) -> None:
    sockets = {"provider": "custom-transcriber", "server": {"url": "wss://ears.example.org/live"}}
    template = {"type": "apiRequest", "method": "GET", "url": "https://{{ host }}/{{ id }}"}

    assert (await client.post("/assistant", json={"transcriber": sockets})).status_code == 201
    assert (await client.post("/assistant", json={"server": {"url": "wss://example.org"}})).status_code == 400
    assert (await client.post("/tool", json=template)).status_code == 201
    assert (await client.post("/assistant", json={"server": {"url": ""}})).status_code == 201


async def test_what_is_stored_already_is_not_asked_about_again(
    client: httpx2.AsyncClient, house: Any
) -> None:
    async with house.services.database.transaction() as tx:
        document = {"members": [{"assistant": {"serverUrl": "http://127.0.0.1/"}}]}
        record = await tx.squads.create(house.org_id, document)

    assert (await client.patch(f"/squad/{record.id}", json={"name": "Desk"})).status_code == 200
