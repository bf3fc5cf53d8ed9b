from __future__ import annotations

import itertools

import pytest

from offhook.store import CallChange, Database, Duplicate, NewCall, NewMessage, StoreError
from offhook.store.call_rows import RANKS
from tests.store.databases import Clock

STATUSES = sorted(RANKS, key=lambda status: RANKS[status])


async def an_org(database: Database) -> str:
    async with database.transaction() as tx:
        return (await tx.orgs.create({})).id


async def test_a_status_moves_forward_or_stays(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        for before, after in itertools.product(STATUSES, STATUSES):
            call = await tx.calls.begin(org, {"n": 1}, status=before, node="here")
            moved = await tx.calls.save(org, call.id, {"n": 2}, status=after, ended_reason="why")
            found = await tx.calls.get(org, call.id)
            assert moved == (RANKS[after] >= RANKS[before] and before != "ended"), (before, after)
            assert found is not None
            assert found.document == {"n": 2 if moved else 1}
            status = after if moved else before
            assert await tx.calls.list(org, equal={"status": status, "id": call.id}) == [found]


async def test_a_call_ends_once(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        call = await tx.calls.begin(org, {}, status="ringing", node="here")
        assert await tx.calls.save(org, call.id, {"by": "the caller"}, status="ended", ended_reason="a")
        assert not await tx.calls.save(org, call.id, {"by": "recovery"}, status="ended", ended_reason="b")
        assert [row.document["by"] for row in await tx.calls.list(org, equal={"endedReason": "a"})] == [
            "the caller"
        ]
        assert await tx.calls.list(org, equal={"endedReason": "b"}) == []


async def test_a_foreign_or_unknown_call_is_not_written(database: Database) -> None:
    ours, theirs = await an_org(database), await an_org(database)
    async with database.transaction() as tx:
        call = await tx.calls.begin(theirs, {}, status="ringing", node="here")
        assert not await tx.calls.save(ours, call.id, {}, status="ended")
        assert not await tx.calls.save(ours, "nothing", {}, status="ended")


async def test_what_a_crash_left_behind_is_found_by_its_node(database: Database, clock: Clock) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        running = await tx.calls.begin(org, {}, status="ringing", node="a", phone_number_id="n")
        clock.seconds += 1
        second = await tx.calls.begin(org, {}, status="ringing", node="a")
        await tx.calls.begin(org, {}, status="ringing", node="b")
        await tx.calls.begin(org, {"endedReason": "refused"}, status="ended", node="a")
        ended = await tx.calls.begin(org, {}, status="ringing", node="a")
        await tx.calls.save(org, ended.id, {}, status="ended")
        assert [row.id for row in await tx.calls.unfinished("a")] == [running.id, second.id]
        assert await tx.calls.unfinished("c") == []
        assert [row.id for row in await tx.calls.list(org, equal={"phoneNumberId": "n"})] == [running.id]


async def test_calls_sort_by_how_long_they_took(database: Database, clock: Clock) -> None:
    org = await an_org(database)
    took = {}
    for seconds in (5, 60, 1):
        async with database.transaction() as tx:
            call = await tx.calls.begin(org, {"cost": seconds / 10}, status="ringing", node="a")
        clock.seconds += seconds
        async with database.transaction() as tx:
            await tx.calls.save(org, call.id, {"cost": seconds / 10}, status="ended")
        took[call.id] = seconds
    async with database.reading() as tx:
        for key in ("duration", "cost"):
            rows, total = await tx.calls.page(org, sort_by=key, sort_order="ASC")
            assert ([took[row.id] for row in rows], total) == ([1, 5, 60], 3)
            rows, _ = await tx.calls.page(org, sort_by=key, limit=1)
            assert [took[row.id] for row in rows] == [60]


async def test_a_call_id_is_taken_once(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        await tx.calls.begin(org, {}, status="ringing", id="same")
    with pytest.raises(Duplicate):
        async with database.transaction() as tx:
            await tx.calls.create(org, {"status": "queued"}, id="same")


@pytest.mark.parametrize(
    ("text", "kept"), [("\0", "\ufffd"), ("\ud800", "?"), ("x" * 1_000_000, "x" * 1_000_000), (5, 5)]
)
async def test_a_call_is_kept_whatever_a_webhook_answered(
    database: Database, text: object, kept: object
) -> None:
    org = await an_org(database)
    document = {"assistantId": text, "assistant": {"name": text}}
    async with database.transaction() as tx:
        call = await tx.calls.begin(org, document, status="ringing", node="a")
        assert await tx.calls.save(org, call.id, document, status="ended", ended_reason="assistant-not-found")
        found = await tx.calls.get(org, call.id)
        # It must not be in the way of the others either.
        assert await tx.calls.list(org, equal={"squadId": "s"}) == []
        assert await tx.calls.page(org, search="nothing") == ([], 0)
    assert found is not None
    assert found.document == {"assistantId": kept, "assistant": {"name": kept}}


def a_message(id: str) -> NewMessage:
    return NewMessage(id, "status-update", "h:80", {"url": "u"}, id)


async def test_calls_and_their_messages_are_written_in_one_go_and_in_order(database: Database) -> None:
    org = await an_org(database)
    told = [a_message(f"m{number}") for number in range(3)]
    written = await database.write_calls(
        [
            NewCall(org, "one", {"n": 1, "phoneNumberId": "p"}, "ringing", "here", "p"),
            NewCall(org, "two", {"n": 1}, "ringing", "here"),
            CallChange(org, "two", {"n": 2}, "in-progress", None, told[:1]),
            CallChange(org, "one", {"n": 2, "assistantId": "a"}, "ended", "why", told[1:]),
            CallChange(org, "one", {"n": 3}, "ended", "too late", [a_message("never")]),
            CallChange(org, "nobody", {"n": 1}, "ended", "unknown", [a_message("never")]),
        ]
    )

    async with database.reading() as tx:
        one, two = await tx.calls.get(org, "one"), await tx.calls.get(org, "two")
        ended = await tx.calls.list(org, equal={"endedReason": "why", "assistantId": "a"})
        sent = sorted(await tx.outbox.list(org), key=lambda row: row.position)
        bodies = [await tx.outbox.body(row.id) for row in sent]
    assert list(written) == [True, True, True, True, False, False]
    assert one is not None
    assert two is not None
    assert (one.document["n"], two.document["n"], ended) == (2, 2, [one])
    assert [(row.id, row.call_id) for row in sent] == [("m0", "two"), ("m1", "one"), ("m2", "one")]
    assert bodies == ["m0", "m1", "m2"]


@pytest.mark.parametrize(
    ("poison", "error"),
    [
        (NewCall("no-such-org", "two", {}, "ringing"), StoreError),
        (NewCall("org", "one", {}, "ringing"), StoreError),
        (CallChange("org", "one", {"cost": float("nan")}, "ended"), ValueError),
    ],
    ids=["foreign key", "taken id", "no JSON"],
)
async def test_of_what_cannot_be_written_nothing_is(
    database: Database, poison: NewCall | CallChange, error: type[Exception]
) -> None:
    async with database.transaction() as tx:
        await tx.orgs.create({}, id="org")
    begun = NewCall("org", "one", {"n": 1}, "ringing", "here")
    with pytest.raises(error):
        await database.write_calls(
            [begun, CallChange("org", "one", {}, "ended", "x", [a_message("m")]), poison]
        )
    async with database.reading() as tx:
        assert await tx.calls.get("org", "one") is None
        assert await tx.outbox.list("org") == []
    await database.write_calls([begun])
    async with database.reading() as tx:
        assert await tx.calls.get("org", "one") is not None
