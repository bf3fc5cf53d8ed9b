"""Receivers that are slow, down or hostile cost nobody else anything: not a packet, not a message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.answers import deaf_port, late, receiving, says
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.node import Node, Number, new_number
from tests.end_to_end.orgs import another_org
from tests.end_to_end.peers import LOOPBACK
from tests.end_to_end.scripted_node import ScriptedNode

RINGING = 100
STORY = "This is a receptionist who has a long story to tell. " * 5


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    started = ScriptedNode(tmp_path_factory.mktemp("load")).start()
    yield started
    started.crash()  # it would wait for the receivers that are not there
    assert "Traceback" not in started.log, started.log


async def make(org: Node, url: str, **assistant: Any) -> Number:
    """A number whose server is at `url`; with an assistant that tells its story, if told what it is like."""
    answered_by = {"firstMessage": STORY, **assistant} if assistant else None
    return await asyncio.to_thread(new_number, org, answered_by=answered_by, server={"url": url})


async def test_a_hundred_calls_that_ring_for_seven_seconds_do_not_disturb_one_in_progress(
    node: Node,
) -> None:
    async with receiving() as receiver, exchange(LOOPBACK, node.sip_port) as line:
        receiver.acts["slow"] = late(7, says({"error": "Closed."}))
        talking = await make(node, receiver.url("talk"), name="Story")
        slow = await make(node, receiver.url("slow"))

        conversation = asyncio.create_task(call(line, talking.uri(), hang_up_after=10))
        await receiver.wait_for("talk", "status-update", status="in-progress")
        ringing = [asyncio.create_task(call(line, slow.uri(), hang_up_after=0.1)) for _ in range(RINGING)]
        told = await conversation
        others: list[Told] = await asyncio.gather(*ringing)
        report = await receiver.wait_for("talk", "end-of-call-report")

    assert len(receiver.of("slow", "assistant-request")) == RINGING
    assert [one.refused for one in others] == [None] * RINGING
    assert min(one.ringing for one in others) > 6
    # How little it is disturbed is measured by `benchmarks ringing`; here nothing of it is lost.
    assert told.lost == 0
    assert told.packets > 300
    assert told.speech > 5
    assert report.message["endedReason"] == "customer-ended-call"


async def test_a_receiver_that_is_slow_or_down_delays_no_other_orgs_messages(node: Node) -> None:
    other = await asyncio.to_thread(another_org, node)
    async with (
        receiving() as receiver,
        receiving(pause=30) as slow,
        deaf_port() as deaf,
        exchange(LOOPBACK, node.sip_port) as line,
    ):
        bad = [slow.url("slow"), f"http://{LOOPBACK}:{deaf}/", "http://nobody.invalid/"]
        busy = [await make(node, url, name="Story") for url in bad]
        good = await make(other, receiver.url("good"), name="Story")

        calls = [call(line, number.uri(), hang_up_after=1.0) for number in busy for _ in range(10)]
        await asyncio.gather(*calls)
        began = asyncio.get_running_loop().time()
        await call(line, good.uri(), hang_up_after=1.0)
        report = await receiver.wait_for("good", "end-of-call-report")

    assert report.message["endedReason"] == "customer-ended-call"
    # The slow one keeps its messages for half a minute each: waiting behind one would take as long.
    assert report.at - began < 25
    kinds = [one.type for one in receiver.of("good")]
    assert kinds.index("status-update") < kinds.index("end-of-call-report") == len(kinds) - 1


async def test_a_receiver_that_is_down_does_not_delay_the_audio_of_its_own_calls(node: Node) -> None:
    async with deaf_port() as deaf, exchange(LOOPBACK, node.sip_port) as line:
        number = await make(node, f"http://{LOOPBACK}:{deaf}/", name="Story")
        told = await call(line, number.uri(), hang_up_after=3)

    assert told.lost == 0
    assert told.speech > 2
