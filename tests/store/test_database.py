from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import OperationalError

from offhook.store import (
    Database,
    IdMaker,
    NewCall,
    NewMessage,
    StoreError,
    connecting,
    migrate,
    tables,
    upgrade,
)
from offhook.store.connecting import (
    WAL_RETRY_SECONDS,
    SqliteThread,
    explain,
    parse_url,
    write_ahead,
    writing_engine,
)
from offhook.store.outbox_rows import message_values
from offhook.store.tables import metadata
from tests.machine import PATIENCE
from tests.store.databases import Clock

CHILD = Path(__file__).parent / "committing_child.py"


async def opened(url: str, clock: Clock) -> Database:
    return await Database.open(url, now=clock, new_id=IdMaker(clock, random.Random(1)))


# -- transactions -----------------------------------------------------------------------------


async def test_what_raised_is_rolled_back_and_calls_nobody(database: Database) -> None:
    called: list[str] = []

    async def fail() -> None:
        async with database.transaction() as tx:
            await tx.orgs.create({"name": "never"})
            tx.after_commit(lambda: called.append("no"))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with database.transaction() as tx:
        assert await tx.orgs.list() == []
        tx.after_commit(lambda: called.append("yes"))
        assert called == []
    assert called == ["yes"]


async def test_a_cancelled_transaction_is_rolled_back_and_holds_up_nobody(database: Database) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as tx:
            await tx.orgs.create({"name": "never"})
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.transaction() as tx:
        assert await tx.orgs.list() == []
        await tx.orgs.create({"name": "next"})


async def test_errors_of_the_block_are_not_the_databases(database: Database) -> None:
    with pytest.raises(ConnectionResetError):
        async with database.transaction():
            raise ConnectionResetError


async def test_many_writers_take_turns(database: Database) -> None:
    async def write(index: int) -> None:
        async with database.transaction() as tx:
            org = await tx.orgs.create({"n": index})
            found = await tx.orgs.get(org.id)
            assert found is not None
            await tx.orgs.replace(org.id, {"n": index + found.document["n"]})

    await asyncio.gather(*(write(index) for index in range(150)))
    async with database.reading() as tx:
        written = sorted(org.document["n"] for org in await tx.orgs.list())
    assert written == [2 * index for index in range(150)]


async def test_reading_does_not_wait_for_a_writer_and_sees_only_what_is_committed(database: Database) -> None:
    async with database.transaction() as writer:
        await writer.orgs.create({})
        async with database.reading() as reader:
            assert await reader.orgs.list() == []
    async with database.reading() as reader:
        assert len(await reader.orgs.list()) == 1


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError):
        async with database.reading() as tx:
            await tx.orgs.create({})


async def test_a_writer_waits_for_another_process(tmp_path: Path, clock: Clock) -> None:
    url = f"sqlite:///{tmp_path}/offhook.db"
    await upgrade(url)
    database = await opened(url, clock)
    other = sqlite3.connect(tmp_path / "offhook.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.1, other.execute, "COMMIT")
    async with database.transaction() as tx:
        await tx.orgs.create({})
    await database.close()
    other.close()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_full_disk_loses_nothing_and_is_over_when_there_is_room(database: Database) -> None:
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "kept"})
        await tx.execute(sa.text("PRAGMA max_page_count=60"))
    with pytest.raises(StoreError, match="make room on the disk"):
        async with database.transaction() as tx:
            await tx.orgs.create({"name": "x" * 1_000_000})
    async with database.transaction() as tx:
        assert [found.id for found in await tx.orgs.list()] == [org.id]
        await tx.execute(sa.text("PRAGMA max_page_count=1000000"))
    async with database.transaction() as tx:
        await tx.orgs.create({"name": "x" * 1_000_000})


def _page_limit(pages: int) -> Callable[[sa.Connection], None]:
    return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").close()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_full_disk_refuses_what_is_written_at_once_and_takes_it_later(database: Database) -> None:
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "kept"})
    call = NewCall(org.id, "call", {"x": "y" * 1_000_000}, "ringing")
    await database.at_once(_page_limit(60))
    with pytest.raises(StoreError, match="make room on the disk"):
        await database.write_calls([call])
    await database.at_once(_page_limit(1_000_000))
    assert await database.write_calls([call]) == [True]


async def test_what_is_written_at_once_waits_for_its_turn_and_says_who_holds_the_file(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "LOCKED_SECONDS", 0)
    url = f"sqlite:///{tmp_path / 'held.db'}"
    await upgrade(url)
    database = await opened(url, clock)
    async with database.transaction() as tx:
        org = await tx.orgs.create({})
    call = NewCall(org.id, "call", {}, "ringing")
    with contextlib.closing(sqlite3.connect(tmp_path / "held.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="held by another process"):
            await database.write_calls([call])
        other.execute("ROLLBACK")
    async with database.transaction() as tx:
        writing = asyncio.create_task(database.write_calls([call]))
        await asyncio.sleep(0)
        await tx.orgs.create({})
    assert await writing == [True]
    await database.close()


# -- opening ----------------------------------------------------------------------------------


async def test_an_empty_database_says_what_to_run(empty_url: str, clock: Clock) -> None:
    with pytest.raises(StoreError, match="offhook db upgrade"):
        await opened(empty_url, clock)


async def test_a_database_of_the_first_revision_is_brought_up_with_all_that_is_in_it(
    empty_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = command.upgrade
    with monkeypatch.context() as at_first:
        at_first.setattr(command, "upgrade", lambda config, _: to(config, "0001"))
        at_first.setattr(migrate, "_check_tables", lambda connection: None)  # later tables are not there yet
        await upgrade(empty_url)
    with pytest.raises(StoreError, match="older Offhook"):
        await opened(empty_url, clock)
    engine = writing_engine(parse_url(empty_url))
    message = NewMessage("id", "status-update", "h:80", {"url": "u"}, '{"message":{"of":"old"}}')
    values = message_values(message, "org", "call", 1)
    del values["parts"]
    said = [{"role": "user", "message": "Hello?"}]
    async with engine.begin() as connection:
        await connection.execute(sa.insert(tables.outbox), values)
        org = {"id": "org", "created_at": 1, "updated_at": 1, "document": {}}
        await connection.execute(sa.insert(tables.orgs), org)
        call = {
            **{**org, "id": "call", "org_id": "org", "document": {"status": "in-progress", "messages": said}},
            **{"status": "in-progress", "rank": 3, "node": "gone"},
        }
        await connection.execute(sa.insert(tables.calls), call)
        for user in ("+1-555-010-1001", "1(555)", "1555", "alice", "desk;room=4"):
            row = {**org, "id": user, "org_id": "org", "sip_user": user}
            await connection.execute(sa.insert(tables.phone_numbers), row)
    await engine.dispose()

    await upgrade(empty_url)
    database = await opened(empty_url, clock)
    async with database.transaction() as tx:
        assert [row.id for row in await tx.outbox.due(1, 10, busy_hosts=[], busy_orgs=[])] == ["id"]
        assert await tx.outbox.body("id") == '{"message":{"of":"old"}}'
        (left,) = await tx.calls.unfinished("gone")
        assert left.document["messages"] == said
        # As they were written once, and another that is written as one of them is called.
        for called, user in (
            ("+15550101001", "+1-555-010-1001"),
            ("1555", "1555"),
            ("Alice", "alice"),
            ("desk;room=4", "desk;room=4"),
        ):
            found = await tx.phone_numbers.by_sip_user(called)
            assert found is not None
            assert found.id == user
    await database.close()


async def test_a_newer_database_is_refused(empty_url: str, clock: Clock) -> None:
    await upgrade(empty_url)
    engine = writing_engine(parse_url(empty_url))
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(StoreError, match="newer Offhook"):
        await opened(empty_url, clock)


async def test_what_is_committed_is_on_the_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    """No test can cut the power. This is what SQLite needs to be told for it, on both ways to write."""
    url = parse_url(f"sqlite:///{tmp_path}/offhook.db")
    engine, thread = writing_engine(url), SqliteThread(url)

    async with engine.begin() as connection:
        told = [(await connection.exec_driver_sql("PRAGMA synchronous")).scalar()]
    await engine.dispose()
    told.append(await thread.run(lambda writing: writing.exec_driver_sql("PRAGMA synchronous").scalar()))
    thread.close()

    full = 2
    assert told == [full, full]


def test_a_new_file_that_somebody_writes_to_gets_its_write_ahead_log_afterwards(tmp_path: Path) -> None:
    """Two processes that start at once on one new file; SQLite itself does not wait here."""
    writer, waiting = (
        sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False) for _ in range(2)
    )
    with contextlib.closing(writer), contextlib.closing(waiting), ThreadPoolExecutor(1) as pool:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            waiting.execute("PRAGMA journal_mode=WAL")

        switched = pool.submit(write_ahead, waiting)
        with pytest.raises(TimeoutError):
            switched.result(2 * WAL_RETRY_SECONDS)
        writer.execute("ROLLBACK")
        switched.result()

        assert waiting.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_upgrading_gives_exactly_the_tables_of_the_code(empty_url: str) -> None:
    await asyncio.gather(*(upgrade(empty_url) for _ in range(3)))
    await upgrade(empty_url)
    engine = writing_engine(parse_url(empty_url))
    async with engine.begin() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}), metadata
            )
        )
    await engine.dispose()
    assert differences == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:////nowhere/at/all/offhook.db", "create the folder /nowhere/at/all"),
        ("sqlite://", "names no file"),
        ("mysql://x/y", "use postgresql or sqlite"),
        ("not a url", "cannot be read"),
        ("postgresql://user:hunter2@127.0.0.1:1/x", "127.0.0.1:1/x cannot be used: nothing answers"),
        ("postgresql://user:hunter2@127.0.0.1:99999/x", "port 99999"),
    ],
)
async def test_what_cannot_be_opened_says_why_in_one_line(url: str, says: str, clock: Clock) -> None:
    for attempt in (opened(url, clock), upgrade(url)):
        with pytest.raises(StoreError) as caught:
            await attempt
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "hunter2" not in str(caught.value)


async def test_postgresql_without_its_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(StoreError, match=r"pip install 'offhook\[postgresql\]'"):
        await upgrade("postgresql://me@127.0.0.1:1/phones")


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "offhook.db"
    file.write_bytes(b"a letter to my aunt" * 100)
    for attempt in (opened(f"sqlite:///{file}", clock), upgrade(f"sqlite:///{file}")):
        with pytest.raises(StoreError, match="is no database"):
            await attempt
    assert file.read_bytes() == b"a letter to my aunt" * 100


def full_disk(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count=4")
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")


def read_only(file: Path) -> None:
    sqlite3.connect(file).close()
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.execute("CREATE TABLE t (x)")


def held(file: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as one,
        contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as two,
    ):
        one.execute("BEGIN IMMEDIATE")
        two.execute("BEGIN IMMEDIATE")


@pytest.mark.parametrize(
    ("fail", "says"),
    [(full_disk, "make room on the disk"), (read_only, "writable for this user"), (held, "another process")],
)
def test_sqlites_own_errors_say_what_to_do(fail: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    file = tmp_path / "offhook.db"
    with pytest.raises(sqlite3.OperationalError) as caught:
        fail(file)
    url = parse_url(f"sqlite:///{file}")
    told = str(explain(OperationalError("statement", {}, caught.value), url))
    assert says in told
    assert str(file) in told


# -- kill -9 ----------------------------------------------------------------------------------


FLU = "The flu, three times. " * 500


async def _told_of_the_flu(tmp_path: Path, clock: Clock) -> Database:
    """A database with a message of the call c that is kept, and one of d, named p, that is not."""
    url = f"sqlite:///{tmp_path}/offhook.db"
    await upgrade(url)
    database = await opened(url, clock)
    message: dict[str, Any] = {"call_id": "c", "type": "hang", "host": "h:80", "receiver": {"url": "u"}}
    async with database.transaction() as tx:
        await tx.outbox.put(org_id="o", body=FLU, **message)
        passing = NewMessage("p", "hang", "h:80", {"url": "u"}, FLU, passing=True)
        await tx.outbox.add(passing, "o", "d")
    return database


def _with_the_flu(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if b"The flu" in file.read_bytes()]


async def test_what_is_erased_is_not_left_in_the_file(tmp_path: Path, clock: Clock) -> None:
    database = await _told_of_the_flu(tmp_path, clock)
    async with database.transaction() as tx:
        await tx.outbox.erase("o", "c")
    await database.note_delivered({200: ["p"]})
    await database.close()

    assert _with_the_flu(tmp_path) == []


@pytest.mark.parametrize("ends", ["delivered", "noted", "abandoned"])
async def test_what_is_erased_is_in_no_file_while_the_service_goes_on(
    ends: str, tmp_path: Path, clock: Clock
) -> None:
    database = await _told_of_the_flu(tmp_path, clock)
    async with database.transaction() as tx:
        await tx.outbox.erase("o", "c")
    if ends == "noted":
        await database.note_delivered({200: ["p"]})
    else:
        async with database.transaction() as tx:
            if ends == "delivered":
                await tx.outbox.delivered(["p"], status=200)
            else:
                await tx.outbox.abandoned("p", attempts=9, status=None, error="gone")
    assert _with_the_flu(tmp_path) != []

    async with database.reading() as reader:  # somebody still sees it as it was
        await reader.outbox.list("o")
        await database.write_over()
    await database.write_over()

    assert _with_the_flu(tmp_path) == []
    await database.close()


async def test_what_was_promised_survives_kill_9(empty_url: str, clock: Clock) -> None:
    await upgrade(empty_url)
    promised: set[str] = set()
    rng = random.Random(9)
    for _ in range(4):
        child = subprocess.Popen([sys.executable, str(CHILD), empty_url], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(rng.randint(1, 40)):
            promised.add(child.stdout.readline().strip())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split("\n")
        promised.update(rest[:-1])  # the last line may be half of one
        child.wait(PATIENCE)
        child.stdout.close()
    database = await opened(empty_url, clock)
    async with database.reading() as tx:
        rows = {row.id: row for row in await tx.outbox.list("org", limit=100_000)}
        for webhook_id in promised:
            # The message and the state it reports are there, both or neither.
            assert await tx.outbox.body(webhook_id) == rows[webhook_id].call_id
        for row in rows.values():
            assert await tx.calls.find(row.call_id) is not None
    await database.close()
    assert len(promised) >= 4
