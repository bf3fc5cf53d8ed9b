"""A receiver of server messages, as an owner would run one: a small HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from offhook.json_document import MessageDocument

MAX_BODY: Final = 16 * 1024 * 1024
READ_SECONDS: Final = 10.0

Message = MessageDocument


@asynccontextmanager
async def receiving(on_message: Callable[[Message], None]) -> AsyncIterator[str]:
    """Serves until the block ends; yields the URL. Each message is answered with 200 and handed on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (body := await _request(reader)) is not None:
                on_message(json.loads(body)["message"])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (OSError, ValueError, KeyError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the sender tries again
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=64 * 1024)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next request of a connection, None at its end."""
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    if not 0 <= length <= MAX_BODY:
        raise ValueError("too long")
    async with asyncio.timeout(READ_SECONDS):
        return await reader.readexactly(length)
