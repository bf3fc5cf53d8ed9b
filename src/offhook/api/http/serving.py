"""The server of the API's socket."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from offhook.api.http.connection import Arrivals, Bounds, Connection
from offhook.network.sources import Sources

HTTP_GRACE_SECONDS: Final = 3
"""Seconds for answers that are under way when the node stops."""

BACKLOG: Final = 256
"""Connections that the kernel keeps ready. They are all accepted at once, and audio waits meanwhile."""


async def serve_http(
    listening: socket.socket,
    app: ASGIApp,
    stack: AsyncExitStack,
    bounds: Bounds | None = None,
    sources: Sources | None = None,
) -> asyncio.Task[None]:
    """Serves `app` on `listening` until `stack` is closed. Returns the task once it serves."""
    bounds = bounds or Bounds()
    arrivals = Arrivals(bounds, asyncio.get_running_loop().time, sources or Sources())
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        backlog=BACKLOG,
        http=cast("type[asyncio.Protocol]", functools.partial(Connection, bounds, arrivals)),
        timeout_graceful_shutdown=HTTP_GRACE_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="http")

    async def stop() -> None:
        server.should_exit = True
        await task

    stack.push_async_callback(stop)
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait([up, task], return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    return task


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the node decides when to stop. `up` is set once it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
