"""Calls in a real database: many written together, each in its order, none lost to a store that refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from offhook.calls.directory.directory_cache import DirectoryCache
from offhook.calls.directory.stored_directory import StoredDirectory
from offhook.calls.ledger import stored_ledger
from offhook.calls.ledger.changes import change_of
from offhook.calls.ledger.stored_ledger import StoredLedger
from offhook.calls.privacy import PrivacyDecision
from offhook.calls.record import messages
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Outgoing
from offhook.conversation.transcript import ConversationTranscript
from offhook.schema.base import document
from offhook.schema.webhooks.server_message import Body
from offhook.store import CallChange, Database, IdMaker, NewCall, StoreError
from offhook.webhooks.client import Client
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import Receiver
from tests.calls.documents import record_of
from tests.machine import PATIENCE
from tests.store.databases import make_newest

NODE = "node-1"
NOW = 1_790_000_000.0
SERVER = Receiver("http://owner.test/hook")


class Moody:
    """The real database, which may refuse everything for a while: a full disk, a server that is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.refuses = False
        self.commits = 0
        self.attempts = 0

    async def write_calls(self, writes: Sequence[NewCall | CallChange]) -> Sequence[bool]:
        self.attempts += 1
        if self.refuses:
            raise StoreError("cannot write: disk full")
        written = await self._database.write_calls(writes)
        self.commits += 1
        return written


class Written:
    """A ledger with its store, and a look at what is in it."""

    def __init__(self, database: Database, org_id: str) -> None:
        self.database = database
        self.org_id = org_id
        self.moody = Moody(database)
        client = cast("Client", None)
        outbox = Outbox(database, client, node=NODE, now=lambda: NOW, rng=random.Random(1))
        self.ledger = StoredLedger(cast("Database", self.moody), outbox, NODE)

    def record(self, call_id: str, **more: Any) -> CallRecord:
        number = {"id": None, "orgId": self.org_id}
        known: dict[str, Any] = {
            "call_id": call_id, "org_id": self.org_id, "number": number, "sip_call_id": "s",
            "customer": {}, "created_at": NOW, "offset": 0.0,
        }  # fmt: skip
        return record_of(**{**known, **more})

    def end(self, record: CallRecord, reason: str = "customer-ended-call") -> asyncio.Future[None]:
        record.status, record.ended_reason, record.ended_at = "ended", reason, NOW
        return self.say(record, "end-of-call-report")

    def say(self, record: CallRecord, kind: str) -> asyncio.Future[None]:
        return self.ledger.save(record, [Outgoing(kind, {"message": {"type": kind}}, SERVER)])

    async def statuses(self) -> dict[str, str]:
        async with self.database.reading() as tx:
            rows = await tx.calls.unfinished(NODE)
            unfinished = {row.id: row.document["status"] for row in rows}
            said = await tx.outbox.list(self.org_id, limit=1000)
        return unfinished | {one.call_id: "ended" for one in said if one.type == "end-of-call-report"}

    async def said(self, call_id: str) -> list[str]:
        async with self.database.reading() as tx:
            rows = await tx.outbox.list(self.org_id, call_id=call_id, limit=1000)
            bodies = [await tx.outbox.body(one.id) for one in sorted(rows, key=lambda one: one.position)]
        return [json.loads(body or "")["message"]["type"] for body in bodies]


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Written]:
    monkeypatch.setattr(stored_ledger, "AGAIN_SECONDS", (0.01,))
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
    written = Written(database, org.id)
    written.ledger.start()
    yield written
    written.moody.refuses = False
    await asyncio.wait_for(written.ledger.close(), PATIENCE)
    await database.close()


async def until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.002)


async def test_writes_that_wait_share_one_commit(house: Written) -> None:
    records = [house.record(f"c{number}") for number in range(40)]
    begun = [house.ledger.begin(record) for record in records]
    done = [house.end(record) for record in records]
    await asyncio.wait([*begun, *done])

    assert house.moody.commits <= 2
    assert await house.statuses() == {record.id: "ended" for record in records}


async def test_the_loop_has_its_turn_between_the_calls_of_a_batch(
    house: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, made_in = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def noted(*args: Any) -> CallChange:
        made_in.append(turns)
        return change_of(*args)

    monkeypatch.setattr(stored_ledger, "change_of", noted)
    records = [house.record(f"c{number}") for number in range(40)]
    await asyncio.wait([house.ledger.begin(record) for record in records])
    counting = asyncio.create_task(count())
    await asyncio.wait([house.say(record, "status-update") for record in records])
    counting.cancel()

    assert len(made_in) == 40
    assert len(set(made_in)) == 40


async def test_a_call_s_messages_keep_their_order(house: Written) -> None:
    record = house.record("c1")
    house.ledger.begin(record)
    kinds = [f"message-{number}" for number in range(500)]
    for kind in kinds:
        last = house.say(record, kind)
    await asyncio.wait_for(last, PATIENCE)

    assert await house.said("c1") == kinds


async def test_what_was_said_so_far_is_kept_with_a_call_that_goes_on(house: Written) -> None:
    class Kept:
        def to_messages(self, offset_epoch: float, started_at: float) -> list[dict[str, Any]]:
            return [{"role": "user", "message": "Hello?"}]

        def to_openai(self) -> list[dict[str, Any]]:
            return []

        def to_text(self, user_name: str = "User", assistant_name: str = "AI") -> str:
            return ""

    record = house.record("c1", transcript=Kept())
    await house.ledger.begin(record)
    await house.ledger.save(record, [])
    async with house.database.reading() as tx:
        (row,) = await tx.calls.unfinished(NODE)

    assert row.document["messages"] == [{"role": "user", "message": "Hello?"}]


async def test_no_message_keeps_its_body_once_words_are_not_to_be_kept(
    house: Written,
) -> None:
    async def bodies() -> dict[str, str | None]:
        async with house.database.reading() as tx:
            found = await tx.outbox.list(house.org_id, call_id="c1")
            return {one.type: await tx.outbox.body(one.id) for one in found}

    async def deliver() -> None:
        async with house.database.transaction() as tx:
            found = await tx.outbox.list(house.org_id, call_id="c1", state="pending")
            await tx.outbox.delivered([one.id for one in found], status=200)

    record = house.record("c1")
    await house.ledger.begin(record)
    await house.say(record, "transcript")
    await deliver()
    await house.say(record, "speech-update")
    assert all((await bodies()).values())

    record.kept = PrivacyDecision(words=False)
    await house.say(record, "hang")
    told = await bodies()
    assert (told["transcript"], told["speech-update"] != "", told["hang"] != "") == ("", True, True)
    await house.end(record)
    await deliver()
    assert set((await bodies()).values()) == {""}


@pytest.mark.parametrize("before", [PrivacyDecision(), PrivacyDecision(words=False)])
async def test_no_table_has_a_word_of_such_a_call_once_its_messages_are_delivered(
    house: Written, tmp_path: Path, before: PrivacyDecision
) -> None:
    def dump() -> str:
        with contextlib.closing(sqlite3.connect(tmp_path / "calls.db")) as file:
            return "\n".join(file.iterdump())

    def tell(body: Body) -> asyncio.Future[None]:
        whole = messages.message(body, record, NOW)
        return house.ledger.save(record, [Outgoing(body.type, whole, SERVER)])

    transcript = ConversationTranscript()
    record = house.record("c1", transcript=transcript, started_at=NOW, kept=before)
    await house.ledger.begin(record)
    for turn in range(4):
        transcript.add_bot(turn + 0.1).extend(f"Flu number {turn}?", turn + 0.4)
        transcript.add_user(f"The flu, {turn} times.", turn + 0.5, turn + 0.9)
        await tell(messages.conversation_update(record))
        if turn == 1:
            record.kept = PrivacyDecision(words=False)
    record.status, record.ended_reason, record.ended_at = "ended", "customer-ended-call", NOW + 5
    await tell(messages.end_of_call_report(record))
    async with house.database.transaction() as tx:
        waiting = await tx.outbox.list(house.org_id, call_id="c1")
        await tx.outbox.delivered([one.id for one in waiting[1:]], status=200)
        report = await tx.outbox.find(house.org_id, waiting[0].id)
    assert report is not None
    assert (
        json.loads(str(report.body))["message"]["artifact"]["messages"][-1]["message"] == "The flu, 3 times."
    )

    async with house.database.transaction() as tx:
        await tx.outbox.delivered([report.id], status=200)
    assert "customer-ended-call" in dump()
    assert "flu" not in dump().lower()


async def test_one_step_that_cannot_be_written_takes_no_other_with_it(
    house: Written, caplog: pytest.LogCaptureFixture
) -> None:
    poison = house.record("poison", customer={"name": object()})
    stranger = house.record("stranger", org_id="no-such-org")
    records = [house.record(f"c{number}") for number in range(5)]
    futures = [house.ledger.begin(record) for record in (records[0], poison, stranger, *records[1:])]
    await asyncio.wait(futures, timeout=PATIENCE)
    await asyncio.wait([house.end(record) for record in records], timeout=PATIENCE)
    await until(lambda: not house.ledger._waiting)
    for number in range(10):
        await house.ledger.begin(house.record(f"later-{number}"))
        await asyncio.sleep(0.02)

    statuses = await house.statuses()
    assert {statuses[record.id] for record in records} == {"ended"}
    assert statuses["later-9"] == "ringing"
    assert not {"poison", "stranger"} & statuses.keys()
    blamed = [one.message for one in caplog.records if "could not be stored" in one.message]
    assert [line.split()[0] for line in blamed] == ["call=poison", "call=stranger"]


async def test_calls_that_can_never_be_written_do_not_hold_up_those_behind_them(house: Written) -> None:
    """Two in a row look like a store that refuses; whoever waits behind them comes first the next time."""
    strangers = [house.record(f"stranger-{number}", org_id=f"gone-{number}") for number in range(2)]
    for record in strangers:
        house.ledger.begin(record)
        house.end(record)
    good = house.record("good")
    house.ledger.begin(good)
    house.end(good)
    async with asyncio.timeout(PATIENCE):
        while (await house.statuses()).get("good") != "ended":
            await asyncio.sleep(0.005)


async def test_a_full_disk_delays_what_is_written_and_loses_nothing(
    house: Written, caplog: pytest.LogCaptureFixture
) -> None:
    records = [house.record(f"c{number}") for number in range(6)]
    await asyncio.wait([house.ledger.begin(record) for record in records])
    house.moody.refuses = True
    # Nobody waits for a disk: the futures are done at the first attempt.
    waits = [house.say(record, "status-update") for record in records] + [
        house.end(record) for record in records
    ]
    await asyncio.wait_for(asyncio.wait(waits), PATIENCE)
    late = house.record("late")
    await asyncio.wait_for(house.ledger.begin(late), PATIENCE)
    await asyncio.wait_for(house.end(late), PATIENCE)
    await until(lambda: house.moody.attempts > 20)
    assert set((await house.statuses()).values()) == {"ringing"}
    house.moody.refuses = False
    await until(lambda: not house.ledger._waiting)
    await house.ledger.begin(house.record("after"))

    statuses = await house.statuses()
    assert statuses.pop("after") == "ringing"
    assert set(statuses.values()) == {"ended"}
    assert len(statuses) == 7
    for record in records:
        assert await house.said(record.id) == ["status-update", "end-of-call-report"]
    told = [one.message for one in caplog.records]
    assert len([line for line in told if "retrying" in line]) == 1
    assert len([line for line in told if "stored again" in line]) == 1


async def test_what_waits_for_a_disk_is_bounded_but_ends_are_always_taken(
    house: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_ledger, "MOST_WAITING", 5)
    record = house.record("c1")
    await house.ledger.begin(record)
    house.moody.refuses = True
    for number in range(100):
        await asyncio.wait_for(house.say(record, f"message-{number}"), PATIENCE)
    await asyncio.wait_for(house.end(record), PATIENCE)
    assert len(house.ledger._waiting) <= 11  # as many again are being written, and the end
    house.moody.refuses = False
    await until(lambda: not house.ledger._waiting)
    await house.ledger.begin(house.record("after"))

    said = await house.said("c1")
    assert said[0] == "message-0"
    assert said[-1] == "end-of-call-report"
    assert len(said) <= 12


async def test_a_call_is_ended_and_reported_once(house: Written) -> None:
    record = house.record("c1")
    await house.ledger.begin(record)
    await house.end(record, "customer-ended-call")
    await house.end(record, "worker-shutdown")
    await house.say(record, "speech-update")

    assert await house.said("c1") == ["end-of-call-report"]
    async with house.database.reading() as tx:
        row = await tx.calls.get(house.org_id, "c1")
    assert row is not None
    assert row.document["endedReason"] == "customer-ended-call"


async def test_a_node_that_stops_while_the_disk_is_full_does_not_hang(
    house: Written, caplog: pytest.LogCaptureFixture
) -> None:
    record = house.record("c1")
    await house.ledger.begin(record)
    house.moody.refuses = True
    await house.end(record)
    await asyncio.wait_for(house.ledger.close(), PATIENCE)

    assert "1 writes of calls are given up" in caplog.text
    # It is left to the next start, which ends every call that has not ended.
    assert await house.statuses() == {"c1": "ringing"}


async def test_what_can_be_written_is_written_before_the_node_stops(house: Written) -> None:
    for number in range(2):
        house.ledger.begin(house.record(f"stranger-{number}", org_id=f"gone-{number}"))
    good = house.record("good")
    house.ledger.begin(good)
    house.end(good)
    await asyncio.wait_for(house.ledger.close(), PATIENCE)

    assert await house.statuses() == {"good": "ended"}


async def test_what_is_handed_in_is_written_before_the_node_stops(house: Written) -> None:
    record = house.record("c1")
    house.ledger.begin(record)
    house.end(record)
    await house.ledger.close()

    assert await house.statuses() == {"c1": "ended"}


async def test_routing_reads_what_is_stored(house: Written) -> None:
    async with house.database.transaction() as tx:
        number = await tx.phone_numbers.create(house.org_id, {"sipUri": "sip:Desk@offhook.test", "name": "n"})
        assistant = await tx.assistants.create(house.org_id, {"name": "Desk"})
        squad = await tx.squads.create(house.org_id, {"members": []})
        credential = await tx.credentials.create(house.org_id, {"provider": "webhook"})
        trunk = {"provider": "byo-sip-trunk", "gateways": [{"ip": "198.41.0.4"}]}
        await tx.credentials.create(house.org_id, trunk)
        other = await tx.orgs.create({"name": "Other"})
    directory = StoredDirectory(house.database)

    found = await directory.number("dESK")
    assert found is not None
    assert (found.document["id"], found.settings.org_id, found.settings.name) == (
        number.id,
        house.org_id,
        "n",
    )
    assert await directory.number("nobody") is None
    assert (await directory.org(house.org_id)).name == "Org"
    assert document(await directory.org("nobody")) == {}
    for find, identity in (
        (directory.assistant, assistant.id),
        (directory.squad, squad.id),
        (directory.credential, credential.id),
    ):
        assert await find(house.org_id, identity) is not None
        assert await find(other.id, identity) is None
    cache = DirectoryCache(directory, house.database)
    for _ in range(2):
        assert list((await cache.credentials_for(house.org_id, "byo-sip-trunk")).values()) == [trunk]
        assert list(await cache.credentials_for(house.org_id, "webhook")) == [credential.id]
        assert await cache.credentials_for(other.id, "byo-sip-trunk") == {}
    async with house.database.transaction() as tx:
        newer = await tx.credentials.create(house.org_id, {**trunk, "name": "newer"})
    assert next(iter(await cache.credentials_for(house.org_id, "byo-sip-trunk"))) == newer.id
