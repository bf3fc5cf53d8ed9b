"""A plane that is killed or stopped takes nothing with it but its own work."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from offhook.folder import holder
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.node import KEY, Node, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, soon
from tests.end_to_end.sink import WebhookSink
from tests.machine import PATIENCE

WORKER_DIED = "call.in-progress.error-vapifault-worker-died"
STOPPED_SECONDS = 2.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    own = Node(tmp_path_factory.mktemp("planes"))
    yield own.start()
    own.stop()


def plane(node: Node, name: str) -> dict[str, Any]:
    """What the node tells of one of its processes."""
    held = holder(node.folder / "data")
    assert held is not None
    (found,) = [dict(one) for one in held.planes if one["plane"] == name]
    return found


def lives(node: Node, name: str) -> dict[str, Any]:
    """Which process it is, since when and after how many others; not how many calls it has just now."""
    return {what: told for what, told in plane(node, name).items() if what != "calls"}


def ready(node: Node) -> bool:
    return httpx.get(f"{node.url}/health/ready", timeout=PATIENCE).status_code == 200


def back(node: Node, name: str, restarts: int) -> None:
    """Wait until the plane has been started anew."""

    def is_back() -> bool:
        found = plane(node, name)
        return bool(found["restarts"] == restarts and found["up"] and ready(node))

    soon(is_back, why=f"the {name} plane was not back in time:\n{node.log[-2000:]}")


@pytest.mark.parametrize("name", ["call", "api"])
def test_a_plane_may_have_as_many_files_as_the_system_allows(node: Node, name: str) -> None:
    limits = Path(f"/proc/{plane(node, name)['process']}/limits").read_text()
    (files,) = [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")]
    assert files[0] == files[1]


def test_sound_comes_first_and_then_calls_where_the_cores_are_busy(node: Node) -> None:
    """A media process that is started anew too, by a call plane that has taken its step back."""

    def niceness() -> list[int]:
        planes = [plane(node, name)["process"] for name in ("media", "call", "api")]
        return [os.getpriority(os.PRIO_PROCESS, one) - own for one in planes]

    own = os.getpriority(os.PRIO_PROCESS, node.peer.process.pid)
    assert niceness() == [0, 2, 4]
    before = plane(node, "media")
    os.kill(before["process"], signal.SIGKILL)
    back(node, "media", before["restarts"] + 1)
    assert niceness() == [0, 2, 4]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda one: one.name)
async def test_the_api_takes_no_sound_with_it(node: Node, number: signal.Signals) -> None:
    """A caller hears every packet while the API is killed, or stands still; and it is back by itself."""
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant()))
    before = plane(node, "api")
    told = Told()
    async with exchange(LOOPBACK, node.sip_port) as line:
        calling = asyncio.create_task(call(line, desk.uri(), hang_up_after=3 * STOPPED_SECONDS, told=told))
        while told.answered_at is None:
            await asyncio.sleep(0.05)
        os.kill(before["process"], number)
        await asyncio.sleep(STOPPED_SECONDS)
        if number is signal.SIGSTOP:
            os.kill(before["process"], signal.SIGCONT)
        await calling
    restarts = before["restarts"] + (number is signal.SIGKILL)
    await asyncio.to_thread(back, node, "api", restarts)
    ended = await asyncio.to_thread(desk.call)

    assert told.packets > 0
    assert told.lost == 0
    assert told.end == "hung up"
    assert ended["endedReason"] == "customer-ended-call"


def test_a_call_plane_that_stands_still_keeps_nobody_waiting_for_ever(node: Node) -> None:
    process = plane(node, "call")["process"]
    made = node.post("/assistant", assistant())
    os.kill(process, signal.SIGSTOP)
    try:
        assert not ready(node)
        # What is written meanwhile is written; the plane looks for it before its next call.
        renamed = httpx.patch(
            f"{node.url}/assistant/{made['id']}",
            json={"name": "Renamed"},
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=PATIENCE,
        )
        assert renamed.status_code == 200, renamed.text
    finally:
        os.kill(process, signal.SIGCONT)
    soon(lambda: ready(node))


async def test_what_is_changed_counts_for_the_next_call(node: Node) -> None:
    """At once, as often as it is changed."""
    assistants = [
        await asyncio.to_thread(node.post, "/assistant", assistant(name=f"Number {turn}"))
        for turn in range(3)
    ]
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=None))
    async with httpx.AsyncClient(
        base_url=node.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE
    ) as web:
        for made in assistants:
            changed = await web.patch(f"/phone-number/{desk.id}", json={"assistantId": made["id"]})
            assert changed.status_code == 200, changed.text
            async with exchange(LOOPBACK, node.sip_port) as line:
                told = await call(line, desk.uri(), hang_up_after=0.1)
            calls = (await web.get(f"/call?phoneNumberId={desk.id}")).json()
            (found,) = [one for one in calls if one["transport"]["sbcCallSid"] == told.call_id]
            assert found["assistantId"] == made["id"]


async def test_a_call_plane_that_dies_ends_its_calls_once_and_comes_back(node: Node) -> None:
    sink = WebhookSink()
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant(server={"url": sink.url})))
    before, api = plane(node, "call"), plane(node, "api")
    told = Told()
    async with exchange(LOOPBACK, node.sip_port) as line:
        calling = asyncio.create_task(call(line, desk.uri(), hang_up_after=30, told=told))
        while told.answered_at is None:
            await asyncio.sleep(0.05)
        await asyncio.to_thread(desk.call, status="in-progress")
        os.kill(before["process"], signal.SIGKILL)
        erased = await asyncio.to_thread(
            lambda: httpx.get(
                f"{node.url}/call", headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE
            )
        )
        await asyncio.to_thread(back, node, "call", before["restarts"] + 1)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
    ended = await asyncio.to_thread(desk.call)
    await asyncio.to_thread(sink.wait_for, "end-of-call-report")
    async with exchange(LOOPBACK, node.sip_port) as line:
        again = await call(line, desk.uri(), hang_up_after=0.1)
    sink.down()

    assert erased.status_code == 200  # the API goes on meanwhile
    assert ended["endedReason"] == WORKER_DIED
    # What is sent again, since the answer to it came late, is the same report.
    assert len({one.headers["webhook-id"] for one in sink.taken("end-of-call-report")}) == 1
    assert plane(node, "api") == api
    assert again.answered_at is not None


LONG = (
    "This sentence is said for as long as it takes to stop a process for two seconds and to let it go on, "
    "and it is said in one go, with all that belongs to it, so that nobody has to be asked for more."
)


async def test_a_call_plane_that_stands_still_keeps_no_sound_back(node: Node) -> None:
    """What is queued is heard, packet by packet, and its account is whole afterwards."""
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant(firstMessage=LONG)))
    process = plane(node, "call")["process"]
    told = Told()
    async with exchange(LOOPBACK, node.sip_port) as line:
        calling = asyncio.create_task(call(line, desk.uri(), hang_up_after=12, told=told))
        while told.answered_at is None:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        os.kill(process, signal.SIGSTOP)
        await asyncio.sleep(STOPPED_SECONDS)
        os.kill(process, signal.SIGCONT)
        await calling
    ended = await asyncio.to_thread(desk.call)

    assert told.packets > 500
    assert told.lost == 0
    assert told.speech > 5
    assert LONG in ended["artifact"]["transcript"]


async def test_a_media_process_that_dies_ends_its_calls_once_and_another_serves(node: Node) -> None:
    sink = WebhookSink()
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant(server={"url": sink.url})))
    before, planes = plane(node, "media"), [lives(node, "call"), lives(node, "api")]
    told = Told()
    async with exchange(LOOPBACK, node.sip_port) as line:
        calling = asyncio.create_task(call(line, desk.uri(), hang_up_after=30, told=told))
        while told.answered_at is None:
            await asyncio.sleep(0.05)
        await asyncio.to_thread(desk.call, status="in-progress")
        os.kill(before["process"], signal.SIGKILL)
        await calling
        await asyncio.to_thread(sink.wait_for, "end-of-call-report")
        await asyncio.to_thread(back, node, "media", before["restarts"] + 1)
        again = await call(line, desk.uri(), hang_up_after=1.0)
    calls = await asyncio.to_thread(node.get, f"/call?phoneNumberId={desk.id}")
    (ended,) = [one for one in calls if one["transport"]["sbcCallSid"] == told.call_id]
    sink.down()

    assert told.hung_up_on
    assert ended["endedReason"].startswith("call.in-progress.error-")
    reports = [one.message["call"]["id"] for one in sink.taken("end-of-call-report")]
    assert reports.count(ended["id"]) == 1
    assert again.answered_at is not None
    assert again.packets > 0
    assert [lives(node, "call"), lives(node, "api")] == planes
    assert plane(node, "media")["process"] != before["process"]


async def test_callers_of_a_call_plane_that_dies_hear_a_last_word(node: Node) -> None:
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant(firstMessage="")))
    before = plane(node, "call")
    told = Told()
    async with exchange(LOOPBACK, node.sip_port) as line:
        calling = asyncio.create_task(call(line, desk.uri(), hang_up_after=10, told=told))
        while told.answered_at is None:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        os.kill(before["process"], signal.SIGKILL)
        await calling
    await asyncio.to_thread(back, node, "call", before["restarts"] + 1)

    assert told.lost == 0
    assert 1.5 < told.speech < 6


def _is_gone(pid: int) -> bool:
    """Or dead, and nobody has asked yet how it ended (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_supervisor_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    """And another one on the same folder and ports starts at once."""
    own = Node(tmp_path)
    own.start()
    processes = [plane(own, name)["process"] for name in ("call", "api")]
    os.kill(own.peer.process.pid, signal.SIGKILL)
    own.peer.process.wait(PATIENCE)
    soon(lambda: all(map(_is_gone, processes)), why="a plane has outlived its supervisor")
    own.crash()
    own.start()
    own.stop()
    assert own.log.endswith("Stopped.\n")
