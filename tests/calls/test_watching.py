"""Whole calls that somebody follows: what is told, and that it never depends on what the owner chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offhook.schema.calls.call_watcher import CallEvent
from tests.calls.house import FIRST, open_house, virtual
from tests.calls.test_whole_call import ended


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in told]


@pytest.mark.parametrize("chosen", [None, []], ids=["all messages", "no messages"])
@virtual
async def test_a_call_is_followed_until_it_has_ended(tmp_path: Path, chosen: list[str] | None) -> None:
    events: list[CallEvent | None] = []
    async with open_house(tmp_path) as house:
        if chosen is not None:
            house.assistant["serverMessages"] = chosen
        call = await (await house.phone()).dial().connect()
        assert house.calls.watch("nobody's", events.append) is None
        assert house.calls.watch(house.call_id, events.append) is not None
        await call.hears_the_end()
        await call.says("When do you open?", 1.0)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)
        assert house.calls.watch(house.call_id, events.append) is None

    assert events.count(None) == 1
    assert events[-1] is None
    told = [json.loads(event.document) for event in events if event is not None]
    assert [event.type for event in events if event is not None] == kinds(told)
    assert {"speech-update", "transcript", "model-output", "status-update"} <= set(kinds(told))
    assert "conversation-update" not in kinds(told)
    words = [one["transcript"] for one in told if one["type"] == "transcript" and one["role"] == "user"]
    assert "When do you open?" in words
    last = told[-1]
    assert (last["type"], last["status"], last["endedReason"]) == (
        "status-update",
        "ended",
        "customer-ended-call",
    )
    times = [one["timestamp"] for one in told]
    assert times == sorted(times)
    if chosen is None:
        assert FIRST in [one.get("transcript") for one in told]


@virtual
async def test_a_follower_that_fails_harms_neither_the_call_nor_another_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise ZeroDivisionError

    told: list[Any] = []
    async with open_house(tmp_path) as house:
        call = await (await house.phone()).dial().connect()
        house.calls.watch(house.call_id, fail)
        house.calls.watch(house.call_id, told.append)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert told[-1] is None
    assert house.report["endedReason"] == "customer-ended-call"
    assert "who watches the call could not be told" in caplog.text


@virtual
async def test_who_has_left_is_told_nothing_more(tmp_path: Path) -> None:
    told: list[Any] = []
    async with open_house(tmp_path) as house:
        call = await (await house.phone()).dial().connect()
        leave = house.calls.watch(house.call_id, told.append)
        assert leave is not None
        leave()
        leave()
        before = len(told)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)
    assert len(told) == before
