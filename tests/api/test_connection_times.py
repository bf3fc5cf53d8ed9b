"""How long a client may take, by the clock that jumps; and what the connection builds on in uvicorn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from offhook.api.http.connection import Arrivals, Bounds, Connection
from offhook.network.sources import Sources
from tests.virtual import story

GET = b"GET / HTTP/1.1\r\nHost: api\r\n\r\n"


class MemoryTransport(asyncio.Transport):
    """Keeps what is written, and when it was closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 40_000), "sockname": ("127.0.0.1", 8080)})
        self.written = b""
        self.ended_at: float | None = None
        self.eof = False
        self.protocol: Connection

    def write(self, data: Any) -> None:
        assert not self.eof
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def write_eof(self) -> None:
        self.eof = True

    def is_closing(self) -> bool:
        return self.ended_at is not None

    def close(self) -> None:
        if self.ended_at is None:
            loop = asyncio.get_running_loop()
            self.ended_at = loop.time()
            loop.call_soon(self.protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def connected() -> tuple[Connection, MemoryTransport]:
    config = uvicorn.Config(ok, log_config=None, lifespan="off")
    transport = MemoryTransport()
    bounds = Bounds()
    arrivals = Arrivals(bounds, asyncio.get_running_loop().time, Sources())
    connection = Connection(bounds, arrivals, config=config, server_state=ServerState(), app_state={})
    transport.protocol = connection
    connection.connection_made(transport)
    return connection, transport


def send(connection: Connection, data: bytes) -> None:
    connection.data_received(data)


@story
async def test_who_connects_and_says_nothing_is_closed() -> None:
    _, transport = connected()

    await asyncio.sleep(60)

    assert transport.written == b""
    assert transport.ended_at == pytest.approx(10)


@story
@pytest.mark.parametrize("before", [b"", GET], ids=["first request", "second request"])
@pytest.mark.parametrize("slow", [b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"\r\n" * 30, b"X"])
async def test_a_byte_a_second_is_too_slow(before: bytes, slow: bytes) -> None:
    connection, transport = connected()
    if before:
        send(connection, before)
        await asyncio.sleep(50)

    began = asyncio.get_running_loop().time()
    for byte in slow:
        send(connection, bytes([byte]))
        await asyncio.sleep(1)
    await asyncio.sleep(20)

    assert transport.ended_at is not None
    assert transport.ended_at - began < 20


@story
async def test_a_head_that_began_behind_a_request_is_timed_from_its_answer() -> None:
    connection, transport = connected()

    send(connection, GET + b"GET /")
    await asyncio.sleep(60)

    assert b" 204 " in transport.written
    assert b" 408 " in transport.written
    assert transport.ended_at is not None


@story
async def test_a_connection_is_kept_for_longer_than_clients_keep_theirs() -> None:
    connection, transport = connected()
    for _ in range(3):
        send(connection, GET)
        await asyncio.sleep(74)

    assert transport.written.count(b" 204 ") == 3
    assert transport.ended_at is None

    await asyncio.sleep(74)
    assert transport.ended_at == pytest.approx(2 * 74 + 75)


@story
async def test_who_does_not_read_is_dropped() -> None:
    connection, transport = connected()
    send(connection, GET)
    connection.pause_writing()
    await asyncio.sleep(29)
    connection.resume_writing()
    await asyncio.sleep(29)
    assert transport.ended_at is None

    connection.pause_writing()
    await asyncio.sleep(40)

    assert transport.ended_at == pytest.approx(29 + 29 + 30)


@story
async def test_who_was_refused_and_goes_on_sending_is_read_from_for_a_moment_only() -> None:
    connection, transport = connected()
    send(connection, b"GET / HTTP/1.1\r\nno colon\r\n")
    assert b" 400 " in transport.written
    assert transport.eof

    for _ in range(20):
        if transport.ended_at is None:
            send(connection, b"more")
        await asyncio.sleep(1)

    assert transport.ended_at == pytest.approx(5)


OVERRIDDEN = (
    "connection_made",
    "connection_lost",
    "data_received",
    "on_message_begin",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "on_response_complete",
    "pause_writing",
    "resume_writing",
    "_unset_keepalive_if_required",
)


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_uvicorn_still_has_what_the_connection_is_built_on(name: str) -> None:
    """An uvicorn that calls it otherwise would leave the server without bounds, and say nothing."""
    assert callable(HttpToolsProtocol.__dict__[name])


@story
async def test_uvicorn_still_keeps_what_the_connection_looks_at() -> None:
    connection, _ = connected()
    send(connection, b"POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 9\r\n\r\n")
    cycle = connection.cycle

    assert isinstance(cycle, RequestResponseCycle)
    assert (cycle.response_complete, cycle.response_started, cycle.disconnected) == (False, False, False)
    assert cycle.flow is connection.flow
    assert isinstance(connection.flow, FlowControl)
    assert connection in connection.connections
    assert not connection.pipeline
    assert connection.server_state.default_headers == []
    assert connection.timeout_keep_alive == 75
