"""An owner's servers at their worst: one port, where the first part of the path says how it answers.

HTTP is written by hand, so that nothing is in the way of what is wrong with it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

Writer = asyncio.StreamWriter
Behaviour = Callable[[Writer], Awaitable[None]]
HOST: Final = "127.0.0.9"
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Servers:
    """`port` is known once it is started. `add` gives the URL at which `behave` has the connection after a
    request has come."""

    def __init__(self) -> None:
        self.port = 0
        self._behaviours: dict[bytes, Behaviour] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, 0, limit=1 << 22)
        self.port = self._server.sockets[0].getsockname()[1]

    def add(self, behave: Behaviour, scheme: str = "http") -> str:
        name = behave.__name__.strip("_") + str(len(self._behaviours))
        self._behaviours[name.encode()] = behave
        return f"{scheme}://{HOST}:{self.port}/{name}"

    async def _connected(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                behave = self._behaviours.get(head.split(b" ")[1].split(b"/")[1])
                if b"sec-websocket-key" in head.lower():
                    writer.write(_switched(head))
                await (taken(writer) if behave is None else behave(writer))
        writer.transport.abort()


async def taken(writer: Writer) -> None:
    writer.write(answer(b"{}"))


def _switched(head: bytes) -> bytes:
    key = head.lower().partition(b"sec-websocket-key:")[2].partition(b"\r\n")[0]
    at = head.lower().index(key)
    accept = base64.b64encode(hashlib.sha1(head[at : at + len(key)].strip() + _MAGIC).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def answer(body: bytes, kind: str = "application/json", *fields: str) -> bytes:
    head = [f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"]
    head += [f"{field}\r\n" for field in fields]
    return "".join(head).encode() + b"\r\n" + body


CHUNKED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


async def pour(writer: Writer, data: bytes, times: int = 1_000_000_000) -> None:
    """`data` again and again, as fast as it is taken."""
    for _ in range(times):
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0)


def says(document: Any) -> Behaviour:
    """A server that answers with one JSON document; `document` may be made already."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    async def say(writer: Writer) -> None:
        writer.write(answer(body))
        await writer.drain()

    return say


def poured(head: bytes, piece: bytes, pause: float | None = None) -> Behaviour:
    """A server that says `head`, and `piece` without an end; with a `pause` between two, in seconds."""

    async def pouring(writer: Writer) -> None:
        writer.write(head)
        if pause is None:
            await pour(writer, piece)
        while True:
            await pour(writer, piece, 1)
            await asyncio.sleep(pause or 0)

    return pouring


def frame(payload: bytes, code: int = 1, fin: bool = True) -> bytes:
    """A frame of a WebSocket's server (RFC 6455 §5.2)."""
    first = bytes([code | (0x80 if fin else 0)])
    if len(payload) < 126:
        return first + bytes([len(payload)]) + payload
    if len(payload) < 65_536:
        return first + b"\x7e" + len(payload).to_bytes(2, "big") + payload
    return first + b"\x7f" + len(payload).to_bytes(8, "big") + payload


def event(**delta: Any) -> bytes:
    """An event of a model's stream."""
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"


BOMB: Final = gzip.compress(bytes(64 << 20))
