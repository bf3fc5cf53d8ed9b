"""What the first start makes, and what each further one keeps to."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook import bootstrap
from offhook.bootstrap import DEMO_USER, FirstStart, first_start
from offhook.process import StartError
from offhook.settings import Settings
from offhook.store import Database, Duplicate, IdMaker
from tests.store.databases import make_newest

KEY = "a-key-that-was-configured"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'offhook.db'}"
    await make_newest(url)
    database = await Database.open(url, now=time.time, new_id=IdMaker(time.time, random.Random(1)))
    yield database
    await database.close()


def chosen(**changes: object) -> Settings:
    return Settings.model_validate({"sip": "127.0.0.1:5070", **changes})


async def test_a_first_start_makes_what_is_needed_for_a_call(database: Database) -> None:
    started = await first_start(database, chosen())

    assert started.demo
    assert started.key is not None
    async with database.reading() as tx:
        [org] = await tx.orgs.list()
        number = await tx.phone_numbers.by_sip_user(DEMO_USER)
        assert await tx.keys.org_of(started.key) == org.id
        assert number is not None
        assert number.document["sipUri"] == "sip:demo@127.0.0.1:5070"
        assert await tx.assistants.get(org.id, number.document["assistantId"]) is not None


async def test_a_further_start_makes_nothing_and_tells_no_key(database: Database) -> None:
    await first_start(database, chosen())

    assert await first_start(database, chosen()) == FirstStart(None, True)
    async with database.reading() as tx:
        assert len(await tx.orgs.list()) == 1


async def test_without_its_number_there_is_no_demo_to_dial(database: Database) -> None:
    await first_start(database, chosen())
    async with database.transaction() as tx:
        number = await tx.phone_numbers.by_sip_user(DEMO_USER)
        assert number is not None
        await tx.phone_numbers.delete(number.org_id, number.id)

    assert await first_start(database, chosen()) == FirstStart(None, False)


@pytest.mark.parametrize("later", [False, True], ids=["at the first start", "later"])
async def test_a_configured_key_works_and_is_not_printed(database: Database, later: bool) -> None:
    if later:
        await first_start(database, chosen())

    assert (await first_start(database, chosen(api_key=KEY))).key is None
    async with database.reading() as tx:
        assert await tx.keys.org_of(KEY) == (await tx.orgs.list())[0].id


async def test_a_configured_key_that_was_revoked_is_refused_in_one_line(database: Database) -> None:
    await first_start(database, chosen(api_key=KEY))
    async with database.transaction() as tx:
        [org] = await tx.orgs.list()
        [key] = await tx.keys.list(org.id)
        await tx.keys.revoke(org.id, key.id)

    with pytest.raises(StartError, match="OFFHOOK_API_KEY cannot be used, it was revoked") as refused:
        await first_start(database, chosen(api_key=KEY))

    assert KEY not in str(refused.value)


async def test_the_configured_server_is_the_orgs_until_it_has_another(database: Database) -> None:
    await first_start(database, chosen())

    await first_start(database, chosen(org_server_url="https://hooks.example.org/in"))
    async with database.transaction() as tx:
        [org] = await tx.orgs.list()
        assert org.document["server"] == {"url": "https://hooks.example.org/in"}
        await tx.orgs.replace(org.id, {**org.document, "server": {"url": "https://other.example.org"}})

    await first_start(database, chosen(org_server_url="https://hooks.example.org/in"))
    async with database.reading() as tx:
        assert (await tx.orgs.list())[0].document["server"] == {"url": "https://other.example.org"}


async def test_a_node_that_was_overtaken_finds_what_the_other_made(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes of one database start for the first time: the second one's number is taken already."""
    await first_start(database, chosen())
    found = bootstrap._found_or_made
    attempts = []

    async def overtaken(database: Database, settings: Settings) -> FirstStart:
        attempts.append(1)
        if len(attempts) == 1:
            raise Duplicate("sipUri")
        return await found(database, settings)

    monkeypatch.setattr(bootstrap, "_found_or_made", overtaken)

    assert await first_start(database, chosen()) == FirstStart(None, True)
