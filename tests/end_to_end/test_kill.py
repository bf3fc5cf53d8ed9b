"""kill -9, again and again, in the middle of calls: what was promised is still kept afterwards."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import httpx
import pytest

from tests.end_to_end.answers import Receiver, late, receiving, says
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.node import Number, new_number
from tests.end_to_end.peers import LOOPBACK
from tests.end_to_end.scripted_node import ScriptedNode
from tests.end_to_end.sound import read
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

ROUNDS = 8
CALLS = 25
SEED = 20261123
MEANWHILE = 1.7
"""Seconds that a recording may lack when the process is killed: one that is not handed over yet, and what a
busy machine makes of the way to the disk."""
LONG = MEANWHILE + 2
"""Seconds that a call has been up in each second round before the process is killed, so that there are
recordings to be judged on a machine of any speed."""
STAYS = 60
"""Seconds after which the caller of a round who stays would hang up: the kill comes before."""

GREETING = {
    "firstMessage": "Hello, this is a receptionist who talks for a bit.",
    "silenceTimeoutSeconds": 60,
}


@dataclass
class Cut(Story):
    """`up`: by SIP Call-ID, how long a call had been up when it was cut off, by what its caller had heard
    until then: a node that had no processor meanwhile had nothing to record."""

    up: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float | None] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Cut:
    return asyncio.run(_tell(ScriptedNode(tmp_path_factory.mktemp("kill"))))


async def _tell(node: ScriptedNode) -> Cut:
    rng, moods, story = random.Random(SEED), random.Random(SEED + 1), Cut()
    async with receiving(refuses=lambda: moods.random() < 0.05) as receiver:
        await asyncio.to_thread(node.start)
        try:
            numbers = await asyncio.to_thread(_numbers, node, receiver)
            for turn in range(ROUNDS):
                await _cut_off(node, numbers, rng, story, up=LONG if turn % 2 else 0)
                await asyncio.to_thread(node.start)
            await settled(node, receiver, story)
            await _recordings(story)
        finally:
            node.stop()
    return story


def _numbers(node: ScriptedNode, receiver: Receiver) -> list[Number]:
    """One with an assistant, one whose owner is asked and takes a while."""
    server = {"url": receiver.url("calls")}
    assistant = {**GREETING, "server": server}
    receiver.acts["calls"] = late(0.4, says({"assistant": assistant}))
    return [
        new_number(node, answered_by=assistant),
        new_number(node, answered_by=None, server=server),
    ]


async def _cut_off(
    node: ScriptedNode, numbers: list[Number], rng: random.Random, story: Cut, up: float
) -> None:
    """Some calls at different points of their lives, one of them up for `up` seconds, and then none."""
    callers = [Told() for _ in range(CALLS)]
    stays = [rng.uniform(0.2, 3) for _ in callers[1:]]

    async def one(told: Told, delay: float, number: Number, stays: float) -> None:
        await asyncio.sleep(delay)
        await call(line, number.uri(), hang_up_after=stays, told=told)

    async with exchange(LOOPBACK, node.sip_port) as line:
        placed = [
            asyncio.create_task(one(told, rng.uniform(0, 1.5), rng.choice(numbers), for_))
            for told, for_ in zip(callers, [STAYS, *stays], strict=True)
        ]
        await asyncio.sleep(rng.uniform(0.4, 3))
        await _lasts(callers[0], up)
        node.crash()
        killed = asyncio.get_running_loop().time()
        cut_off = [told for told, task in zip(callers, placed, strict=True) if not task.done()]
        for task in placed:
            task.cancel()
        await asyncio.gather(*placed, return_exceptions=True)
        for told in cut_off:
            if told.answered_at is not None:
                story.up[told.call_id] = min(killed - told.answered_at, told.packets * 0.02)
    story.answered |= {told.call_id for told in callers if told.answered_at is not None}


async def _recordings(story: Cut) -> None:
    for one in story.calls:
        url = one["artifact"].get("stereoRecordingUrl")
        if url:
            answer = await asyncio.to_thread(httpx.get, url)
            recorded = read(answer.content) if answer.status_code == 200 else None
            story.seconds[one["id"]] = None if recorded is None else recorded.seconds


async def _lasts(told: Told, seconds: float) -> None:
    """Until the call has been up for so long."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(STAYS / 2):
        while seconds and (told.answered_at is None or loop.time() - told.answered_at < seconds):
            await asyncio.sleep(0.05)


@pytest.mark.timeout(900)
def test_the_kills_met_calls_of_every_age(story: Cut) -> None:
    """Without this the rest would prove nothing."""
    reasons = {one["endedReason"] for one in story.calls}

    assert len(story.calls) > ROUNDS * CALLS / 2
    assert len(story.up) > ROUNDS
    assert {"customer-ended-call", "call.in-progress.error-vapifault-worker-died"} <= reasons
    assert any(not one.accepted for one in story.taken)


def test_no_call_that_was_answered_is_forgotten(story: Cut) -> None:
    no_call_that_was_answered_is_forgotten_or_there_twice(story)


def test_every_call_has_ended_with_a_reason(story: Cut) -> None:
    every_call_has_ended_with_a_reason(story)


def test_every_call_has_exactly_one_report(story: Cut) -> None:
    every_call_has_exactly_one_report(story)


def test_the_report_says_what_the_call_says(story: Cut) -> None:
    the_report_says_what_the_call_says(story)


def test_statuses_only_move_forward(story: Cut) -> None:
    statuses_only_move_forward(story)


def test_nothing_comes_after_the_report(story: Cut) -> None:
    nothing_comes_after_the_report(story)


def test_recordings_open_and_lack_the_last_second_at_most(story: Cut) -> None:
    by_sip = {one["transport"]["sbcCallSid"]: one["id"] for one in story.calls}
    lacking = {}
    for sip_call_id, up in story.up.items():
        recorded = story.seconds.get(by_sip[sip_call_id])
        if up > MEANWHILE and (recorded is None or recorded < up - MEANWHILE):
            lacking[sip_call_id] = (up, recorded)

    assert lacking == {}
    assert None not in story.seconds.values()
    assert any(up > MEANWHILE for up in story.up.values())
