"""An org sees and touches only what is its own: every route with an id."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from offhook.api.resources.unserved import LISTS, PAGES
from tests.api.conftest import PUBLIC_KEY, House, client_of, described

pytestmark = pytest.mark.slow

Make = Callable[[httpx2.AsyncClient, House], Awaitable[str]]


def _by_post(path: str, body: dict[str, Any]) -> Make:
    async def make(client: httpx2.AsyncClient, _: House) -> str:
        answer = await client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return make


async def _make_call(_: httpx2.AsyncClient, house: House) -> str:
    async with house.services.database.transaction() as tx:
        record = await tx.calls.begin(house.org_id, {"status": "ended"}, status="ended")
    house.services.recordings.mkdir(parents=True, exist_ok=True)
    for kind in ("mono", "stereo", "customer", "assistant"):
        (house.services.recordings / f"{record.id}-{kind}.wav").write_bytes(b"RIFF")
    return record.id


async def _own_org(_: httpx2.AsyncClient, house: House) -> str:
    return house.org_id


async def _make_webhook(_: httpx2.AsyncClient, house: House) -> str:
    async with house.services.database.transaction() as tx:
        return await tx.outbox.put(
            org_id=house.org_id,
            call_id="call",
            type="status-update",
            host="hooks.example.org:443",
            receiver={"url": "https://hooks.example.org"},
            body='{"message":{"type":"status-update"}}',
        )


MAKERS: dict[str, Make] = {
    "/phone-number": _by_post("/phone-number", {"provider": "vapi"}),
    "/assistant": _by_post("/assistant", {"name": "Ann"}),
    "/squad": _by_post("/squad", {"members": [{"assistant": {"name": "Ann"}}]}),
    "/tool": _by_post("/tool", {"type": "endCall"}),
    "/credential": _by_post(
        "/credential",
        {"provider": "webhook", "authenticationPlan": {"type": "bearer", "token": "t"}},
    ),
    "/call": _make_call,
    "/webhook": _make_webhook,
    "/org": _own_org,
}


async def _routes(client: httpx2.AsyncClient) -> list[tuple[str, str]]:
    """Method and path of every route that names a resource by its id. In the lists of what is not served
    nobody has anything."""
    paths = (await described(client))["paths"]
    named = [path for path in paths if "{id}" in path and path not in (*LISTS, *PAGES)]
    return [(method.upper(), path) for path in named for method in paths[path]]


@pytest.mark.parametrize("kind", MAKERS)
async def test_a_foreign_id_is_not_found_and_nothing_happens_to_it(
    kind: str, house: House, client: httpx2.AsyncClient, other_client: httpx2.AsyncClient
) -> None:
    identity = await MAKERS[kind](client, house)
    before = (await client.get(f"{kind}/{identity}")).json()
    routes = [route for route in await _routes(client) if route[1].startswith(f"{kind}/{{id}}")]
    assert ("GET", f"{kind}/{{id}}") in routes

    for method, path in routes:
        content: dict[str, Any] = {"json": {"name": "stolen"}} if method == "PATCH" else {}
        answer = await other_client.request(method, path.format(id=identity), **content)
        assert (answer.status_code, answer.json()["error"]) == (404, "Not Found"), (method, path)

    assert (await client.get(f"{kind}/{identity}")).json() == before
    assert house.live.ended == []
    assert (await client.get(f"{kind}/{identity}")).status_code == 200


async def test_every_route_with_an_id_is_tried_above(client: httpx2.AsyncClient) -> None:
    routes = await _routes(client)

    assert [path for _, path in routes if path.split("/{")[0] not in MAKERS] == []
    assert len(routes) >= 26


OPEN = {"/health/live", "/health/ready", "/recording/{callId}/{kind}", "/call/{id}/control"}
"""The last asks for a key where the call's assistant wants one (test_control.py)."""


@pytest.mark.parametrize("key", [None, PUBLIC_KEY, "no-such-key"])
async def test_every_other_route_wants_a_private_key(
    house: House, client: httpx2.AsyncClient, key: str | None
) -> None:
    paths = (await described(client))["paths"]
    assert set(paths) >= OPEN

    async with client_of(house, key) as stranger:
        for path in set(paths) - OPEN:
            for method in paths[path]:
                filled = re.sub(r"\{\w+\}", house.org_id, path)
                answer = await stranger.request(method, filled, json={})
                public = key == PUBLIC_KEY and path == "/call/web"
                assert answer.status_code == (400 if public else 401), (method, path)


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "/org"])
async def test_a_list_has_only_the_orgs_own(
    kind: str, house: House, client: httpx2.AsyncClient, other_client: httpx2.AsyncClient
) -> None:
    identity = await MAKERS[kind](client, house)

    assert [item["id"] for item in (await client.get(kind)).json()] == [identity]
    assert (await other_client.get(kind)).json() == []


@pytest.mark.parametrize("identity", ["nothing", "%00", "%F0%9F%98%80", "x" * 3000, "..%2f..%2fetc"])
@pytest.mark.parametrize("kind", MAKERS)
async def test_an_id_that_is_none_is_not_found(kind: str, identity: str, client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"{kind}/{identity}")

    assert answer.status_code == 404
