from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from offhook.network import AddressGuard
from offhook.network.outside import Outside
from offhook.store import Database, IdMaker, OutboxRow, OutboxState, StoreError, Transaction
from offhook.webhooks import Client, LaneLimits, Outbox, Receiver, RetryPlan
from offhook.webhooks.lines import MAX_BEHIND
from tests.machine import PATIENCE
from tests.network.servers import Heard, always, reply, serving
from tests.store.databases import Clock, make_newest

pytestmark = pytest.mark.slow

CHILD = Path(__file__).parent / "delivering_child.py"
ORG = "org"

MakeOutbox = Callable[..., Outbox]


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    made = Outside(AddressGuard(allow_private=True))
    yield made
    await made.aclose()


@pytest.fixture
async def make(database: Database, outside: Outside, clock: Clock) -> AsyncIterator[MakeOutbox]:
    made: list[Outbox] = []

    def outbox(node: str = "node", limits: LaneLimits | None = None, on: Database | None = None) -> Outbox:
        client = Client(outside, now=clock, new_id=IdMaker(clock, random.Random(2)))
        made.append(Outbox(on or database, client, node=node, now=clock, rng=random.Random(3), limits=limits))
        return made[-1]

    yield outbox
    for one in made:
        await one.close()


class Hook:
    """A receiver that notes what arrives, and takes what `takes` allows."""

    def __init__(self, takes: Callable[[str], bool] = lambda text: True) -> None:
        self.takes = takes
        self.offered: list[str] = []
        self.taken: list[str] = []
        self.ids: dict[str, set[str]] = defaultdict(set)

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        text = json.loads(heard.body)["message"]["text"]
        self.offered.append(text)
        self.ids[text].add(heard.headers["webhook-id"])
        if self.takes(text):
            self.taken.append(text)
            writer.write(reply(200))
        else:
            writer.write(reply(500))


async def hang(heard: Heard, writer: asyncio.StreamWriter) -> None:
    """A receiver that never answers."""
    await asyncio.Event().wait()


async def put(
    outbox: Outbox,
    database: Database,
    receiver: Receiver,
    *texts: str,
    org: str = ORG,
    passing: bool = False,
) -> list[str]:
    """Messages of the calls named by the first letters of the texts; their `1` begins a call."""
    for text in texts:
        if text[1:] in ("", "1", "00"):
            outbox.begun(text[0])
    async with database.transaction() as tx:
        return [
            await outbox.put(
                tx, receiver, text[0], org, "status-update", {"message": {"text": text}}, passing=passing
            )
            for text in texts
        ]


async def rows(database: Database, *, state: OutboxState | None = None) -> list[OutboxRow]:
    async with database.reading() as tx:
        return await tx.outbox.list(ORG, state=state)


async def shown(database: Database, webhook_id: str) -> OutboxRow | None:
    async with database.reading() as tx:
        return await tx.outbox.find(ORG, webhook_id)


async def replay(outbox: Outbox, database: Database, webhook_id: str) -> OutboxRow | None:
    async with database.transaction() as tx:
        tx.after_commit(outbox.nudge)
        return await tx.outbox.replay(ORG, webhook_id)


async def test_a_message_is_delivered_and_noted(make: MakeOutbox, database: Database) -> None:
    hook = Hook()
    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        (webhook_id,) = await put(outbox, database, Receiver(server.url, secret="s"), "a1")
        assert await outbox.drain(10)
    (heard,) = server.heard
    assert heard.headers["webhook-id"] == webhook_id
    assert heard.headers["x-vapi-secret"] == "s"
    row = await shown(database, webhook_id)
    assert row is not None
    assert (row.attempts, row.last_status, row.last_error) == (1, 200, None)
    assert row.delivered_at is not None
    assert outbox.counters.delivered == 1
    assert await rows(database, state="pending") == []


async def test_what_was_rolled_back_is_not_sent(make: MakeOutbox, database: Database) -> None:
    hook = Hook()
    async with serving(hook) as server:
        outbox = make()
        await outbox.start()

        async def fail() -> None:
            async with database.transaction() as tx:
                await outbox.put(tx, Receiver(server.url), "a", ORG, "t", {"message": {"text": "a1"}})
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        await put(outbox, database, Receiver(server.url), "b1")
        assert await outbox.drain(10)
    assert hook.offered == ["b1"]


async def test_a_failure_holds_back_its_own_call_only(
    make: MakeOutbox, database: Database, clock: Clock
) -> None:
    down = {"a1"}
    hook = Hook(lambda text: text not in down)
    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        await put(outbox, database, Receiver(server.url), "a1", "a2", "b1", "b2", "a3")
        assert await outbox.drain(10)
        assert hook.taken == ["b1", "b2"]
        assert hook.offered.count("a1") == 1
        pending = await rows(database, state="pending")
        assert 0 < pending[-1].next_attempt_at - clock() * 1000 <= 5000  # docs/webhooks.md, Retries

        clock.seconds += 5
        assert await outbox.drain(10)
        assert hook.offered.count("a1") == 2

        down.clear()
        clock.seconds += 15
        assert await outbox.drain(10)
    assert hook.taken == ["b1", "b2", "a1", "a2", "a3"]
    assert len(hook.ids["a1"]) == 1  # the same webhook-id each time
    assert len({id for ids in hook.ids.values() for id in ids}) == 5
    assert outbox.counters.failed == 2


async def test_a_plan_without_retries_gives_up_and_goes_on(
    make: MakeOutbox, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook(lambda text: text != "a1")
    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        receiver = Receiver(server.url, secret="hush", backoff=RetryPlan("fixed", 0, 1))
        webhook_id, _ = await put(outbox, database, receiver, "a1", "a2")
        assert await outbox.drain(10)
        assert hook.offered == ["a1", "a2"]
        (abandoned,) = await rows(database, state="abandoned")
        assert (abandoned.id, abandoned.last_status, abandoned.attempts) == (webhook_id, 500, 1)
        lines = [line for line in caplog.messages if "call=a" in line]
        assert len(lines) == 1
        assert webhook_id in lines[0]
        assert "hush" not in caplog.text

        hook.takes = lambda text: True
        assert await replay(outbox, database, webhook_id) is not None
        assert await outbox.drain(10)
    assert hook.taken == ["a2", "a1"]
    assert hook.ids["a1"] == {webhook_id}
    assert await rows(database, state="abandoned") == []


async def test_a_fixed_plan_is_kept_to_the_second(make: MakeOutbox, database: Database, clock: Clock) -> None:
    hook = Hook(lambda text: False)
    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        await put(outbox, database, Receiver(server.url, backoff=RetryPlan("fixed", 2, 10)), "a1")
        for seconds, offered in ((0, 1), (9, 1), (1, 2), (9, 2), (1, 3), (100, 3)):
            clock.seconds += seconds
            assert await outbox.drain(10)
            assert len(hook.offered) == offered
    assert len(await rows(database, state="abandoned")) == 1


async def test_what_was_under_way_is_sent_after_a_restart(make: MakeOutbox, database: Database) -> None:
    began = asyncio.Event()

    async def hang(heard: Heard, writer: asyncio.StreamWriter) -> None:
        began.set()
        await asyncio.Event().wait()

    hook = Hook()
    first = make()
    await first.start()
    async with serving(hang) as server:
        await put(first, database, Receiver(server.url), "a1", "a2")
        await asyncio.wait_for(began.wait(), PATIENCE)
        assert not await first.drain(0.01)
        await first.close()
    async with serving(hook, port=server.port):
        second = make()
        await second.start()
        assert await second.drain(10)
    assert hook.taken == ["a1", "a2"]
    assert [row.attempts for row in await rows(database)] == [1, 1]


async def test_leases_of_a_process_that_died_are_taken_back(
    make: MakeOutbox, database: Database, clock: Clock
) -> None:
    hook = Hook()
    async with serving(hook) as server:
        died, other, again = make("one"), make("two"), make("one")
        await put(died, database, Receiver(server.url), "a1")
        async with database.transaction() as tx:
            (row,) = await tx.outbox.due(round(clock() * 1000), 1, busy_hosts=[], busy_orgs=[])
            await tx.outbox.lease([row.id], "one", round(clock() * 1000) + 60_000)
        await other.start()
        assert await other.drain(10)
        assert hook.taken == []  # it may still be sending
        await again.start()
        assert await again.drain(10)
    assert hook.taken == ["a1"]


async def test_a_slow_receiver_keeps_no_other_org_waiting(make: MakeOutbox, database: Database) -> None:
    hook = Hook()
    async with serving(hang) as slow, serving(hook) as quick:
        outbox = make(limits=LaneLimits(total=12, per_host=2, per_unproven_host=1, per_org=3))
        await outbox.start()
        await put(outbox, database, Receiver(slow.url), *"abcdefghijklmnopqrstuvwxyz", org="slow")
        await put(outbox, database, Receiver(quick.url), *(f"{call}1" for call in "ABCDEFGHIJ"), org="quick")
        async with asyncio.timeout(PATIENCE):
            while len(hook.taken) < 10:
                await asyncio.sleep(0.01)
        assert len(slow.heard) == 1
        await outbox.close()


async def test_a_host_that_is_busy_hides_nothing_behind_it(make: MakeOutbox, database: Database) -> None:
    """More messages to a slow host than one query gives must not cover those to others."""
    hook = Hook()
    async with serving(hang) as slow, serving(hook) as quick:
        outbox = make(limits=LaneLimits(total=256, per_host=2, per_unproven_host=1, per_org=300))
        await outbox.start()
        async with database.transaction() as tx:
            for index in range(100):
                await outbox.put(
                    tx, Receiver(slow.url), f"slow-{index}", ORG, "t", {"message": {"text": "x"}}
                )
            await outbox.put(tx, Receiver(quick.url), "quick", ORG, "t", {"message": {"text": "q"}})
        async with asyncio.timeout(PATIENCE):
            while not hook.taken:
                await asyncio.sleep(0.01)
        assert len(slow.heard) <= 2
        await outbox.close()


async def test_more_messages_of_a_call_than_are_kept_in_memory_stay_in_order(
    make: MakeOutbox, database: Database
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    hook = Hook()

    async def wait(heard: Heard, writer: asyncio.StreamWriter) -> None:
        begun.set()
        await go.wait()
        await hook(heard, writer)

    async with serving(wait) as server:
        outbox = make()
        await outbox.start()
        texts = [f"a{number:02}" for number in range(3 * MAX_BEHIND)]
        await put(outbox, database, Receiver(server.url), *texts[:1])
        await asyncio.wait_for(begun.wait(), PATIENCE)
        for text in texts[1:]:
            await put(outbox, database, Receiver(server.url), text)
        go.set()
        assert await outbox.drain(20)
    assert hook.offered == texts


async def test_a_message_goes_out_only_when_the_one_before_is_written_down(
    make: MakeOutbox, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a crash makes only the last one of a call come again, and never turns its messages round."""
    hook, broken = Hook(), True
    real, refused = database.note_delivered, asyncio.Event()

    async def failing(answered: Mapping[int, Sequence[str]]) -> None:
        if broken:
            refused.set()
            raise StoreError("the disk is full")
        await real(answered)

    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        monkeypatch.setattr(database, "note_delivered", failing)
        await put(outbox, database, Receiver(server.url), "a1", "a2")
        await asyncio.wait_for(refused.wait(), PATIENCE)
        assert hook.offered == ["a1"]
        broken = False
        assert await outbox.drain(10)
    assert hook.offered == ["a1", "a2"]


async def test_a_message_that_waited_too_long_in_memory_is_leased_anew(
    make: MakeOutbox, database: Database, clock: Clock
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    hook = Hook()

    async def wait(heard: Heard, writer: asyncio.StreamWriter) -> None:
        begun.set()
        await go.wait()
        await hook(heard, writer)

    async with serving(wait) as server:
        outbox = make()
        await outbox.start()
        await put(outbox, database, Receiver(server.url), "a1", "a2", "a3")
        await asyncio.wait_for(begun.wait(), PATIENCE)
        clock.seconds += 1000  # the leases of a2 and a3 run out, though their process is well
        outbox.nudge()
        go.set()
        assert await outbox.drain(10)
    assert hook.offered == ["a1", "a2", "a3"]
    assert [row.attempts for row in await rows(database)] == [1, 1, 1]


async def test_thousands_of_messages_to_a_dead_server_keep_no_other_org_waiting(
    make: MakeOutbox, database: Database
) -> None:
    hook = Hook()
    async with serving(hang) as dead, serving(hook) as quick:
        outbox = make()
        async with database.transaction() as tx:
            for index in range(3000):
                body = {"message": {"text": "x"}}
                await outbox.put(tx, Receiver(dead.url), f"dead-{index}", "dead", "t", body)
        await outbox.start()
        await put(outbox, database, Receiver(quick.url), *"abcdefghij", org="quick")
        async with asyncio.timeout(PATIENCE):
            while len(hook.taken) < 10:
                await asyncio.sleep(0.01)
        assert sorted(hook.taken) == list("abcdefghij")
        await outbox.close()


async def test_two_nodes_share_the_work(
    make: MakeOutbox, database: Database, newest_url: str, clock: Clock
) -> None:
    other_database = await Database.open(newest_url, now=clock, new_id=IdMaker(clock, random.Random(5)))
    hook = Hook()
    async with serving(hook) as server:
        few = LaneLimits(total=4, per_host=2, per_unproven_host=2, per_org=4)
        one, two = make("one", few), make("two", few, on=other_database)
        await asyncio.gather(one.start(), two.start())
        texts = [f"{call}{number}" for number in range(5) for call in "abcdefghijkl"]
        await put(one, database, Receiver(server.url), *texts)
        two.nudge()
        async with asyncio.timeout(PATIENCE):
            while await rows(database, state="pending"):
                one.nudge()
                two.nudge()
                await asyncio.sleep(0.02)
        await one.close()
        await two.close()
    assert sorted(hook.offered) == sorted(texts)  # each exactly once
    for call in "abcdefghijkl":
        assert [text for text in hook.taken if text[0] == call] == [f"{call}{n}" for n in range(5)]
    assert min(one.counters.delivered, two.counters.delivered) > 0
    await other_database.close()


async def test_an_unreliable_receiver_gets_everything_in_order(
    make: MakeOutbox, database: Database, clock: Clock
) -> None:
    rng = random.Random(11)
    hook = Hook(lambda text: rng.random() < 0.6)
    texts = [f"{call}{number}" for number in range(6) for call in "abcde"]
    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        await put(outbox, database, Receiver(server.url), *texts)
        async with asyncio.timeout(PATIENCE):
            while await rows(database, state="pending"):
                await outbox.drain(10)
                clock.seconds += 3600
    assert sorted(hook.taken) == sorted(texts)
    for call in "abcde":
        assert [text for text in hook.taken if text[0] == call] == [f"{call}{n}" for n in range(6)]


async def test_a_database_that_fails_loses_nothing(
    make: MakeOutbox, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = Hook()
    real, failures = database.transaction, 0

    @contextlib.asynccontextmanager
    async def failing() -> AsyncIterator[Transaction]:
        nonlocal failures
        async with real() as tx:
            yield tx
            if hook.taken and failures < 2:
                failures += 1
                raise StoreError("the disk is full")

    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        monkeypatch.setattr(database, "transaction", failing)
        # Of a call that did not begin here: its end is written down with a look for others.
        async with real() as tx:
            await outbox.put(tx, Receiver(server.url), "a", ORG, "t", {"message": {"text": "a1"}})
        async with asyncio.timeout(PATIENCE):
            while failures < 2:
                outbox.nudge()
                await asyncio.sleep(0.01)
        assert await outbox.drain(10)
    assert hook.offered == ["a1"]  # the outcome was kept until it could be written down
    assert len(await rows(database, state="delivered")) == 1


async def test_a_message_that_cannot_be_read_back_is_retried_and_stops_nobody(
    make: MakeOutbox, database: Database
) -> None:
    hook = Hook()
    async with serving(hook) as server:
        outbox = make()
        await outbox.start()
        async with database.transaction() as tx:
            await tx.outbox.put(
                org_id=ORG, call_id="x", type="t", host="h", receiver={"from": "the future"}, body="{}"
            )
        await put(outbox, database, Receiver(server.url), "a1")
        assert await outbox.drain(10)
    assert hook.taken == ["a1"]
    (stuck,) = await rows(database, state="pending")
    assert stuck.attempts == 1


async def test_nothing_promised_is_lost_to_kill_9(tmp_path: Path) -> None:
    """A process that writes and delivers is killed again and again; in the end the receiver has had all."""
    url = f"sqlite:///{tmp_path}/offhook.db"
    await make_newest(url)
    rng = random.Random(4)
    first_seen: dict[str, None] = {}

    async def hook(heard: Heard, writer: asyncio.StreamWriter) -> None:
        message = json.loads(heard.body)["message"]
        first_seen.setdefault(f"{message['call']} {message['number']}")
        writer.write(reply(200 if rng.random() < 0.9 else 503))

    promised: set[str] = set()
    async with serving(hook) as server:
        for round_number in range(4):
            last = round_number == 3
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, str(CHILD), url, server.url, str(round_number), "drain" if last else "run"),
                stdout=subprocess.PIPE,
            )
            assert child.stdout is not None
            if last:
                printed, _ = await asyncio.wait_for(child.communicate(), PATIENCE)
            else:
                async with asyncio.timeout(PATIENCE):
                    begun = [await child.stdout.readline() for _ in range(rng.randint(5, 60))]
                child.send_signal(signal.SIGKILL)
                printed = b"".join(begun) + await child.stdout.read()
                await child.wait()
            promised.update(line for line in printed.decode().split("\n")[:-1])
    assert len(promised) > 15
    assert promised <= first_seen.keys()
    by_call: dict[str, list[int]] = defaultdict(list)
    for seen in first_seen:
        call, number = seen.split(" ")
        by_call[call].append(int(number))
    assert all(numbers == sorted(numbers) for numbers in by_call.values())


async def test_an_empty_outbox_drains_at_once(make: MakeOutbox) -> None:
    outbox = make()
    await outbox.start()
    assert await outbox.drain(10)
    async with serving(always(reply(200))):
        assert outbox.counters.attempts == 0


@pytest.mark.parametrize("url", ["http://\ud800/", "http://a\0b/", "", "http://[::1/\ud800"])
async def test_a_url_that_is_none_is_kept_and_given_up_by_its_plan(
    make: MakeOutbox, database: Database, url: str
) -> None:
    outbox = make()
    await outbox.start()
    await put(outbox, database, Receiver(url, backoff=RetryPlan("fixed", 0, 1)), "a1")
    assert await outbox.drain(10)
    (row,) = await rows(database, state="abandoned")
    assert row.last_error is not None
    assert row.last_error.startswith("refused-by-policy")


@pytest.mark.parametrize("taken", [True, False])
async def test_what_is_only_passing_is_kept_as_long_as_it_is_to_be_sent(
    make: MakeOutbox, database: Database, taken: bool
) -> None:
    hook = Hook(lambda text: taken)
    async with serving(hook) as server:
        plan = RetryPlan("fixed", max_retries=0, base_delay_seconds=0)
        receiver = Receiver(server.url, backoff=plan)
        outbox = make()
        (webhook_id,) = await put(outbox, database, receiver, "a1", passing=True)
        waiting = await shown(database, webhook_id)
        await outbox.start()
        assert await outbox.drain(10)
        done = await shown(database, webhook_id)
        assert waiting is not None
        assert done is not None
        assert (json.loads(str(waiting.body))["message"]["text"], hook.offered) == ("a1", ["a1"])
        assert (done.body, done.state) == ("", "delivered" if taken else "abandoned")
        assert await replay(outbox, database, webhook_id) is None


async def test_what_is_only_passing_is_in_no_file_of_sqlite_once_it_is_sent(
    make: MakeOutbox, database: Database, tmp_path: Path
) -> None:
    async with serving(Hook()) as server:
        outbox = make()
        await put(outbox, database, Receiver(server.url), "a canary", passing=True)
        await outbox.start()
        assert await outbox.drain(10)
        async with asyncio.timeout(PATIENCE):
            while any(b"a canary" in file.read_bytes() for file in tmp_path.iterdir()):
                await asyncio.sleep(0.05)


async def test_of_a_call_that_is_erased_nothing_more_goes_out(make: MakeOutbox, database: Database) -> None:
    held = asyncio.Event()
    offered: list[str] = []

    async def slow(heard: Heard, writer: asyncio.StreamWriter) -> None:
        offered.append(json.loads(heard.body)["message"]["text"])
        if offered[-1] == "a1":
            held.set()
            await asyncio.Event().wait()
        writer.write(reply(200))

    async with serving(slow) as server:
        outbox = make()
        await outbox.start()
        await put(outbox, database, Receiver(server.url), "a1", "a2", "a3")
        async with asyncio.timeout(PATIENCE):
            await held.wait()
        async with database.transaction() as tx:
            tx.after_commit(lambda: outbox.forget("a"))
            await tx.outbox.erase(ORG, "a")
        await put(outbox, database, Receiver(server.url), "b1")
        assert await outbox.drain(10)

    assert offered == ["a1", "b1"]
    assert [row.call_id for row in await rows(database)] == ["b"]
