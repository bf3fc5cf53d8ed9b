"""Any process of a node with two call planes is killed, or stands still, in the middle of calls: each call is
accounted for once, nothing stays taken, and calls of the other plane go on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from offhook.folder import holder
from offhook.phone import PhoneLine
from tests.end_to_end.answers import Receiver, late, receiving, says
from tests.end_to_end.callers import Told, call
from tests.end_to_end.node import KEY, Node, Number, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, soon
from tests.end_to_end.stories import (
    Story,
    every_call_has_ended_with_a_reason,
    every_call_has_exactly_one_report,
    no_call_that_was_answered_is_forgotten_or_there_twice,
    nothing_comes_after_the_report,
    settled,
    statuses_only_move_forward,
    the_report_says_what_the_call_says,
)
from tests.end_to_end.test_planes import STOPPED_SECONDS
from tests.end_to_end.test_processes import owner, phones
from tests.machine import PATIENCE
from tests.ports import free_port
from tests.store.databases import cluster, database_kind, newest_postgres_url, newest_sqlite_url, newest_url

__all__ = ["cluster", "database_kind", "newest_postgres_url", "newest_sqlite_url", "newest_url"]

CALLS = 8
MEDIA_PORTS = 128
SEEDS = {"sqlite": 20261128, "postgresql": 20261129}
ROUNDS = {"sqlite": 6, "postgresql": 3}
NODE = "node"
"""The supervisor, by the name that its lines have in the log."""
VICTIMS = ("call-1", "call-2", "media-1", "media-2", "api", NODE)
FREED_SECONDS = 60
"""For a media process to say the last words of its calls, with what a busy machine adds to half a minute."""


@dataclass(frozen=True)
class Blow:
    """A process that is killed, or stands still, so many seconds after the first call of a round."""

    victim: str
    signal: signal.Signals
    at: float

    def spares(self, plane: str | None) -> bool:
        """Whether calls of that call plane hear every packet."""
        if plane is None:
            return False
        number = plane.removeprefix("call-")
        if self.signal is signal.SIGKILL:
            return self.victim not in (NODE, plane, f"media-{number}")
        return self.victim != f"media-{number}"


@dataclass
class Struck(Story):
    """`spared`: what callers went through whose calls were to go on as if nothing were, with how it was."""

    spared: list[tuple[str, Told]] = field(default_factory=list)


def _rounds(rng: random.Random, rounds: int) -> list[list[Blow]]:
    """Two blows in each round. Six rounds are enough for each process to be killed once, and to stand still
    once."""
    blows = [
        Blow(victim, number, rng.uniform(0.5, 4.0))
        for victim in VICTIMS
        for number in (signal.SIGKILL, signal.SIGSTOP)
    ]
    rng.shuffle(blows)
    return [sorted(blows[2 * turn : 2 * turn + 2], key=lambda one: one.at) for turn in range(rounds)]


@pytest.mark.timeout(900)
async def test_whatever_is_killed_or_stands_still_each_call_is_accounted_for_once(
    newest_url: str, database_kind: str, tmp_path: Path
) -> None:
    seed, story = SEEDS[database_kind], Struck()
    rng, moods = random.Random(seed), random.Random(seed + 1)
    ports = range(low := free_port(count=MEDIA_PORTS), low + MEDIA_PORTS)
    node = Node(
        tmp_path,
        OFFHOOK_PROCESSES="2",
        OFFHOOK_DATABASE_URL=newest_url,
        OFFHOOK_MAX_CALLS=str(CALLS),
        OFFHOOK_TRUSTED_SOURCES=LOOPBACK,
        OFFHOOK_RTP_PORTS=f"{ports.start}-{ports.stop - 1}",
    )
    async with receiving(refuses=lambda: moods.random() < 0.05) as receiver:
        await asyncio.to_thread(node.start)
        try:
            numbers = await asyncio.to_thread(_numbers, node, receiver)
            for blows in _rounds(rng, ROUNDS[database_kind]):
                await _strike(node, numbers, rng, story, blows)
                await asyncio.to_thread(_serves_again, node)
            await settled(node, receiver, story)
            await asyncio.to_thread(_all_is_free, node, ports)
            at_once = await _as_many_as_may_be(node, numbers[0])
            await settled(node, receiver, story)
            waiting = await asyncio.to_thread(node.get, "/webhook?state=pending&limit=1000")
        finally:
            node.stop()

    assert [one.refused for one in at_once] == [None] * CALLS
    assert waiting == []
    # Which plane a call falls to is chance; that some calls are spared is not.
    assert len(story.spared) >= CALLS // 2
    assert [
        (what, one.end, one.lost) for what, one in story.spared if (one.end, one.lost) != ("hung up", 0)
    ] == []
    assert any(not one.accepted for one in story.taken)
    no_call_that_was_answered_is_forgotten_or_there_twice(story)
    every_call_has_ended_with_a_reason(story)
    every_call_has_exactly_one_report(story)
    the_report_says_what_the_call_says(story)
    statuses_only_move_forward(story)
    nothing_comes_after_the_report(story)


def _numbers(node: Node, receiver: Receiver) -> list[Number]:
    """One with an assistant, one whose owner is asked and takes a while. Both say themselves who is told: a
    caller may hang up before anybody knows which assistant would have answered."""
    server = {"url": receiver.url("calls")}
    answering = assistant(server=server)
    receiver.acts["calls"] = late(0.4, says({"assistant": answering}))
    return [
        new_number(node, answered_by=answering, server=server),
        new_number(node, answered_by=None, server=server),
    ]


async def _strike(
    node: Node, numbers: list[Number], rng: random.Random, story: Struck, blows: list[Blow]
) -> None:
    """Calls at different points of their lives, over UDP and over TCP, and then the blows."""
    told = [Told() for _ in range(CALLS)]
    async with phones(node, "udp") as udp, phones(node, "tcp") as tcp:

        async def one(told: Told, line: PhoneLine, delay: float, number: Number, stays: float) -> None:
            await asyncio.sleep(delay)
            await call(line, number.uri(), hang_up_after=stays, told=told)

        began = time.monotonic()
        calling = [
            asyncio.create_task(
                one(each, rng.choice((udp, tcp)), rng.uniform(0, 3), rng.choice(numbers), rng.uniform(1, 8))
            )
            for each in told
        ]
        dead = False
        for blow in blows:
            await asyncio.sleep(began + blow.at - time.monotonic())
            if not dead:
                await _hit(node, blow)
            dead = dead or (blow.victim, blow.signal) == (NODE, signal.SIGKILL)
        over = {each.call_id for each, task in zip(told, calling, strict=True) if task.done()}
        await asyncio.sleep(STOPPED_SECONDS)
        if dead:
            node.crash()
            await asyncio.to_thread(node.start)
        lives = [all(one.spares(owner(node, each.call_id)) for one in blows) for each in told]
        goes_on = [task for task, spared in zip(calling, lives, strict=True) if spared]
        await asyncio.gather(*goes_on)
        for task in calling:
            task.cancel()
        await asyncio.gather(*calling, return_exceptions=True)
    what = " ".join(f"{one.victim} {one.signal.name} at {one.at:.1f}" for one in blows)
    story.spared += [
        (f"{what}: {owner(node, each.call_id)} {each.call_id} {each}", each)
        for each, spared in zip(told, lives, strict=True)
        if spared and each.answered_at is not None and each.call_id not in over
    ]
    story.answered |= {each.call_id for each in told if each.answered_at is not None}


async def _hit(node: Node, blow: Blow) -> None:
    held = holder(node.folder / "data")
    assert held is not None
    processes = {str(one["plane"]): int(one["process"]) for one in held.planes}
    process = node.peer.process.pid if blow.victim == NODE else processes.get(blow.victim, 0)
    if not process:
        return  # it has not come back yet from the blow before
    os.kill(process, blow.signal)
    if blow.signal is signal.SIGSTOP:
        asyncio.get_running_loop().call_later(STOPPED_SECONDS, os.kill, process, signal.SIGCONT)


def _serves_again(node: Node) -> None:
    def serves() -> bool:
        assert node.peer.process.poll() is None, f"the node has ended:\n{node.log[-3000:]}"
        held = holder(node.folder / "data")
        if held is None or not held.planes or not all(one["up"] for one in held.planes):
            return False
        return httpx.get(f"{node.url}/health/ready", timeout=PATIENCE).status_code == 200

    soon(serves, why=f"the node does not serve again:\n{node.log[-3000:]}")


def _all_is_free(node: Node, ports: range) -> None:
    """No port of a call is bound any more, by whichever process (proc(5))."""

    def bound() -> list[int]:
        lines = Path("/proc/net/udp").read_text().splitlines()[1:]
        found = [int(line.split()[1].rpartition(":")[2], 16) for line in lines]
        return sorted(set(ports) & set(found))

    soon(lambda: not bound(), FREED_SECONDS, "ports of calls stay bound")


async def _as_many_as_may_be(node: Node, number: Number) -> list[Told]:
    """Calls at once, as many as the node and the org may have: no place is still counted as taken."""
    (org,) = await asyncio.to_thread(node.get, "/org")
    await asyncio.to_thread(
        lambda: httpx.patch(
            f"{node.url}/org/{org['id']}",
            json={"concurrencyLimit": CALLS},
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=PATIENCE,
        ).raise_for_status()
    )
    told = [Told() for _ in range(CALLS)]
    async with phones(node, "udp") as line:
        await asyncio.gather(*(call(line, number.uri(), hang_up_after=3, told=one) for one in told))
    return told
