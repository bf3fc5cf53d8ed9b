"""What another process writes to the same file is known in time, and nobody asks where all is told."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.calls.directory.directory_cache import DirectoryCache
from offhook.calls.directory.stored_directory import StoredDirectory
from offhook.store import Database, IdMaker, news, upgrade


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """The API's and the calls'."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'two.db'}"
    await upgrade(url)
    opened = [
        await Database.open(url, now=lambda: 1.0, new_id=IdMaker(lambda: 1.0, random.Random(seed)))
        for seed in (1, 2)
    ]
    yield opened[0], opened[1]
    for database in opened:
        await database.close()


async def _renamed(database: Database, org_id: str, name: str) -> None:
    async with database.transaction() as tx:
        await tx.orgs.replace(org_id, {"name": name})


async def test_what_is_told_counts_for_the_next_call(two: tuple[Database, Database]) -> None:
    """Before whoever changed it has its answer."""
    api, calls = two
    async with api.transaction() as tx:
        org = await tx.orgs.create({"name": "First"})
    known = DirectoryCache(StoredDirectory(calls), calls)

    async def tell() -> None:
        calls.changed_elsewhere()
        assert calls.news is not None
        calls.news.heard()

    api.announce = tell
    for name in ("Second", "Third", "Fourth"):
        await _renamed(api, org.id, name)
        assert (await known.org(org.id)).name == name


async def test_what_is_not_told_counts_after_a_while_of_silence(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, calls = two
    async with api.transaction() as tx:
        org = await tx.orgs.create({"name": "First"})
    known = DirectoryCache(StoredDirectory(calls), calls)
    assert calls.news is not None
    calls.news.heard()
    assert (await known.org(org.id)).name == "First"
    await _renamed(api, org.id, "Second")
    assert (await known.org(org.id)).name == "First"

    monkeypatch.setattr(news, "QUIET_SECONDS", 0.0)
    calls.news.heard()
    assert (await known.org(org.id)).name == "Second"
    before = calls.generation
    await known.org(org.id)
    assert calls.generation == before  # nobody has written since


async def test_after_a_silence_it_is_looked_at_whatever_is_told_then(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what was told meanwhile only the beginning may have been kept."""
    api, calls = two
    async with api.transaction() as tx:
        org = await tx.orgs.create({"name": "First"})
    known = DirectoryCache(StoredDirectory(calls), calls)
    assert calls.news is not None
    calls.news.heard()
    assert (await known.org(org.id)).name == "First"
    await _renamed(api, org.id, "Second")
    loop = asyncio.get_running_loop()
    later = loop.time() + 3600
    monkeypatch.setattr(loop, "time", lambda: later)

    calls.news.heard()

    assert (await known.org(org.id)).name == "Second"


async def test_who_is_alone_looks_at_nothing(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, alone = two
    monkeypatch.setattr(news.News, "_look", lambda self: pytest.fail("it looked"))
    await alone.catch_up()
    assert alone.generation == 0


async def test_a_file_that_cannot_be_looked_at_has_no_news(
    two: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "QUIET_SECONDS", 0.0)
    _, calls = two
    assert calls.news is not None
    calls.news.heard()
    calls.news._file = tmp_path / "nowhere.db"
    before = calls.generation
    await calls.catch_up()
    assert calls.generation == before


async def test_only_what_decides_of_calls_is_announced(two: tuple[Database, Database]) -> None:
    api, _ = two
    told: list[str] = []

    async def tell() -> None:
        told.append("changed")

    api.announce = tell
    async with api.transaction() as tx:
        org = await tx.orgs.create({"name": "First"})
    assert told == ["changed"]
    async with api.transaction() as tx:
        await tx.orgs.list()
    with contextlib.suppress(KeyError):
        async with api.transaction() as tx:
            await tx.orgs.replace(org.id, {"name": "never"})
            raise KeyError
    assert told == ["changed"]
