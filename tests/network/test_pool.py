from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import httpcore2
import pytest

from offhook.network import AddressGuard, pool
from offhook.network.outside import Outside
from offhook.network.pool import GuardedPool
from tests.listening import listening
from tests.machine import PATIENCE
from tests.network.servers import Heard, always, client_tls, reply, server_tls, serving
from tests.network.test_guard import Names


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    guard = AddressGuard(allow_private=True, resolver=Names(["127.0.0.1"]))
    made = Outside(guard, tls=client_tls())
    yield made
    await made.aclose()


async def post(outside: Outside, url: str, body: bytes = b"hi", **headers: str) -> bytes:
    answer = await outside.post(url, headers, body)
    try:
        return await answer.read(1_000_000)
    finally:
        await answer.aclose()


async def test_a_connection_is_kept_for_the_next_request_to_the_same_origin(outside: Outside) -> None:
    async with serving(always(reply(200, b"one"))) as one, serving(always(reply(200, b"two"))) as two:
        for _ in range(3):
            assert await post(outside, one.url) == b"one"
            assert await post(outside, two.url) == b"two"
    assert (one.connections, len(one.heard)) == (1, 3)
    assert (two.connections, len(two.heard)) == (1, 3)


async def test_requests_at_once_have_a_connection_each_and_keep_a_few(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_IDLE_CONNECTIONS", 2)
    together = asyncio.Barrier(5)

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        await together.wait()
        writer.write(reply(200))

    async with serving(answer) as server:
        for connections in (5, 8):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(post(outside, server.url) for _ in range(5)))
            assert server.connections == connections


async def test_a_connection_with_half_an_answer_is_not_kept(outside: Outside) -> None:
    async with serving(always(reply(200, b"x" * 200_000))) as server:
        answer = await outside.post(server.url, {}, b"")
        await answer.aclose()
        assert len(await post(outside, server.url)) == 200_000
    assert server.connections == 2


async def test_a_request_waits_for_room_as_long_as_it_may(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_CONNECTIONS", 1)
    narrow = GuardedPool(outside.guard, ssl.create_default_context())
    async with serving(always(reply(200, b"x"))) as server:
        request = httpcore2.Request(
            "GET", server.url, headers={"Host": "a"}, extensions={"timeout": {"pool": 0.05}}
        )
        first = await narrow.handle_async_request(request)
        with pytest.raises(httpcore2.PoolTimeout):
            await narrow.handle_async_request(request)
        await first.aclose()
        await first.aclose()  # once more costs nothing, and makes no room
        second = await narrow.handle_async_request(request)
        with pytest.raises(httpcore2.PoolTimeout):
            await narrow.handle_async_request(request)
        await second.aclose()
    await narrow.aclose()


async def test_a_request_that_fails_leaves_its_room(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_CONNECTIONS", 1)
    narrow = GuardedPool(outside.guard, ssl.create_default_context())
    async with serving(always(b"no HTTP\r\n\r\n")) as server:
        for _ in range(3):
            with pytest.raises(httpcore2.RemoteProtocolError):
                await narrow.handle_async_request(httpcore2.Request("GET", server.url, headers={"Host": "a"}))


async def test_head_and_body_of_a_request_leave_in_one_piece(outside: Outside) -> None:
    pieces: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pieces.append(await reader.read(100_000))
        writer.write(reply(200, b"ok"))

    async with listening(listen) as port:
        assert await post(outside, f"http://127.0.0.1:{port}/", b"x" * 1000) == b"ok"
    assert pieces[0].endswith(b"\r\n\r\n" + b"x" * 1000)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_long_bodies_go_both_ways(outside: Outside, scheme: str) -> None:
    """More than any buffer on the way holds."""

    async def echo(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, heard.body))

    body = bytes(range(256)) * 8000
    async with serving(echo, tls=server_tls() if scheme == "https" else None) as server:
        answer = await outside.post(f"{scheme}://hooks.example.com:{server.port}/", {}, body)
        assert await answer.read(len(body)) == body
        await answer.aclose()


async def test_a_server_that_answers_before_it_has_heard_all_is_understood(outside: Outside) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(413, b"no"))
        await reader.read()

    async with listening(refuse) as port:
        answer = await outside.post(f"http://127.0.0.1:{port}/", {}, b"x" * 10_000)
        assert (answer.status, await answer.read(10)) == (413, b"no")
        await answer.aclose()


async def test_a_server_that_talks_out_of_turn_is_not_asked_on_that_connection_again(
    outside: Outside,
) -> None:
    """What it said would be taken for the answer to the next request."""

    async def chatter(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, b"right"))
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(reply(200, b"wrong"))

    async with serving(chatter) as server:
        assert await post(outside, server.url) == b"right"
        await asyncio.sleep(0.2)
        assert await post(outside, server.url) == b"right"
    assert server.connections == 2


async def test_the_user_of_a_url_is_sent_as_its_password_says(outside: Outside) -> None:
    async with serving(always(reply(200))) as server:
        url = f"http://us%40r:pa%3Ass@127.0.0.1:{server.port}/x?y=1"
        await post(outside, url)
        await post(outside, url, Authorization="own")
    first, second = server.heard
    assert first.headers["authorization"] == "Basic dXNAcjpwYTpzcw=="
    assert (first.path, first.headers["host"]) == ("/x?y=1", f"127.0.0.1:{server.port}")
    assert second.headers["authorization"] == "own"


async def test_headers_that_are_given_replace_the_usual_ones(outside: Outside) -> None:
    async with serving(always(reply(200))) as server:
        answer = await outside.post(server.url, {"user-agent": "mine"}, b"")
        await answer.aclose()
    (heard,) = server.heard
    assert heard.headers["user-agent"] == "mine"
    assert heard.headers["accept-encoding"] == "identity"
