"""What a client may take of the server before and after its key is known, over real sockets. Every
attack ends with the memory flat and another client served."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from offhook.api.http.boundary import Boundary
from offhook.api.http.connection import PARSE_COST, PARSED_BYTES, REQUEST_COST, Bounds, Connection
from offhook.api.http.serving import serve_http
from offhook.listening import listen_http
from offhook.network import Address
from offhook.network.sources import Sources
from offhook.network.turns import ROUND
from tests.api.conftest import KEY, PUBLIC_KEY, House, open_house
from tests.machine import PATIENCE
from tests.network.test_turns import Rounds

POURED = 16_000_000
FLAT = 1_500_000
"""Bytes. What is poured into the server is several times as much as may be taken at any moment."""

BIG = b"x" * 700_000
HEAD = b"GET / HTTP/1.1\r\nHost: api\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\n"


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes the body and answers; `/big` with much, `/never` not at all."""
    if scope["path"] == "/never":
        await asyncio.Event().wait()
    size = 0
    while (message := await receive())["type"] == "http.request":
        size += len(message["body"])
        if not message["more_body"]:
            break
    else:
        return
    body = BIG if scope["path"] == "/big" else b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@contextlib.asynccontextmanager
async def served(app: ASGIApp | None = None, trusted: str | None = None, **bounds: Any) -> AsyncIterator[int]:
    """The port of a server. With the block, its clients are gone too."""
    listening = listen_http(Address("127.0.0.1", 0))
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        boundary = Boundary(answering, lambda: "id")
        sources = Sources([ipaddress.ip_network(trusted)] if trusted else ())
        await serve_http(listening, app or boundary, stack, Bounds(**bounds), sources)
        yield listening.getsockname()[1]


@contextlib.asynccontextmanager
async def client(
    port: int, source: str = "127.0.0.1"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer_to(port: int, request: bytes, source: str = "127.0.0.1") -> tuple[int, bytes]:
    """Status and body of one answer."""
    async with client(port, source) as (reader, writer):
        writer.write(request)
        return await read_answer(reader)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
    return int(head.split()[1]), await reader.readexactly(length)


async def is_served(port: int) -> bool:
    return await answer_to(port, HEAD + b"\r\n") == (200, b"0")


async def pour(writer: asyncio.StreamWriter, pieces: Iterable[bytes]) -> int:
    """Send until the other side has enough of it; how many bytes it took."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            if writer.transport.is_closing():
                break
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
    return sent


def endless(piece: bytes, total: int = POURED) -> Iterator[bytes]:
    many = piece * (16_384 // len(piece) + 1)
    return itertools.islice(itertools.repeat(many), total // len(many))


@contextlib.contextmanager
def flat_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < FLAT


@pytest.mark.parametrize(
    ("opening", "piece", "status"),
    [
        (HEAD, b"a", 431),
        (HEAD + b"X", b"-y", 431),
        (HEAD + b"X: ", b"a", 431),
        (HEAD + b"X: a", b"\r\n b", 400),
        (HEAD, b"X: a\r\n", 431),
        (b"GET /", b"a", 431),
        (b"GET /?", b"a=b&", 431),
        (b"", b"\r\n", 431),
        (CHUNKED + b"1;a=", b"b", 400),
        (CHUNKED + b"1", b";a=b", 400),
        (CHUNKED, b"1;" + b"a" * 100 + b"\r\nx\r\n", 400),
        (CHUNKED, b"0", 400),
        (CHUNKED + b"0\r\n", b"X: a\r\n", 431),
        (CHUNKED + b"0\r\nX: ", b"a", 400),
        (CHUNKED + b"0\r\n", b"a", 400),
    ],
    ids=[
        "a field without a colon",
        "a field's name",
        "a field's value",
        "a folded field",
        "fields",
        "a path",
        "a query",
        "blank lines",
        "a chunk's extension",
        "extensions of a chunk",
        "chunks that are mostly extension",
        "the size of a chunk",
        "trailers",
        "a trailer's value",
        "a trailer without a colon",
    ],
)
def test_nothing_goes_on_without_an_end(run: Run, opening: bytes, piece: bytes, status: int) -> None:
    async def story() -> None:
        async with served() as port, client(port) as (reader, writer):
            with flat_memory():
                sent = await pour(writer, itertools.chain([opening], endless(piece)))
            assert sent < POURED
            with contextlib.suppress(ConnectionError):  # who does not stop sending may miss the answer
                got, body = await read_answer(reader)
                assert (got, json.loads(body)["statusCode"]) == (status, status)
                assert await reader.read() == b""
            assert await is_served(port)

    run(story())


@pytest.mark.parametrize("fields", [99, 10_000])
def test_fields_are_counted(run: Run, fields: int) -> None:
    async def story() -> None:
        request = HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(fields)) + b"\r\n"
        async with served() as port:
            status, _ = await answer_to(port, request)
            assert status == (200 if fields < 100 else 431)
            assert await is_served(port)

    run(story())


def test_what_a_client_may_send_is_taken(run: Run) -> None:
    """The largest head, a body in chunks of one byte, trailers, and requests that ask for other protocols."""

    async def story() -> None:
        path = b"a" * 60_000
        upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
        websocket = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        async with served() as port:
            assert await answer_to(port, b"GET /" + path + b" HTTP/1.1\r\nHost: api\r\n\r\n") == (200, b"0")
            small = CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\nX-Sum: a\r\n\r\n"
            assert await answer_to(port, small) == (200, b"50000")
            body = b"x" * 100_000
            post = b"POST / HTTP/1.1\r\nHost: api\r\n" + upgrade + b"Content-Length: 100000\r\n\r\n" + body
            async with client(port) as (reader, writer):
                for request, size in ((post, b"100000"), (websocket + websocket, b"0")):
                    writer.write(request)
                    assert await read_answer(reader) == (200, size)
                assert await read_answer(reader) == (200, b"0")

    run(story())


def test_a_mistake_after_a_request_waits_for_its_answer(run: Run) -> None:
    async def story() -> None:
        async with served() as port, client(port) as (reader, writer):
            writer.write(HEAD + b"\r\n" + b"this is not HTTP\r\n\r\n")
            assert (await read_answer(reader))[0] == 200
            assert (await read_answer(reader))[0] == 400
            assert await reader.read() == b""

    run(story())


@pytest.mark.parametrize("path", [b"/big", b"/"])
def test_pipelined_requests_wait_outside_and_are_all_answered(run: Run, path: bytes) -> None:
    async def story() -> None:
        request = b"GET " + path + b" HTTP/1.1\r\nHost: api\r\n\r\n"
        async with served() as port, client(port) as (reader, writer):
            with flat_memory():
                writer.write(request * 200)
                await writer.drain()
                cast("Any", reader)._transport.pause_reading()
                assert await is_served(port)
                assert await is_served(port)
            cast("Any", reader)._transport.resume_reading()
            for _ in range(200):
                status, body = await read_answer(reader)
                assert (status, len(body)) == (200, len(BIG) if path == b"/big" else 1)

    run(story())


def test_requests_behind_one_that_takes_long_are_not_taken_in(
    run: Run,
) -> None:
    async def story() -> None:
        async with served() as port, client(port) as (_, writer):
            with flat_memory():
                writer.write(b"GET /never HTTP/1.1\r\nHost: api\r\n\r\n")
                pouring = asyncio.create_task(pour(writer, endless(HEAD + b"\r\n", 40_000_000)))
                for _ in range(20):
                    assert await is_served(port)
                assert not pouring.done()
                pouring.cancel()
                await asyncio.gather(pouring, return_exceptions=True)

    run(story())


def test_a_source_with_too_many_connections_loses_those_that_wait_longest(
    run: Run,
) -> None:
    async def story() -> None:
        async with served(connections_per_source=3) as port, AsyncExitStack() as stack:
            busy, writer = await stack.enter_async_context(client(port))
            writer.write(b"POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 2\r\n\r\n1")
            idle = [await stack.enter_async_context(client(port)) for _ in range(8)]
            assert await is_served(port)
            for reader, _ in idle[:6]:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.write(b"2")
            assert await read_answer(busy) == (200, b"2")

    run(story())


def test_a_source_that_makes_connections_without_end_is_not_listened_to(
    run: Run,
) -> None:
    asked = 0

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        await answering(scope, receive, send)

    async def story() -> None:
        async with (
            served(count, new_per_second=0.001, new_at_once=10) as port,
            client(port, "127.0.0.2") as (reader, writer),
        ):
            for _ in range(60):
                async with client(port, "127.0.0.2") as (_, churning):
                    churning.write(HEAD + b"\r\n")
                    with contextlib.suppress(ConnectionError):
                        await churning.drain()
            assert await is_served(port)
            assert asked <= 11
            # The one that it has goes on.
            writer.write(HEAD + b"\r\n")
            assert await read_answer(reader) == (200, b"0")

    run(story())


def test_one_source_does_not_keep_others_out(run: Run) -> None:
    async def story() -> None:
        async with served(connections=6, connections_per_source=5) as port, AsyncExitStack() as stack:
            reader, writer = await stack.enter_async_context(client(port))
            for source in ("127.0.0.2", "127.0.0.3"):
                for _ in range(10):
                    await stack.enter_async_context(client(port, source))
            writer.write(HEAD + b"\r\n")
            assert await read_answer(reader) == (200, b"0")
            assert await is_served(port)

    run(story())


def test_with_all_connections_answering_a_newcomer_is_told_so(
    run: Run,
) -> None:
    async def story() -> None:
        async with served(connections=2) as port, AsyncExitStack() as stack:
            for _ in range(2):
                _, writer = await stack.enter_async_context(client(port))
                writer.write(b"GET /never HTTP/1.1\r\nHost: api\r\n\r\n")
            await asyncio.sleep(0.05)
            async with client(port) as (reader, _):
                assert (await read_answer(reader))[0] == 503

    run(story())


def as_house(story: Callable[[House, int], Awaitable[None]], folder: Path) -> Coroutine[Any, Any, None]:
    async def told() -> None:
        async with open_house(folder) as house, served(house.app) as port:
            await story(house, port)

    return told()


def post(*headers: bytes, path: bytes = b"/assistant") -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: api", b"Content-Type: application/json", *headers]
    return b"\r\n".join([*lines, b"", b""])


def bearer(key: str) -> bytes:
    return b"Authorization: Bearer " + key.encode()


WITHOUT_A_KEY = pytest.mark.parametrize(
    "credentials", [b"X-Key: none", bearer("wrong"), bearer(PUBLIC_KEY)], ids=["none", "wrong", "public"]
)


@WITHOUT_A_KEY
@pytest.mark.parametrize("length", [b"Content-Length: 1000000000000", b"Transfer-Encoding: chunked"])
def test_a_body_is_not_taken_in_for_a_stranger(
    run: Run, tmp_path: Path, credentials: bytes, length: bytes
) -> None:
    async def story(house: House, port: int) -> None:
        async with client(port) as (reader, writer):
            writer.write(post(credentials, length))
            status, _ = await read_answer(reader)
            assert status == 401
            assert await reader.read() == b""
            with flat_memory():
                assert await pour(writer, endless(b"fffffff\r\n")) < POURED
            assert (await answer_to(port, b"GET /health/live HTTP/1.1\r\nHost: api\r\n\r\n"))[0] == 200

    run(as_house(story, tmp_path))


@WITHOUT_A_KEY
def test_a_stranger_is_not_asked_to_continue(run: Run, tmp_path: Path, credentials: bytes) -> None:
    async def story(house: House, port: int) -> None:
        assert (await answer_to(port, post(credentials, b"Expect: 100-continue", b"Content-Length: 9")))[
            0
        ] == 401

    run(as_house(story, tmp_path))


def test_who_has_a_key_is_asked_to_continue(run: Run, tmp_path: Path) -> None:
    async def story(house: House, port: int) -> None:
        async with client(port) as (reader, writer):
            writer.write(post(bearer(KEY), b"Expect: 100-continue", b"Content-Length: 2"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(b"{}")
            assert (await read_answer(reader))[0] == 201

    run(as_house(story, tmp_path))


def test_who_sends_all_before_it_reads_still_reads_the_refusal(run: Run, tmp_path: Path) -> None:
    async def story(house: House, port: int) -> None:
        async with client(port) as (reader, writer):
            writer.write(post(bearer("wrong"), b"Content-Length: 800000"))
            await asyncio.sleep(0.05)  # the answer is there, and closed, before the body is
            assert await pour(writer, [b" " * 8000] * 100) == 800_000
            assert (await read_answer(reader))[0] == 401

    run(as_house(story, tmp_path))


def test_chunks_without_an_end_are_too_large(run: Run, tmp_path: Path) -> None:
    async def story(house: House, port: int) -> None:
        async with client(port) as (reader, writer):
            writer.write(post(bearer(KEY), b"Transfer-Encoding: chunked"))
            pouring = asyncio.create_task(pour(writer, [b"1000\r\n" + b" " * 4096 + b"\r\n"] * 4000))
            assert (await read_answer(reader))[0] == 413
            assert await reader.read() == b""
            assert await pouring < 4000 * 4096

    run(as_house(story, tmp_path))


def test_requests_of_many_clients_at_once_are_begun_a_few_at_a_time(
    run: Run,
) -> None:
    async def story() -> None:
        rounds = Rounds()

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            rounds.note(scope["path"])
            await answering(scope, receive, send)

        async with served(Boundary(counting, lambda: "id")) as port, contextlib.AsyncExitStack() as clients:
            many = [await clients.enter_async_context(client(port)) for _ in range(60)]
            for _, writer in many:
                writer.write(HEAD + b"X: " + b"x" * 6000 + b"\r\n\r\n")
            await asyncio.wait_for(rounds.wait(60), PATIENCE)
            for reader, _ in many:
                assert await read_answer(reader) == (200, b"0")
        assert max(map(len, rounds.done)) <= 2 * (ROUND // REQUEST_COST + 1)

    run(story())


def test_a_body_in_small_chunks_is_parsed_a_little_at_a_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        rounds = Rounds()
        parse = Connection._parse

        def counting(self: Connection, data: bytes) -> None:
            rounds.note(len(data))
            parse(self, data)

        monkeypatch.setattr(Connection, "_parse", counting)
        async with served() as port, client(port) as (reader, writer):
            writer.write(CHUNKED + b"1\r\n{\r\n" * 20_000 + b"0\r\n\r\n")
            assert await asyncio.wait_for(read_answer(reader), PATIENCE) == (200, b"20000")
        assert max(map(sum, rounds.done)) <= 2 * PARSED_BYTES * (ROUND // PARSE_COST + 1)
        await rounds.wait(0)

    run(story())


def test_a_proxy_that_is_trusted_may_open_a_connection_for_each_request(
    run: Run,
) -> None:
    async def story() -> None:
        bounds: dict[str, Any] = {"new_per_second": 0.001, "new_at_once": 10, "connections_per_source": 5}
        async with served(trusted="127.0.0.2/32", **bounds) as port, contextlib.AsyncExitStack() as clients:
            for _ in range(30):
                reader, writer = await clients.enter_async_context(client(port, "127.0.0.2"))
                writer.write(HEAD + b"\r\n")
                assert await read_answer(reader) == (200, b"0")
            for _ in range(15):
                await clients.enter_async_context(client(port, "127.0.0.3"))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await answer_to(port, HEAD + b"\r\n", "127.0.0.3")

    run(story())
