"""Small real servers on the loopback for engines that live elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from offhook.network.guard import AddressGuard
from offhook.network.outside import Outside
from tests.listening import listening


@asynccontextmanager
async def outside(allow_private: bool = True) -> AsyncIterator[Outside]:
    reach = Outside(AddressGuard(allow_private=allow_private))
    try:
        yield reach
    finally:
        await reach.aclose()


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: Any


Reply = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class HttpServer:
    """`reply` writes the answer byte by byte, however wrong. Requests are kept."""

    reply: Reply
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    closed_by_peer: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            request = Request(head[0].split()[1], headers, _read(body))
            self.requests.append(request)
            await self.reply(request, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_by_peer.set()


def _read(body: bytes) -> Any:
    """JSON, or the text that it is instead."""
    try:
        return json.loads(body or b"null")
    except ValueError:
        return body.decode()


@asynccontextmanager
async def http_server(reply: Reply) -> AsyncIterator[HttpServer]:
    server = HttpServer(reply)
    async with listening(server.serve) as server.port:
        yield server


def answer(
    body: bytes, status: str = "200 OK", kind: str = "application/octet-stream", **headers: str
) -> Reply:
    """A plain answer with its length."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    async def reply(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return reply


def in_pieces(pieces: list[bytes], pause: float = 0.01, kind: str = "audio/pcm", end: bool = True) -> Reply:
    """A chunked answer, piece by piece; without `end` the connection breaks off."""

    async def reply(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        for piece in pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(pause)
        if end:
            writer.write(b"0\r\n\r\n")

    return reply


async def never(_: Request, __: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await asyncio.Event().wait()
