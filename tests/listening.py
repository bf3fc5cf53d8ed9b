"""A TCP server for the time of a test, with all that it took in."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

FAREWELL = 5.0
"""Seconds that an aborted connection has to be gone."""


@contextlib.asynccontextmanager
async def listening(
    serve: Serve, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """`serve` has each connection, which is closed when it returns; the port is what the block is given.
    With the block, every connection is cut off and whoever serves one is cancelled and waited for."""
    writers: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers[writer] = asyncio.current_task()
        # Streams of Python 3.11 complain in the log of a connection whose task was cancelled.
        with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)  # who was connected this moment gets its task
        tasks = [task for task in writers.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(writer.wait_closed(), FAREWELL)
