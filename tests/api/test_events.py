"""`/call/{id}/events`: who may follow a call, what comes, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from offhook.api.http import server_sent_events
from offhook.api.http.server_sent_events import MOST_WAITING, Feed
from offhook.api.resources import event_routes
from offhook.schema.calls.call_watcher import LOST, CallEvent
from tests.api.conftest import KEY, NODE, OTHER_KEY, PUBLIC_KEY, House, client_of
from tests.api.test_call import stored_call
from tests.api.test_control import live

Event = tuple[str, dict[str, Any]]


def event(**given: Any) -> CallEvent:
    return CallEvent(given["type"], json.dumps(given))


class Listener:
    """One answer, event by event, and what the server waits for meanwhile."""

    def __init__(self, house: House, call_id: str, key: str | None = KEY, method: str = "GET") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._leaves = asyncio.Event()
        authorization = [] if key is None else [(b"authorization", f"Bearer {key}".encode())]
        path = f"/call/{call_id}/events"
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": authorization, "scheme": "http", "server": ("api.test", 80), "client": ("::1", 1),
            "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        self.task = asyncio.create_task(house.app(scope, self._receive, self._send))
        self.held: asyncio.Event | None = None

    async def _receive(self) -> dict[str, Any]:
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            if self.held is not None:
                await self.held.wait()
            self._chunks.put_nowait(message["body"])
            if not message.get("more_body"):
                self._chunks.put_nowait(None)

    async def chunk(self) -> str | None:
        chunk = await asyncio.wait_for(self._chunks.get(), 30)
        return None if chunk is None else chunk.decode()

    async def next(self) -> Event:
        chunk = await self.chunk()
        assert chunk is not None
        name, data = chunk.removesuffix("\n\n").split("\n")
        found = json.loads(data.removeprefix("data: "))
        assert name == f"event: {found['type']}"
        return found["type"], found

    async def leave(self) -> None:
        self._leaves.set()
        await self.task


@pytest.fixture
async def follow(house: House) -> AsyncIterator[Callable[..., Listener]]:
    listeners = []

    def follow(*given: Any, **named: Any) -> Listener:
        listeners.append(Listener(house, *given, **named))
        return listeners[-1]

    yield follow
    for listener in listeners:
        listener.task.cancel()


async def test_a_call_is_followed_from_what_it_is_now_to_its_end(
    house: House, follow: Callable[..., Listener]
) -> None:
    call_id = await live(house)
    listener = follow(call_id)
    kind, first = await listener.next()
    assert (kind, first["call"]["id"], first["call"]["status"]) == ("call", call_id, "in-progress")
    assert (listener.status, listener.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert listener.headers["cache-control"] == "no-store"

    (watcher,) = house.live.watchers[call_id]
    said = {"type": "transcript", "role": "user", "transcript": "a line\nand éach\u2028", "timestamp": 1}
    watcher(event(**said))
    assert await listener.next() == ("transcript", said)
    watcher(event(type="status-update", status="ended", timestamp=2))
    watcher(None)
    assert (await listener.next())[0] == "status-update"
    assert await listener.next() == ("end", {"type": "end", "complete": True})
    assert await listener.chunk() is None
    await listener.task
    assert house.live.watchers[call_id] == []


async def test_a_call_that_has_ended_is_shown_and_that_is_all(
    house: House, follow: Callable[..., Listener]
) -> None:
    listener = follow(await stored_call(house, "ended", NODE))
    assert (await listener.next())[1]["call"]["status"] == "ended"
    assert (await listener.next())[0] == "end"
    await listener.task


@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("no-such-key", 401), (PUBLIC_KEY, 401), (OTHER_KEY, 404)]
)
async def test_only_the_orgs_own_private_key_follows_its_calls(
    house: House, key: str | None, status: int
) -> None:
    call_id = await live(house)
    async with client_of(house, key) as client:
        assert (await client.get(f"/call/{call_id}/events")).status_code == status
    assert house.live.watchers == {}


async def test_another_nodes_call_is_followed_there(house: House) -> None:
    call_id = await stored_call(house, "in-progress", "node-2/2")
    async with client_of(house) as client:
        answer = await client.get(f"/call/{call_id}/events")
    assert (answer.status_code, answer.json()["message"]) == (
        409,
        "The call goes on at another node: ask there.",
    )


async def test_a_call_plane_that_is_away_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(house.live, "watch", away)
    call_id = await live(house)
    async with client_of(house) as client:
        for _ in range(event_routes.MOST_LISTENERS_OF_ORG + 1):
            assert (await client.get(f"/call/{call_id}/events")).status_code == 503


async def test_who_leaves_is_told_nothing_more_and_counted_no_more(
    house: House, follow: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_routes, "MOST_LISTENERS_OF_ORG", 1)
    call_id = await live(house)
    listener = follow(call_id)
    await listener.next()
    async with client_of(house) as client:
        refused = await client.get(f"/call/{call_id}/events")
    assert (refused.status_code, refused.json()["error"]) == (429, "Too Many Requests")
    await listener.leave()
    assert house.live.watchers[call_id] == []
    await follow(call_id).next()


async def test_who_is_too_far_behind_is_dropped_and_nobody_waits_for_them(
    house: House, follow: Callable[..., Listener]
) -> None:
    call_id = await live(house)
    listener = follow(call_id)
    await listener.next()
    listener.held = asyncio.Event()
    (watcher,) = house.live.watchers[call_id]
    for number in range(MOST_WAITING + 10):
        watcher(event(type="speech-update", number=number))
    listener.held.set()
    came = [await listener.next() for _ in range(MOST_WAITING)]
    assert [one["number"] for _, one in came] == list(range(MOST_WAITING))
    assert await listener.next() == ("end", {"type": "end", "complete": False})
    await listener.task


async def test_a_call_that_is_lost_sight_of_is_said(house: House, follow: Callable[..., Listener]) -> None:
    call_id = await live(house)
    listener = follow(call_id)
    await listener.next()
    (watcher,) = house.live.watchers[call_id]
    watcher(LOST)
    assert await listener.next() == ("end", {"type": "end", "complete": False})
    await listener.task


async def test_a_silent_call_is_heard_of_now_and_then(
    house: House, follow: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sent_events, "QUIET_SECONDS", 0.01)
    listener = follow(await live(house))
    await listener.next()
    assert await listener.chunk() == ": nothing new\n\n"
    await listener.leave()


@pytest.mark.parametrize("turns", range(5))
async def test_what_comes_while_the_wait_for_it_is_given_up_is_not_lost(turns: int) -> None:
    feed, told = Feed(), event(type="hang")
    waiting = asyncio.create_task(feed.next())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    feed.take(told)
    feed.take(None)
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    came = await feed.next() if waiting.cancelled() else waiting.result()
    assert came == told


async def test_HEAD_says_what_GET_would_send_and_follows_nothing(
    house: House, follow: Callable[..., Listener]
) -> None:
    call_id = await live(house)
    listener = follow(call_id, method="HEAD")
    assert await listener.chunk() == ""
    assert await listener.chunk() is None
    await listener.task
    assert house.live.watchers[call_id] == []
