"""A webhook receiver that does to an assistant-request whatever its path says, and takes everything else."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.peers import LOOPBACK
from tests.listening import listening
from tests.machine import PATIENCE

Act = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Answers one request, or fails to. The connection is closed afterwards."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One request: its path, headers (names in lower case) and message; `at` in seconds of the loop."""

    path: str
    headers: Mapping[str, str]
    message: Mapping[str, Any]
    at: float
    accepted: bool = True

    @property
    def type(self) -> str:
        return str(self.message["type"])


@dataclass(slots=True)
class Receiver:
    """`acts`: path to what an assistant-request gets there. `gone`: path to when the asker hung up.
    `pause`: seconds before a message that wants no answer gets one; `refuses`:
    whether a message that wants no answer gets a 503 all the same."""

    acts: dict[str, Act] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    gone: dict[str, float] = field(default_factory=dict)
    port: int = 0
    refuses: Callable[[], bool] = lambda: False
    pause: float = 0.0

    def url(self, path: str, scheme: str = "http") -> str:
        return f"{scheme}://{LOOPBACK}:{self.port}/{path}"

    def of(self, path: str, *types: str) -> list[Taken]:
        """What came to a path, of these types or of all."""
        return [one for one in self.taken if one.path == f"/{path}" and (not types or one.type in types)]

    async def wait_for(self, path: str, type_: str, seconds: float = PATIENCE, **fields: Any) -> Taken:
        """The first such message whose fields have these values."""
        async with asyncio.timeout(seconds):
            while True:
                for one in self.of(path, type_):
                    if all(one.message.get(name) == value for name, value in fields.items()):
                        return one
                await asyncio.sleep(0.02)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, then the connection is closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        path = first.split(" ")[1]
        now = asyncio.get_running_loop().time
        message = json.loads(body)["message"]
        act = self.acts.get(path[1:]) if message["type"] == "assistant-request" else None
        accepted = act is not None or not self.refuses()
        taken = Taken(path, headers, message, now(), accepted)
        self.taken.append(taken)
        if act is None:
            await asyncio.sleep(self.pause)
            await says({}, "200 OK" if accepted else "503 Busy")(writer)
            return
        acting = asyncio.ensure_future(act(writer))
        hanging_up = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([acting, hanging_up], return_when=asyncio.FIRST_COMPLETED)
            if not acting.done():
                self.gone[path[1:]] = now()
        finally:
            for task in (acting, hanging_up):
                task.cancel()
            await asyncio.gather(acting, hanging_up, return_exceptions=True)


@asynccontextmanager
async def receiving(
    tls: ssl.SSLContext | None = None, refuses: Callable[[], bool] = lambda: False, pause: float = 0.0
) -> AsyncIterator[Receiver]:
    receiver = Receiver(refuses=refuses, pause=pause)
    async with listening(receiver.serve, tls=tls) as receiver.port:
        yield receiver


@asynccontextmanager
async def deaf_port() -> AsyncIterator[int]:
    """A port whose queue of connections is full: whoever connects hears nothing at all."""
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(full.getsockname())
        await asyncio.sleep(0.2)
        try:
            yield full.getsockname()[1]
        finally:
            for one in waiting:
                one.close()


@asynccontextmanager
async def mute_port() -> AsyncIterator[int]:
    """A port that takes connections and never says a word: no TLS handshake ends there."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(listen) as port:
        yield port


# -- what a receiver can do -------------------------------------------------------------------------


def raw(data: bytes) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return act


def sends(body: bytes, status: str = "200 OK", *headers: str) -> Act:
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def says(answer: object, status: str = "200 OK", *headers: str) -> Act:
    return sends(json.dumps(answer).encode(), status, *headers)


def late(seconds: float, act: Act) -> Act:
    async def wait(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await act(writer)

    return wait


async def resets(writer: asyncio.StreamWriter) -> None:
    """RST instead of an answer."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def drips(writer: asyncio.StreamWriter) -> None:
    """An answer that would be right, if it were not a byte in each quarter of a second."""
    body = json.dumps({"error": "x" * 400}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
    for byte in body:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.25)


async def drips_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(200):
        writer.write(b"X-Drip-%d: 1\r\n" % number)
        await asyncio.sleep(0.25)


async def never_ends(writer: asyncio.StreamWriter) -> None:
    """As much as anybody reads."""
    writer.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n["\r\n')
    with suppress(OSError):
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()
