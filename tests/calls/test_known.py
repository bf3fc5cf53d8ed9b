"""What routing reads is read once, and anew as soon as somebody has changed something."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.calls.directory.directory_cache import DirectoryCache
from offhook.calls.directory.documented import Documented
from offhook.calls.directory.stored_directory import StoredDirectory
from offhook.calls.trunks.stored_trunks import StoredTrunks
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.store import Database, IdMaker
from tests.store.databases import make_newest


class Counting(StoredDirectory):
    reads = 0

    async def assistant(self, org_id: str, assistant_id: str) -> Documented[AssistantOverrides] | None:
        self.reads += 1
        return await super().assistant(org_id, assistant_id)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'known.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: 1.0, new_id=IdMaker(lambda: 1.0, random.Random(1)))
    yield database
    await database.close()


async def fail_to_rename(database: Database, org_id: str) -> None:
    async with database.transaction() as tx:
        await tx.orgs.replace(org_id, {"name": "Other"})
        raise RuntimeError


async def test_is_read_once(database: Database) -> None:
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
        made = await tx.assistants.create(org.id, {"name": "Ann"})
    stored = Counting(database)
    known = DirectoryCache(stored, database)

    first = await known.assistant(org.id, made.id)
    again = await known.assistant(org.id, made.id)

    assert first == again
    assert first is not None
    assert (first.document["name"], first.document["id"], first.document["orgId"]) == ("Ann", made.id, org.id)
    assert stored.reads == 1


async def test_a_change_is_seen_by_the_next_call(database: Database) -> None:
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
        made = await tx.assistants.create(org.id, {"name": "Ann"})
    known = DirectoryCache(StoredDirectory(database), database)
    await known.assistant(org.id, made.id)

    async with database.transaction() as tx:
        await tx.assistants.replace(org.id, made.id, {"name": "Bea"})

    found = await known.assistant(org.id, made.id)
    assert found is not None
    assert found.settings.name == "Bea"


async def test_what_is_deleted_is_gone_and_what_is_new_is_found(database: Database) -> None:
    known = DirectoryCache(StoredDirectory(database), database)
    assert await known.number("bob") is None

    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
        made = await tx.phone_numbers.create(org.id, {"sipUri": "sip:bob@example.org"})
    found = await known.number("bob")
    async with database.transaction() as tx:
        await tx.phone_numbers.delete(org.id, made.id)

    assert found is not None
    assert found.settings.id == made.id
    assert await known.number("bob") is None


async def test_a_change_that_was_rolled_back_changes_nothing(database: Database) -> None:
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
    stored = DirectoryCache(StoredDirectory(database), database)
    await stored.org(org.id)
    generation = database.generation

    with pytest.raises(RuntimeError):
        await fail_to_rename(database, org.id)

    assert database.generation == generation
    assert (await stored.org(org.id)).name == "Org"


@pytest.mark.parametrize("shared", [False, True])
async def test_the_trunks_are_read_by_one_for_all_calls_that_come_at_once(
    database: Database, shared: bool
) -> None:
    class Slow(StoredDirectory):
        reads = 0

        async def trunks(self) -> StoredTrunks:
            self.reads += 1
            return await super().trunks()

    database.shared = shared
    stored = Slow(database)
    known = DirectoryCache(stored, database)

    found = await asyncio.gather(*(known.trunks() for _ in range(9)))

    assert all(one is found[0] for one in found)
    assert stored.reads == 1
