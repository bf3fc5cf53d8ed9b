"""The same routes over PostgreSQL, where it could answer differently."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.api.resources.resource import FIRST_SLICE
from tests.api.conftest import OTHER_KEY, client_of, open_house
from tests.api.test_phone_number import created, refused
from tests.store.databases import cluster, newest_postgres_url

__all__ = ["cluster", "newest_postgres_url"]

pytestmark = pytest.mark.foreign


async def test_lists_over_postgresql(tmp_path: Path, newest_postgres_url: str) -> None:
    async with open_house(tmp_path, database_url=newest_postgres_url) as house, client_of(house) as client:
        house.clock.step = 0.0
        squads = [
            (await created(client, "/squad", members=[{"assistant": {}}]))["id"]
            for _ in range(FIRST_SLICE + 2)
        ]
        numbers = [(await created(client))["id"] for _ in range(3)]

        listed = [squad["id"] for squad in (await client.get("/squad")).json()]
        chosen = (await client.get("/squad", params={"idAny": squads[:2]})).json()
        met = []
        query: dict[str, str] = {"limit": "2"}
        for _ in range(2):
            page = (await client.get("/v2/phone-number", params=query)).json()
            met += [number["id"] for number in page["results"]]
            query["cursor"] = page["metadata"].get("nextCursor", "")

        assert listed == sorted(squads, reverse=True)
        assert {squad["id"] for squad in chosen} == set(squads[:2])
        assert met == sorted(numbers, reverse=True)


async def test_two_who_change_one_resource_at_once_both_have_their_way(
    tmp_path: Path, newest_postgres_url: str
) -> None:
    async with open_house(tmp_path, database_url=newest_postgres_url) as house, client_of(house) as client:
        number = f"/phone-number/{(await created(client))['id']}"
        org = f"/org/{house.org_id}"

        for turn in range(10):
            name, server = {"name": f"n{turn}"}, {"url": f"https://a.example/{turn}"}
            bodies = (name, {"server": server})
            answers = await asyncio.gather(
                *(client.patch(path, json=b) for path in (number, org) for b in bodies)
            )

            assert {answer.status_code for answer in answers} == {200}
            for path in (number, org):
                shown = (await client.get(path)).json()
                assert (shown["name"], shown["server"]) == (name["name"], server)


async def test_numbers_over_postgresql(tmp_path: Path, newest_postgres_url: str) -> None:
    async with (
        open_house(tmp_path, database_url=newest_postgres_url) as house,
        client_of(house) as client,
        client_of(house, OTHER_KEY) as other,
    ):
        metadata = {"name": "Ünïcode ☎ \u2028", "numbers": [1, 1.5, 10**25, -0.0, True, None]}
        assistant = await created(client, "/assistant", name="Ann", metadata=metadata)
        made = await created(client, sipUri="sip:Desk@a.example", assistantId=assistant["id"])
        await created(client, name="Lobby 100%")

        taken = await other.post("/phone-number", json={"provider": "vapi", "sipUri": "sip:DESK@b.example"})
        after = await other.get("/phone-number")
        page = (await client.get("/v2/phone-number", params={"search": "100%", "limit": 1})).json()
        changed = await client.patch(f"/phone-number/{made['id']}", json={"assistantId": None})
        foreign = await other.delete(f"/phone-number/{made['id']}")
        nul = await client.get("/phone-number/%00")
        deleted = await client.delete(f"/phone-number/{made['id']}")

        assert assistant["metadata"] == metadata
        assert await refused(taken) == "sipUri is taken already"
        assert after.json() == []
        assert [number["name"] for number in page["results"]] == ["Lobby 100%"]
        assert changed.json()["assistantId"] is None
        assert foreign.status_code == nul.status_code == 404
        assert deleted.json() == changed.json()
