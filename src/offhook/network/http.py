"""An HTTP client that reaches only what the guard allows."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Final

import httpcore2
import httpx2

from .guard import ATTEMPT_TIMEOUT, AddressGuard, NameNotFound

MAX_CONNECTIONS = 1024
MAX_IDLE_CONNECTIONS = 128
IDLE_SECONDS = 4.0
"""Shorter than what common servers keep an idle connection for (uvicorn and Node.js: 5 seconds), so that a
request does not meet one that is just being closed."""

DEFAULT_TIMEOUT = httpx2.Timeout(20.0)


class BodyRefused(Exception):
    """The body of an answer is not taken. The message says why."""


class BodyTooLarge(BodyRefused):
    """It is longer than the limit."""


REPEATABLE: Final = "offhook.repeatable"
"""The extension of a request that may arrive twice: True sends it once more, on a new connection, where an
idle connection breaks before any byte of the answer. A server may close one at any time (RFC 9112 §9.5)."""


class _Attempt:
    """What one sending of a request has met: a connection of its own, a byte of the answer."""

    __slots__ = ("connected", "heard")

    def __init__(self) -> None:
        self.connected = False
        self.heard = False


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)
"""That of the request which the running task sends."""


class _NotedStream(httpcore2.AsyncNetworkStream):
    """A connection that notes in the running attempt that bytes have come."""

    __slots__ = ("_stream",)

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        attempt = _attempt.get()
        if data and attempt is not None:
            attempt.heard = True
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _NotedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections to checked addresses. TLS still asks for the host by name, and verifies that name,
    since httpcore takes it from the URL."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        attempt = _attempt.get()
        if attempt is not None:
            attempt.connected = True
        try:
            async with asyncio.timeout(timeout):
                return _NotedStream(await self._connect(host, port, local_address, socket_options))
        except NameNotFound as error:
            raise httpcore2.ConnectError(str(error)) from error
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host}: no connection within {timeout:g} s") from error

    async def _connect(
        self,
        host: str,
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._guard.resolve(host, port)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    address.host, port, ATTEMPT_TIMEOUT, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1].host, port, None, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise httpcore2.UnsupportedProtocol("local sockets are not reachable from here")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _PooledTransport(httpx2.AsyncHTTPTransport):
    """httpx's own transport over a connection pool with a `GuardedBackend`, which keeps `idle` connections
    for the next requests."""

    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext, idle: int) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=idle,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=GuardedBackend(guard),
        )


class GuardedTransport(_PooledTransport):
    """Sends a REPEATABLE request again, once, if the connection it found idle was none any more."""

    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext) -> None:
        super().__init__(guard, tls, MAX_IDLE_CONNECTIONS)
        self._anew = _PooledTransport(guard, tls, 0)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        attempt = _Attempt()
        token = _attempt.set(attempt)
        try:
            return await super().handle_async_request(request)
        except (httpx2.RemoteProtocolError, httpx2.NetworkError):
            if attempt.connected or attempt.heard or not request.extensions.get(REPEATABLE):
                raise
        finally:
            _attempt.reset(token)
        return await self._anew.handle_async_request(request)

    async def aclose(self) -> None:
        await super().aclose()
        await self._anew.aclose()


def guarded_client(
    guard: AddressGuard,
    *,
    tls: ssl.SSLContext | None = None,
    timeout: httpx2.Timeout | None = None,
) -> httpx2.AsyncClient:
    """A client without redirects, without proxies or passwords from the environment. `tls` is the system's
    trust unless given; `timeout` holds where a request brings none.

    Requests raise AddressRefused besides httpx's own errors."""
    context = tls if tls is not None else httpx2.create_ssl_context()
    return httpx2.AsyncClient(
        transport=GuardedTransport(guard, context),
        timeout=timeout if timeout is not None else DEFAULT_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        # Nothing compressed: a few bytes could unpack to gigabytes.
        headers={"User-Agent": "offhook", "Accept-Encoding": "identity"},
    )


async def read_bounded(response: httpx2.Response, limit: int) -> bytes:
    """The body of a streamed answer, at most `limit` bytes of it. Raises BodyTooLarge, or BodyRefused for
    a compressed one, which was not asked for."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise BodyRefused(f"the answer is compressed ({encoding[:40]}), which was not asked for")
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise BodyTooLarge(f"the answer is longer than {limit} bytes")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > limit:
            raise BodyTooLarge(f"the answer is longer than {limit} bytes")
    return bytes(body)


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, what it came from, what that came from, and so on: a failed request's NameNotFound or
    ssl.SSLError is in here, below httpx's own error."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        # httpcore raises anew `from None`, which leaves only the context.
        current = current.__cause__ or current.__context__
