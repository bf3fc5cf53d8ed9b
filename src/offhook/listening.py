"""Where a node listens: taken before anything slow, so that a port that is taken is said at once."""

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

from offhook.api.connection import Arrivals, Bounds, Connection
from offhook.network import Address
from offhook.process import StartError
from offhook.sip.transport import source_towards

HTTP_GRACE_SECONDS: Final = 3
"""For answers that are under way when the node stops."""

BACKLOG: Final = 256
"""Connections that the kernel keeps ready: all of them are taken at once, and sound waits meanwhile."""

RECEIVE_BYTES: Final = 65_536
"""What the kernel keeps of a client that is not read from, and so what a single read can give."""

_ELSEWHERE: Final = "192.0.2.1"
"""Some address that is not on this machine (RFC 5737); the kernel is only asked for the way to it."""


def listen_http(address: Address) -> socket.socket:
    """The API's socket, bound; port 0 takes any. Raises StartError."""
    bound = _bound("HTTP", "--http or OFFHOOK_HTTP", address, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    return bound


def check_sip(address: Address) -> None:
    """SIP's port is free for UDP and for TCP. Raises StartError."""
    for what, kind in (("SIP over UDP", socket.SOCK_DGRAM), ("SIP over TCP", socket.SOCK_STREAM)):
        _bound(what, "--sip or OFFHOOK_SIP", address, kind).close()


def outer_address() -> str | None:
    """The address that other machines have for this one, as far as it can tell; None without a network."""
    try:
        address = source_towards(_ELSEWHERE)
    except OSError:
        return None
    return None if address.startswith("127.") else address


def cannot_listen(what: str, how: str, address: Address, error: OSError) -> StartError:
    return StartError(f"{what} cannot listen on {address} ({error.strerror}): choose another with {how}")


def _bound(what: str, how: str, address: Address, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        bound = socket.socket(family, kind)
    except OSError as error:
        raise cannot_listen(what, how, address, error) from error
    try:
        if kind is socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(tuple(address))
    except OSError as error:
        bound.close()
        raise cannot_listen(what, how, address, error) from error
    return bound


async def serve_http(
    listening: socket.socket, app: ASGIApp, stack: AsyncExitStack, bounds: Bounds | None = None
) -> asyncio.Task[None]:
    """Serve `app` on `listening` until `stack` is closed; returns the task once it serves."""
    bounds = bounds or Bounds()
    arrivals = Arrivals(bounds, asyncio.get_running_loop().time)
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
