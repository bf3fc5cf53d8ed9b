"""What happened to many calls of a node that was hurt meanwhile, and what must hold of it all the same."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.answers import Receiver, Taken
from tests.end_to_end.node import Node
from tests.machine import PATIENCE

ORDER = ["scheduled", "queued", "ringing", "in-progress", "forwarding", "ended"]


@dataclass
class Story:
    """`answered`: the SIP Call-IDs of calls that were."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)

    def of_call(self, call_id: str, *types: str) -> list[Taken]:
        return [one for one in self.taken if one.message["call"]["id"] == call_id and one.type in types]


async def settled(node: Node, receiver: Receiver, story: Story) -> None:
    """Wait until every call has its report, and read what the API says of them."""
    deadline = time.monotonic() + PATIENCE
    while True:
        story.calls = await asyncio.to_thread(node.get, "/call?limit=1000")
        reported = {one.message["call"]["id"] for one in reports(receiver.taken) if one.accepted}
        if {one["id"] for one in story.calls} <= reported or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    story.taken = receiver.taken


def reports(taken: Iterable[Taken]) -> list[Taken]:
    return [one for one in taken if one.type == "end-of-call-report"]


# -- what must hold ---------------------------------------------------------------------------------


def no_call_that_was_answered_is_forgotten_or_there_twice(story: Story) -> None:
    rows = Counter(one["transport"]["sbcCallSid"] for one in story.calls)

    assert story.answered <= rows.keys()
    assert {sip_call_id: count for sip_call_id, count in rows.items() if count > 1} == {}


def every_call_has_ended_with_a_reason(story: Story) -> None:
    assert [one["id"] for one in story.calls if one["status"] != "ended" or not one["endedReason"]] == []


def every_call_has_exactly_one_report(story: Story) -> None:
    """Delivered at least once, and under one id however often."""
    ids: dict[str, set[str]] = defaultdict(set)
    accepted: set[str] = set()
    for one in reports(story.taken):
        ids[one.message["call"]["id"]].add(one.headers["webhook-id"])
        if one.accepted:
            accepted.add(one.message["call"]["id"])

    assert {call_id: len(found) for call_id, found in ids.items() if len(found) != 1} == {}
    assert accepted == {one["id"] for one in story.calls}


def the_report_says_what_the_call_says(story: Story) -> None:
    reasons = {one.message["call"]["id"]: one.message["endedReason"] for one in reports(story.taken)}

    assert reasons == {one["id"]: one["endedReason"] for one in story.calls}


def statuses_only_move_forward(story: Story) -> None:
    for one in story.calls:
        first: dict[str, str] = {}
        for update in story.of_call(one["id"], "status-update"):
            first.setdefault(update.headers["webhook-id"], update.message["status"])
        ranks = [ORDER.index(status) for status in first.values()]

        assert ranks == sorted(set(ranks)), (one["id"], list(first.values()))
        assert list(first.values())[-1:] == ["ended"]


def nothing_comes_after_the_report(story: Story) -> None:
    """Repetitions apart: each message is counted where it was first accepted."""
    for one in story.calls:
        first: dict[str, str] = {}
        for message in story.taken:
            if message.message["call"]["id"] == one["id"] and message.accepted:
                first.setdefault(message.headers.get("webhook-id", ""), message.type)

        assert list(first.values())[-1] == "end-of-call-report"
