"""The one object through which engines, tools and webhooks reach other machines."""

from __future__ import annotations

import socket
import ssl

import httpx2

from .guard import AddressGuard
from .http import BodyRefused, guarded_client, read_bounded


class Outside:
    """`http` is a client, `connect` opens a TCP connection; both reach only what the guard allows. Its owner
    closes it."""

    __slots__ = ("guard", "http")

    def __init__(self, guard: AddressGuard, *, tls: ssl.SSLContext | None = None) -> None:
        self.guard = guard
        self.http: httpx2.AsyncClient = guarded_client(guard, tls=tls)

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected non-blocking socket, for example for `websockets.connect(sock=...)`. Raises
        AddressRefused, NameNotFound, ConnectFailed or TimeoutError."""
        return await self.guard.connect(host, port)

    async def fetch(self, url: str, limit: int) -> bytes:
        """What is at `url`, at most `limit` bytes. Raises AddressRefused, and OSError for everything else
        that goes wrong."""
        try:
            async with self.http.stream("GET", url) as response:
                if response.status_code != 200:
                    raise OSError(f"the server answered {response.status_code}")
                return await read_bounded(response, limit)
        except (httpx2.HTTPError, httpx2.InvalidURL, BodyRefused) as error:
            raise OSError(str(error) or type(error).__name__) from error

    async def aclose(self) -> None:
        await self.http.aclose()
