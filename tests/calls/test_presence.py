"""Nodes that share a database: whoever is gone, the others end its calls and report them, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from offhook.calls.ledger import presence
from offhook.calls.ledger.presence import Presence
from offhook.calls.ledger.recovery import WORKER_DIED, end_orphans
from offhook.calls.ledger.stored_ledger import StoredLedger
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Outgoing
from offhook.store import Database, IdMaker
from offhook.webhooks.client import Client
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import Receiver
from tests.calls.documents import record_of
from tests.machine import PATIENCE
from tests.store.databases import (
    Clock,
    clock,
    cluster,
    database,
    database_kind,
    newest_postgres_url,
    newest_sqlite_url,
    newest_url,
)

__all__ = [
    "clock",
    "cluster",
    "database",
    "database_kind",
    "newest_postgres_url",
    "newest_sqlite_url",
    "newest_url",
]

SERVER = "http://owner.test/hook"


class Node:
    """One of several on the same database."""

    def __init__(self, name: str, url: str, opened: Database, folder: Path) -> None:
        self.name = name
        self.database = opened
        self.hung_up: list[str] = []
        self.held: list[str] = []
        self.ended = 0
        outbox = Outbox(opened, cast("Client", None), node=name, now=lambda: 1.0, rng=random.Random(1))
        self.ledger = StoredLedger(opened, outbox, name, self.hung_up.append)
        self.ledger.start()

        async def end_calls_of(gone: str) -> int:
            ended = await end_orphans(opened, outbox, gone, lambda: 1.0, folder, lambda call_id: {})
            self.ended += ended
            return ended

        self.presence = Presence(
            opened,
            name,
            end_calls_of=end_calls_of,
            held=lambda: self.held,
            hang_up=self.hung_up.append,
        )

    def pause(self) -> None:
        """As SIGSTOP does."""
        assert self.presence.task is not None
        self.presence.task.cancel()

    def go_on(self) -> None:
        self.presence.task = asyncio.create_task(self.presence._run())

    def record(self, call_id: str, org_id: str, status: str = "in-progress") -> CallRecord:
        number = {"id": None, "orgId": org_id}
        record = record_of(call_id, org_id, number, "sip", {}, 1.0, 0.0)
        record.status = cast("Any", status)
        record.transient_assistant = {"server": {"url": SERVER}}
        self.held.append(call_id)
        return record

    def say(self, record: CallRecord, kind: str) -> asyncio.Future[None]:
        outgoing = Outgoing(kind, {"message": {"type": kind}}, Receiver(SERVER))
        return self.ledger.save(record, [outgoing])


MakeNode = Callable[[str], Any]


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(presence, "AGAIN_SECONDS", 0.05)


@pytest.fixture
async def node(newest_url: str, database: Database, clock: Clock, tmp_path: Path) -> AsyncIterator[MakeNode]:
    made: list[Node] = []

    async def make(name: str) -> Node:
        new_id = IdMaker(clock, random.Random(name))
        opened = await Database.open(newest_url, now=clock, new_id=new_id)
        one = Node(name, newest_url, opened, tmp_path)
        made.append(one)
        await one.presence.start()
        return one

    yield make
    for one in made:
        await one.presence.close()
        await one.ledger.close()
        await one.database.close()


async def an_org(database: Database) -> str:
    async with database.transaction() as tx:
        return (await tx.orgs.create({"name": "Org"})).id


async def told(database: Database, org_id: str, call_id: str) -> list[str]:
    async with database.reading() as tx:
        rows = await tx.outbox.list(org_id, call_id=call_id, limit=100)
    return [row.type for row in sorted(rows, key=lambda row: row.position)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_node_that_is_gone_is_reported_by_one_of_the_others(
    node: MakeNode, database: Database
) -> None:
    org = await an_org(database)
    dead, *others = [await node(name) for name in ("dead", "one", "two", "three")]
    for call_id, status in (("c1", "ringing"), ("c2", "in-progress"), ("c3", "forwarding")):
        await dead.ledger.begin(dead.record(call_id, org, status))
    await others[0].ledger.begin(others[0].record("alive", org))
    dead.pause()
    await until(lambda: sum(one.ended for one in others) == 3)
    await asyncio.sleep(1)

    assert sum(one.ended for one in others) == 3
    for call_id in ("c1", "c2", "c3"):
        assert await told(database, org, call_id) == ["status-update", "end-of-call-report"]
        async with database.reading() as tx:
            row = await tx.calls.get(org, call_id)
        assert row is not None
        assert (row.document["status"], row.document["endedReason"]) == ("ended", WORKER_DIED)
    assert await told(database, org, "alive") == []


async def test_a_node_that_was_only_paused_lets_go_of_what_others_have_ended(
    node: MakeNode, database: Database
) -> None:
    org = await an_org(database)
    paused, other = await node("paused"), await node("other")
    record = paused.record("c1", org)
    await paused.ledger.begin(record)
    paused.pause()
    await until(lambda: other.ended == 1)
    paused.go_on()
    await until(lambda: bool(paused.hung_up))

    # It goes on with new calls, and the other leaves them alone.
    fresh = paused.record("c2", org)
    await paused.ledger.begin(fresh)
    await asyncio.sleep(1)
    record.status, record.ended_reason, record.ended_at = "ended", "customer-ended-call", 2.0
    await paused.say(record, "end-of-call-report")
    assert await told(database, org, "c1") == ["status-update", "end-of-call-report"]
    assert (set(paused.hung_up), other.ended) == ({"c1"}, 1)


async def test_a_call_that_was_ended_elsewhere_is_hung_up_on_at_its_next_word(
    node: MakeNode, database: Database
) -> None:
    org = await an_org(database)
    paused, other = await node("paused"), await node("other")
    record = paused.record("c1", org)
    await paused.ledger.begin(record)
    paused.pause()
    await until(lambda: other.ended == 1)
    await paused.say(record, "conversation-update")
    assert paused.hung_up == ["c1"]
    assert await told(database, org, "c1") == ["status-update", "end-of-call-report"]


async def test_calls_of_a_node_that_nobody_knows_are_ended_too(node: MakeNode, database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        document = {"status": "in-progress", "assistant": {"server": {"url": SERVER}}}
        await tx.calls.begin(org, document, status="in-progress", id="c1", node="of an older version")
    one = await node("one")
    await until(lambda: one.ended == 1)
    assert await told(database, org, "c1") == ["status-update", "end-of-call-report"]


async def test_a_database_that_was_away_makes_nobody_seem_dead(
    node: MakeNode, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = await an_org(database)
    first, second = await node("first"), await node("second")
    await first.ledger.begin(first.record("c1", org))
    await second.ledger.begin(second.record("c2", org))
    transaction = Database.transaction

    def away(self: Database) -> Any:
        raise OSError("no route to host")

    for _ in range(3):
        with monkeypatch.context() as broken:
            broken.setattr(Database, "transaction", away)
            await until(lambda: not first.presence.is_ready() and not second.presence.is_ready())
            await asyncio.sleep(0.5)
        assert Database.transaction is transaction
        await until(lambda: first.presence.is_ready() and second.presence.is_ready())
    assert (first.ended, second.ended, first.hung_up, second.hung_up) == (0, 0, [], [])


async def test_a_doubt_is_looked_into_at_once(
    node: MakeNode, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 3600.0)
    one = await node("one")

    def away(self: Database) -> Any:
        raise OSError("no route to host")

    with monkeypatch.context() as broken:
        broken.setattr(Database, "transaction", away)
        await asyncio.sleep(0.1)
        assert one.presence.is_ready()
        one.presence.doubt()
        await until(lambda: not one.presence.is_ready())
    await until(one.presence.is_ready)
