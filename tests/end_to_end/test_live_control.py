"""Calls on a node of several call planes, steered by the URL that the official client reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.node import Node, Number, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, soon
from tests.machine import PATIENCE

CALLS = 4
SAID = "A colleague will be with you shortly."


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    own = Node(tmp_path_factory.mktemp("live"), OFFHOOK_PROCESSES="2")
    yield own.start()
    own.stop()


def going_on(node: Node, desk: Number) -> list[dict[str, Any]]:
    return list(node.get(f"/call?phoneNumberId={desk.id}&status=in-progress"))


def steer(url: str, **message: Any) -> int:
    return httpx.post(url, json=message, timeout=PATIENCE).status_code


def is_gone(url: str) -> bool:
    return steer(url, type="end-call") == 404


def _is_stored(node: Node, call_id: str) -> None:
    """What a call is steered by is stored within a second of its beginning."""
    soon(lambda: node.get(f"/call/{call_id}")["monitor"], why="a call that goes on has no URL")


def follow(node: Node, call_id: str) -> list[str]:
    """What is told of a call until it has ended, by its kind."""
    key = {"Authorization": f"Bearer {node.settings['OFFHOOK_API_KEY']}"}
    url = f"{node.url}/call/{call_id}/events"
    with httpx.stream("GET", url, headers=key, timeout=PATIENCE) as answer:
        assert answer.status_code == 200
        lines = [line for line in answer.iter_lines() if line.startswith("event: ")]
    return [line.removeprefix("event: ") for line in lines]


def talk(node: Node, desk: Number) -> None:
    """Follow each call, say something in it, then end one half by their URL and the other by the API."""
    soon(lambda: len(going_on(node, desk)) == CALLS, why="not all calls are up")
    up = going_on(node, desk)
    with ThreadPoolExecutor(CALLS) as followers:
        followed = [followers.submit(follow, node, one["id"]) for one in up]
        _talk_and_end(node, desk, up)
    for one in followed:
        told = one.result()
        assert told[0] == "call"
        assert told[-2:] == ["status-update", "end"]


def _talk_and_end(node: Node, desk: Number, up: list[dict[str, Any]]) -> None:
    for one in up:
        _is_stored(node, one["id"])
        url = str(node.get(f"/call/{one['id']}")["monitor"]["controlUrl"])
        assert url == f"{node.url}/call/{one['id']}/control"
        assert steer(url, type="shout") == 400
        assert steer(url, type="say", content=SAID, interruptAssistantEnabled=True) == 200

    def heard() -> bool:
        return all(
            SAID in str(node.get(f"/call/{one['id']}").get("messages")) for one in going_on(node, desk)
        )

    soon(heard, why="not all callers heard it")
    for number, one in enumerate(up):
        url = f"{node.url}/call/{one['id']}"
        if number % 2:
            assert steer(f"{url}/control", type="end-call") == 200
        else:
            key = {"Authorization": f"Bearer {node.settings['OFFHOOK_API_KEY']}"}
            ended = httpx.post(f"{url}/end", headers=key, timeout=PATIENCE)
            assert (ended.status_code, ended.json()["status"]) == (200, "ended")
        soon(partial(is_gone, f"{url}/control"), why="the call can still be steered")


async def test_a_call_is_steered_whichever_plane_has_it(node: Node) -> None:
    desk = await asyncio.to_thread(lambda: new_number(node, answered_by=assistant()))
    told = [Told() for _ in range(CALLS)]
    async with exchange(LOOPBACK, node.sip_port) as line:
        calls = [asyncio.create_task(call(line, desk.uri(), told=one)) for one in told]
        try:
            await asyncio.to_thread(talk, node, desk)
            await asyncio.gather(*calls)
        finally:
            for one in calls:
                one.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
    ended = await asyncio.to_thread(node.get, f"/call?phoneNumberId={desk.id}")

    assert all(one.hung_up_on for one in told)
    assert [one["endedReason"] for one in ended] == ["manually-canceled"] * CALLS
    assert all(SAID in one["transcript"] for one in ended)
    assert all(one["monitor"] == {} for one in ended)
