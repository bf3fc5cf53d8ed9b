"""SQLite has one writer, and calls wait for it too: what is refused never waits for its turn."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from tests.api.conftest import House, client_of
from tests.machine import PATIENCE

NOBODY = "00000000-0000-4000-8000-000000000000"
ASKED: list[tuple[str, str, Any, int]] = [
    ("POST", "/assistant", {"name": 7}, 400),
    ("POST", "/assistant", "not an object", 400),
    ("POST", "/assistant", {"model": {"provider": "openai", "model": "x", "toolIds": [NOBODY]}}, 400),
    ("POST", "/phone-number", {"provider": "vapi", "assistantId": NOBODY}, 400),
    ("POST", "/tool", {"type": "nothing"}, 400),
    ("POST", "/credential", {"provider": "nobody"}, 400),
    ("POST", "/call", {}, 400),
    ("POST", "/call/web", {}, 400),
    ("PATCH", f"/assistant/{NOBODY}", {"name": "one"}, 404),
    ("PATCH", f"/org/{NOBODY}", {"name": "one"}, 404),
    ("PATCH", f"/call/{NOBODY}", {"name": "one"}, 404),
    ("DELETE", f"/assistant/{NOBODY}", None, 404),
    ("DELETE", f"/call/{NOBODY}", None, 404),
    ("POST", f"/webhook/{NOBODY}/replay", None, 404),
]


async def asked(client: httpx2.AsyncClient, method: str, path: str, body: Any) -> int:
    async with asyncio.timeout(PATIENCE):
        return (await client.request(method, path, json=body)).status_code


@pytest.mark.parametrize(("method", "path", "body", "status"), ASKED)
async def test_what_is_refused_waits_for_no_turn(
    house: House, client: httpx2.AsyncClient, method: str, path: str, body: Any, status: int
) -> None:
    async with house.services.database.transaction():
        assert await asked(client, method, path, body) == status
        async with client_of(house, "a key of nobody's") as stranger:
            assert await asked(stranger, method, path, body) == 401
