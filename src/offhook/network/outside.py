"""The one object through which engines, tools and webhooks reach other machines."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

import httpx2

from offhook.network.error_words import words_of
from offhook.network.guard import AddressGuard
from offhook.network.http import BodyRefused, Reply, at_most, guarded_client, post, read_bounded
from offhook.network.pool import GuardedPool


class Outside:
    """`http` is a client, `post` a faster way for requests that are made all the time, `connect` opens a TCP
    connection. All reach only what the guard allows. Its owner closes it."""

    __slots__ = ("_operators", "_pool", "guard", "http", "tls")

    def __init__(self, guard: AddressGuard, *, tls: ssl.SSLContext | None = None) -> None:
        self.guard = guard
        self.tls = tls if tls is not None else httpx2.create_ssl_context()
        self._operators: Outside | None = None
        self._pool = GuardedPool(guard, self.tls)
        self.http: httpx2.AsyncClient = guarded_client(guard, tls=self.tls, pool=self._pool)

    @property
    def for_operator(self) -> Outside:
        """The way to addresses that the operator has configured, including private ones. It closes with this
        one."""
        if self._operators is None:
            self._operators = Outside(self.guard.for_operator(), tls=self.tls)
        return self._operators

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a request that may arrive twice. Raises AddressRefused, httpx2.InvalidURL and httpcore's
        errors."""
        return await post(self._pool, url, headers, body)

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected non-blocking socket, for example for `websockets.connect(sock=...)`. Raises
        AddressRefused, NameNotFound, ConnectFailed or TimeoutError."""
        return await self.guard.connect(host, port)

    async def fetch(self, url: str, limit: int) -> bytes:
        """The body at `url`, at most `limit` bytes. Raises AddressRefused, and OSError for every other
        failure."""
        try:
            async with self.http.stream("GET", url, extensions=at_most(limit)) as response:
                if response.status_code != 200:
                    raise OSError(f"the server answered {response.status_code}")
                return await read_bounded(response, limit)
        except (httpx2.HTTPError, httpx2.InvalidURL, BodyRefused) as error:
            raise OSError(words_of(error)) from error

    async def aclose(self) -> None:
        if self._operators is not None:
            await self._operators.aclose()
        await self.http.aclose()
