"""A database that is damaged says so at the start, or fails only what the damage is about."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from offhook.store import Database, IdMaker, StoreError, upgrade
from offhook.store import database as module
from tests.store.databases import Clock

NOT_JSON = ["", "{", '{"name": "half', "[]", "null", "\0", '"text"']


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    await upgrade(f"sqlite:///{tmp_path}/offhook.db")
    return tmp_path / "offhook.db"


async def opened(file: Path, clock: Clock) -> Database:
    return await Database.open(f"sqlite:///{file}", now=clock, new_id=IdMaker(clock, random.Random(1)))


def spoil(file: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement, values)
        connection.commit()


@pytest.mark.parametrize("table", ["calls", "outbox", "call_parts", "nodes", "credentials"])
async def test_a_missing_table_is_said_at_the_start(file: Path, clock: Clock, table: str) -> None:
    spoil(file, f"DROP TABLE {table}")
    with pytest.raises(StoreError, match=f"damaged, it lacks the table {table}: put a backup") as refused:
        await opened(file, clock)
    assert "\n" not in str(refused.value)
    with pytest.raises(StoreError, match=f"it lacks the table {table}"):
        await upgrade(f"sqlite:///{file}")


async def test_a_missing_column_is_said_at_the_start(file: Path, clock: Clock) -> None:
    spoil(file, "ALTER TABLE outbox DROP COLUMN last_error")
    with pytest.raises(StoreError, match="damaged, outbox lacks last_error"):
        await opened(file, clock)


@pytest.mark.parametrize("text", NOT_JSON)
@pytest.mark.parametrize("kind", ["assistants", "phone_numbers", "calls", "credentials"])
async def test_a_document_that_cannot_be_read_fails_its_own_row_alone(
    file: Path, clock: Clock, kind: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = await opened(file, clock)
    async with database.transaction() as tx:
        org = (await tx.orgs.create({"name": "Org"})).id
        repository = getattr(tx, kind)
        bad = await repository.create(org, {"name": "bad", "status": "ringing"})
        good = await repository.create(org, {"name": "good", "status": "ringing"})
    await asyncio.to_thread(spoil, file, f"UPDATE {kind} SET document = ? WHERE id = ?", text, bad.id)

    async with database.transaction() as tx:
        repository = getattr(tx, kind)
        listed = {one.id: one.document for one in await repository.list(org)}
        paged, total = await repository.page(org)
        assert listed == {bad.id: {}, good.id: good.document}
        assert (len(paged), total) == (2, 2)
        assert [one.id for one in (await repository.page(org, search="good"))[0]] == [good.id]
        assert [one.id for one in await repository.list(org, equal={"name": "good"})] == [good.id]
        assert len((await repository.page(org, sort_by="cost"))[0]) == 2
        assert await repository.get(org, good.id) == good
        with pytest.raises(StoreError, match=f"{kind} {bad.id} in the database cannot be read"):
            await repository.get(org, bad.id)
    assert f"{kind} {bad.id}: its document" in caplog.text
    async with database.transaction() as tx:
        gone = await getattr(tx, kind).delete(org, bad.id)
        assert gone is not None
    await database.close()


@pytest.mark.parametrize("text", NOT_JSON)
async def test_an_org_s_document_that_cannot_be_read_leaves_the_others(
    file: Path, clock: Clock, text: str
) -> None:
    database = await opened(file, clock)
    async with database.transaction() as tx:
        bad, good = [await tx.orgs.create({"name": name}) for name in ("bad", "good")]
    await asyncio.to_thread(spoil, file, "UPDATE orgs SET document = ? WHERE id = ?", text, bad.id)
    async with database.reading() as tx:
        assert {one.id: one.document for one in await tx.orgs.list()} == {bad.id: {}, good.id: good.document}
    await database.close()


@pytest.mark.parametrize("column", ["receiver", "parts"])
async def test_a_message_that_is_damaged_holds_up_no_other(file: Path, clock: Clock, column: str) -> None:
    database = await opened(file, clock)
    async with database.transaction() as tx:
        for call in ("bad", "good"):
            await tx.outbox.put(
                org_id="o", call_id=call, type="t", host="h", receiver={"url": "u"}, body="{}"
            )
    await asyncio.to_thread(spoil, file, f"UPDATE outbox SET {column} = ? WHERE call_id = 'bad'", "{no")

    async with database.transaction() as tx:
        due = {one.call_id: one for one in await tx.outbox.due(2**60, 10, busy_hosts=[], busy_orgs=[])}
        assert set(due) == {"bad", "good"}
        assert (due["good"].receiver, await tx.outbox.body(due["good"].id)) == ({"url": "u"}, "{}")
        assert len(await tx.outbox.list("o")) == 2
        found = await tx.outbox.find("o", due["bad"].id)
        assert found is not None
        if column == "parts":
            assert found.body is None
            with pytest.raises(ValueError, match="cannot be read"):
                await tx.outbox.body(found.id)
    await database.close()


async def test_nobody_waits_for_ever_for_a_turn_to_write(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCKED_SECONDS", 0.05)
    database = await opened(file, clock)
    async with database.transaction():
        for _ in range(3):
            with pytest.raises(StoreError, match="others have been writing"):
                async with database.transaction():
                    pytest.fail("two at once")
            with pytest.raises(StoreError, match="others have been writing"):
                await database.write_calls([])
    async with database.transaction() as tx:
        await tx.orgs.create({"name": "later"})
    await database.close()
