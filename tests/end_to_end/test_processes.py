"""A node with several call planes: calls fall to all, whichever of them reads what a caller sends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from offhook.phone import PhoneLine, open_line
from offhook.sip.transports.table import TRANSPORTS
from tests.end_to_end.callers import Told, call
from tests.end_to_end.node import KEY, Node, Number, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, soon
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.test_planes import STOPPED_SECONDS, WORKER_DIED, back, lives, plane
from tests.end_to_end.test_sipp import run
from tests.end_to_end.test_transfer import operator, sent_on
from tests.machine import PATIENCE
from tests.store.databases import cluster, created

__all__ = ["cluster"]

AT_ONCE = 4
MOST = 40
"""Calls that are placed at most until each plane has one: of three planes one has none once in three
million."""


@pytest.fixture(
    scope="module",
    params=[("2", "sqlite"), pytest.param(("3", "postgresql"), marks=pytest.mark.foreign)],
    ids=" on ".join,
)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    processes, kind = request.param
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("processes")
        own = Node(folder, OFFHOOK_PROCESSES=processes)
        if kind == "postgresql":
            own.settings["OFFHOOK_DATABASE_URL"] = stack.enter_context(_postgres(request))
        yield own.start()
        own.stop()


@contextmanager
def _postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database that a module has for itself."""
    with asyncio.Runner() as runner:
        database = created(request.getfixturevalue("cluster"), "template1")
        yield runner.run(anext(database.gen))
        with suppress(StopAsyncIteration):
            runner.run(anext(database.gen))


def planes_of(node: Node) -> list[str]:
    return [f"call-{number}" for number in range(1, int(node.settings["OFFHOOK_PROCESSES"]) + 1)]


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def phones(node: Node, transport: str) -> AsyncIterator[PhoneLine]:
    """One socket, or one connection, for all of them."""
    over = TRANSPORTS[transport]
    async with open_line(f"sip:anyone@{LOOPBACK}:{node.sip_port}", transport=over) as line:
        yield line


def owner(node: Node, call_id: str) -> str | None:
    """The plane that has the call with this Call-ID, by the log."""
    found = re.search(rf"(call-\d) +call=\S+ sip-call={re.escape(call_id)} ", node.log)
    return found and found[1]


class Callers:
    """Calls that are up, until each plane has one at least."""

    def __init__(self, node: Node, line: PhoneLine, desk: Number, hang_up_after: float | None) -> None:
        self._place: Callable[[Told], asyncio.Task[Told]] = lambda told: asyncio.create_task(
            call(line, desk.uri(), hang_up_after=hang_up_after, told=told)
        )
        self._node = node
        self.told: list[Told] = []
        self.tasks: list[asyncio.Task[Told]] = []

    async def placed(self) -> None:
        while len(self.told) < MOST and self._planes() != set(planes_of(self._node)):
            more = [Told() for _ in range(AT_ONCE)]
            self.tasks += map(self._place, more)
            self.told += more
            while any(one.answered_at is None and one.refused is None for one in more):
                await asyncio.sleep(0.05)

    def _planes(self) -> set[str | None]:
        return {owner(self._node, one.call_id) for one in self.told} - {None}

    def of(self, plane: str) -> list[Told]:
        return [one for one in self.told if owner(self._node, one.call_id) == plane]


async def test_calls_fall_to_all_and_go_through(node: Node, transport: str) -> None:
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant()))
    async with phones(node, transport) as line:
        callers = Callers(node, line, desk, 1.5)
        await callers.placed()
        await asyncio.gather(*callers.tasks)
    calls = await asyncio.to_thread(ended, node, desk, len(callers.told))

    assert all(callers.of(one) for one in planes_of(node))
    assert {one.end for one in callers.told} == {"hung up"}
    assert all(one.packets > 0 for one in callers.told)
    assert {one["endedReason"] for one in calls} == {"customer-ended-call"}


def ended(node: Node, desk: Number, count: int) -> list[dict[str, Any]]:
    """All calls of a number, once so many have ended."""
    until = time.monotonic() + 60
    while True:
        calls = [one for one in node.get(f"/call?phoneNumberId={desk.id}") if one["status"] == "ended"]
        if len(calls) >= count or time.monotonic() > until:
            return calls
        time.sleep(0.1)


@pytest.mark.parametrize("scenario", ["hold", "inside", "merged"])
def test_what_is_sent_within_a_call_finds_it(
    scenario: str, node: Node, transport: str, tmp_path: Path
) -> None:
    """Re-INVITE, INFO, OPTIONS and UPDATE, an INVITE that comes twice, and the BYE: SIPp's, eight calls."""
    desk = new_number(node, answered_by=assistant())
    run(scenario, tmp_path, desk, "-m", "8", transport=transport)

    assert [one["endedReason"] for one in ended(node, desk, 8)] == ["customer-ended-call"] * 8


def test_a_cancel_finds_its_invite(node: Node, transport: str, tmp_path: Path) -> None:
    sink = WebhookSink()

    def slowly(message: Mapping[str, Any]) -> tuple[int, Any]:
        if message["type"] == "assistant-request":
            time.sleep(2)
        return 200, {}

    sink.answer = slowly
    desk = new_number(node, answered_by=None, server={"url": sink.url})
    run("cancel", tmp_path, desk, "-m", "8", transport=transport)
    calls = ended(node, desk, 8)
    sink.down()

    reason = "call.ringing.sip-inbound-caller-hungup-before-call-connect"
    assert [one["endedReason"] for one in calls] == [reason] * 8


async def test_a_call_is_ended_by_whoever_has_it(node: Node) -> None:
    """The API asks all of them."""
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant()))
    async with phones(node, "udp") as line:
        callers = Callers(node, line, desk, PATIENCE)
        await callers.placed()
        chosen = [callers.of(one)[0] for one in planes_of(node)]
        up = await asyncio.to_thread(node.get, f"/call?phoneNumberId={desk.id}")
        ids = {one["transport"]["sbcCallSid"]: one["id"] for one in up}
        for one in chosen:
            await asyncio.to_thread(node.delete, f"/call/{ids[one.call_id]}")
        both = zip(callers.tasks, callers.told, strict=True)
        await asyncio.gather(*(task for task, told in both if told in chosen))
        for task in callers.tasks:
            task.cancel()
        await asyncio.gather(*callers.tasks, return_exceptions=True)
    assert [one.end for one in chosen] == ["the other side hung up"] * len(chosen)


async def test_a_caller_is_sent_on_by_whoever_has_the_call(node: Node, transport: str) -> None:
    """The answer to a REFER, and what the caller tells of its way, find it too."""
    desk = await asyncio.to_thread(
        sent_on, node, "sip:operator@192.0.2.9", {"mode": "blind-transfer", "sipVerb": "refer"}, message=""
    )
    async with phones(node, transport) as line:
        callers = Callers(node, line, desk, None)
        await callers.placed()
        await asyncio.gather(*callers.tasks)
    calls = await asyncio.to_thread(ended, node, desk, len(callers.told))

    assert {one.refer_to for one in callers.told} == {"<sip:operator@192.0.2.9>"}
    assert all(one.hung_up_on for one in callers.told)
    assert _transfers(calls) == ["completed"] * len(callers.told)


def _transfers(calls: list[dict[str, Any]]) -> list[str]:
    return [entry["status"] for one in calls for entry in one["artifact"]["transfers"]]


async def test_whoever_has_the_call_dials_somebody_else(node: Node, transport: str, tmp_path: Path) -> None:
    """What the called phone answers finds who dials."""
    operators, uri = operator("operator", tmp_path, transport, calls=MOST)
    plan = {"mode": "blind-transfer", "sipVerb": "dial"}
    desk = await asyncio.to_thread(sent_on, node, uri, plan, message="")
    async with phones(node, "udp") as line:
        callers = Callers(node, line, desk, 4)
        await callers.placed()
        await asyncio.gather(*callers.tasks)
    operators.peer.stop()
    calls = await asyncio.to_thread(ended, node, desk, len(callers.told))

    assert all(one.answered_at is not None for one in callers.told)
    assert _transfers(calls) == ["completed"] * len(callers.told)


async def test_what_is_changed_counts_for_the_next_call_of_each(node: Node) -> None:
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant()))
    for turn in range(2):
        made = await asyncio.to_thread(node.post, "/assistant", assistant(name=f"Number {turn}"))
        changed = await asyncio.to_thread(
            lambda made=made: httpx.patch(  # type: ignore[misc]
                f"{node.url}/phone-number/{desk.id}",
                json={"assistantId": made["id"]},
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=PATIENCE,
            )
        )
        assert changed.status_code == 200, changed.text
        async with phones(node, "udp") as line:
            callers = Callers(node, line, desk, 0.1)
            await callers.placed()
            await asyncio.gather(*callers.tasks)
        rows = await asyncio.to_thread(node.get, f"/call?phoneNumberId={desk.id}&limit=1000")
        by = {one["transport"]["sbcCallSid"]: one["assistantId"] for one in rows}
        assert {by[one.call_id] for one in callers.told} == {made["id"]}


async def test_a_number_s_org_has_as_many_calls_as_it_may_over_all(node: Node) -> None:
    """`concurrencyLimit` counts the calls of all."""
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant()))
    (org,) = await asyncio.to_thread(node.get, "/org")
    limit = 3
    await asyncio.to_thread(_limit, node, org["id"], limit)
    async with phones(node, "udp") as line:
        told = [Told() for _ in range(12)]
        calling = [asyncio.create_task(call(line, desk.uri(), hang_up_after=3, told=one)) for one in told]
        await asyncio.gather(*calling)
    await asyncio.to_thread(_limit, node, org["id"], None)
    assert sum(one.answered_at is not None for one in told) == limit
    assert {one.refused for one in told if one.answered_at is None} == {486}


def _limit(node: Node, org_id: str, limit: int | None) -> None:
    answer = httpx.patch(
        f"{node.url}/org/{org_id}", json={"concurrencyLimit": limit},
        headers={"Authorization": f"Bearer {KEY}"}, timeout=60,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda one: one.name)
async def test_a_plane_that_dies_or_stands_still_takes_no_sound_of_others_calls(
    node: Node, number: signal.Signals
) -> None:
    """These hear every packet, and can hang up. Its own calls are ended and reported once if it has died."""
    sink = WebhookSink()
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant(server={"url": sink.url})))
    async with phones(node, "udp") as line:
        callers = Callers(node, line, desk, 4 * STOPPED_SECONDS)
        await callers.placed()
        victim, *others = planes_of(node)
        before, bystanders = plane(node, victim), [lives(node, one) for one in others]
        os.kill(before["process"], number)
        await asyncio.sleep(STOPPED_SECONDS)
        if number is signal.SIGSTOP:
            os.kill(before["process"], signal.SIGCONT)
        of_others = [told for one in others for told in callers.of(one)]
        both = zip(callers.tasks, callers.told, strict=True)
        await asyncio.gather(*(task for task, told in both if told in of_others))
        for task in callers.tasks:
            task.cancel()
        await asyncio.gather(*callers.tasks, return_exceptions=True)
    await asyncio.to_thread(back, node, victim, before["restarts"] + (number is signal.SIGKILL))
    calls = await asyncio.to_thread(ended, node, desk, len(callers.told))
    await asyncio.to_thread(
        soon, lambda: len(sink.taken("end-of-call-report")) >= len(calls), why="not every call is reported"
    )
    reports = [one.message["call"]["id"] for one in sink.taken("end-of-call-report")]
    sink.down()

    died = len(callers.of(victim)) if number is signal.SIGKILL else 0
    reasons = sorted(one["endedReason"] for one in calls)
    assert reasons == [WORKER_DIED] * died + ["customer-ended-call"] * (len(callers.told) - died)
    assert sorted(reports) == sorted(one["id"] for one in calls)
    assert [(one.lost, one.end) for one in of_others] == [(0, "hung up")] * len(of_others)
    assert [lives(node, one) for one in others] == bystanders
