from __future__ import annotations

from offhook.store import Database, NewMessage, OutboxRow, Transaction
from tests.store.databases import Clock


async def put(tx: Transaction, call: str, text: str, *, org: str = "org", host: str = "h:80") -> str:
    return await tx.outbox.put(
        org_id=org, call_id=call, type="status-update", host=host, receiver={"url": "u"}, body=text
    )


async def due(tx: Transaction, now: float, **busy: list[str]) -> list[OutboxRow]:
    return await tx.outbox.due(
        round(now * 1000), 10, busy_hosts=busy.get("hosts", []), busy_orgs=busy.get("orgs", [])
    )


async def bodies(tx: Transaction, rows: list[OutboxRow]) -> list[str | None]:
    return [await tx.outbox.body(row.id) for row in rows]


async def test_only_the_first_message_of_each_call_is_due(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        for text in ("a1", "b1", "a2", "b2", "a3"):
            await put(tx, text[0], text)
        rows = await due(tx, clock())
        assert await bodies(tx, rows) == ["a1", "b1"]
        await tx.outbox.delivered([rows[0].id], status=204)
        assert await bodies(tx, await due(tx, clock())) == ["b1", "a2"]
        await tx.outbox.abandoned(rows[1].id, attempts=3, status=None, error="gone")
        assert await bodies(tx, await due(tx, clock())) == ["a2", "b2"]


async def test_a_leased_message_is_nobody_elses_until_the_lease_is_over(
    database: Database, clock: Clock
) -> None:
    async with database.transaction() as tx:
        await put(tx, "a", "a1")
        await put(tx, "a", "a2")
        (row,) = await due(tx, clock())
        await tx.outbox.lease([row.id], "one", round(clock() * 1000) + 60_000)
        assert await due(tx, clock()) == []
        assert await bodies(tx, await due(tx, clock() + 60)) == ["a1"]
        await tx.outbox.release("another")
        assert await due(tx, clock()) == []
        await tx.outbox.release("one")
        assert await bodies(tx, await due(tx, clock())) == ["a1"]


async def test_a_message_can_be_written_with_its_lease(database: Database, clock: Clock) -> None:
    lease = ("one", round(clock() * 1000) + 60_000)
    async with database.transaction() as tx:
        for text in ("a1", "b1"):
            message = NewMessage(f"id of {text}", "status-update", "h:80", {"url": "u"}, text, lease)
            await tx.outbox.add(message, "org", text[0])
        assert await due(tx, clock()) == []
        await tx.outbox.free(["id of b1"], "another")
        assert await due(tx, clock()) == []
        await tx.outbox.free(["id of b1"], "one")
        assert await bodies(tx, await due(tx, clock())) == ["b1"]
        assert await bodies(tx, await due(tx, clock() + 60)) == ["a1", "b1"]


async def test_a_failure_holds_back_what_waits_behind_it(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        for text in ("a1", "a2", "b1"):
            await put(tx, text[0], text)
        (first, _) = await due(tx, clock())
        later = round(clock() * 1000) + 5000
        await tx.outbox.failed(
            first.id, call_id="a", attempts=1, status=500, error="status: 500", again_at=later
        )
        assert await bodies(tx, await due(tx, clock())) == ["b1"]
        assert await tx.outbox.next_after(round(clock() * 1000)) == later
        assert await bodies(tx, await due(tx, clock() + 5)) == ["b1", "a1"]
        found = await tx.outbox.find("org", first.id)
        assert found is not None
        assert (found.attempts, found.last_status, found.last_error) == (1, 500, "status: 500")


async def test_busy_hosts_and_orgs_are_left_out(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        await put(tx, "1", "slow host", host="slow:80")
        await put(tx, "2", "busy org", org="busy")
        await put(tx, "3", "other")
        assert await bodies(tx, await due(tx, clock(), hosts=["slow:80"], orgs=["busy"])) == ["other"]


async def test_messages_are_listed_and_found_by_their_org_alone(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        ids = [await put(tx, call, text) for call, text in (("a", "1"), ("b", "2"), ("c", "3"))]
        rows = await due(tx, clock())
        await tx.outbox.delivered([rows[0].id], status=200)
        await tx.outbox.abandoned(rows[1].id, attempts=9, status=404, error="status: 404")

        assert await bodies(tx, await tx.outbox.list("org")) == ["3", "2", "1"]
        assert await bodies(tx, await tx.outbox.list("org", limit=1)) == ["3"]
        assert await bodies(tx, await tx.outbox.list("org", state="pending")) == ["3"]
        assert await bodies(tx, await tx.outbox.list("org", state="delivered")) == ["1"]
        assert await bodies(tx, await tx.outbox.list("org", state="abandoned")) == ["2"]
        assert await bodies(tx, await tx.outbox.list("org", call_id="b")) == ["2"]
        assert await tx.outbox.list("another") == []
        assert await tx.outbox.find("another", ids[0]) is None
        assert await tx.outbox.replay("another", ids[1]) is None


async def test_a_replay_begins_anew_with_the_same_id(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        webhook_id = await put(tx, "a", "a1")
        assert await tx.outbox.replay("org", webhook_id) is None  # still on its way
        (row,) = await due(tx, clock())
        await tx.outbox.abandoned(row.id, attempts=9, status=404, error="x")
        clock.seconds += 100_000
        await tx.outbox.replay("org", webhook_id)
        (again,) = await due(tx, clock())
        assert (again.id, again.attempts, again.queued_at) == (webhook_id, 0, round(clock() * 1000))
        assert again.created_at < again.queued_at


async def test_what_is_done_with_is_forgotten_after_a_while(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        for call in ("a", "b", "c"):
            await put(tx, call, call)
        rows = await due(tx, clock())
        await tx.outbox.delivered([rows[0].id], status=200)
        await tx.outbox.abandoned(rows[1].id, attempts=1, status=500, error="x")
        now = round(clock() * 1000)
        assert await tx.outbox.purge(now, now) == 0
        assert await tx.outbox.purge(now + 1, now) == 1
        assert await bodies(tx, await tx.outbox.list("org")) == ["c", "b"]
        assert await tx.outbox.purge(now + 1, now + 1) == 1
        assert await bodies(tx, await tx.outbox.list("org")) == ["c"]


async def test_a_position_is_never_used_twice(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        await put(tx, "a", "a1")
        (row,) = await due(tx, clock())
        await tx.outbox.delivered([row.id], status=200)
        await tx.outbox.purge(round(clock() * 1000) + 1, 0)
        await put(tx, "a", "a2")
        (second,) = await due(tx, clock())
    assert second.position > row.position
