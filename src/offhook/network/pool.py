"""Connections to checked addresses, kept for later requests to the same place."""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict, deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Final

import httpcore2

from offhook.network.guard import AddressGuard, NameNotFound
from offhook.network.streams import TcpStream

MAX_CONNECTIONS = 1024
MAX_IDLE_CONNECTIONS = 128
IDLE_SECONDS = 4.0
"""Seconds. Common servers keep an idle connection longer (uvicorn and Node.js: 5 seconds), so that a request
does not meet a connection that is just being closed."""

MAX_HEAD = 64 * 1024
MAX_LINES = 2000
"""Bytes and lines of an answer's head, with each `100 Continue` that comes before it."""

MOST_BYTES: Final = "offhook.most_bytes"
"""The extension of a request whose answer's body may take so many bytes on the line, chunks and trailers
included."""

REPEATABLE: Final = "offhook.repeatable"
"""The extension of a request that may arrive twice: True sends it once more, on a new connection, where an
idle connection breaks before any byte of the answer. A server may close one at any time (RFC 9112 §9.5)."""

_BROKEN = (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens one connection to a checked address. TLS still names the host and verifies that name, since
    httpcore takes it from the URL."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._stream: TcpStream | None = None
        self._most: int | None = None
        self._most_lines: int | None = None

    def expect(self, most: int | None, lines: int | None = None) -> None:
        """So many more bytes, in so many lines, may be read."""
        self._most, self._most_lines = most, lines
        if self._stream is not None:
            self._stream.most, self._stream.most_lines = most, lines

    @property
    def received(self) -> int:
        """Bytes received in all."""
        return 0 if self._stream is None else self._stream.received

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> TcpStream:
        try:
            async with asyncio.timeout(timeout):
                self._stream = await TcpStream.over(await self._guard.connect(host, port))
        except NameNotFound as error:
            raise httpcore2.ConnectError(str(error)) from error
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host}: no connection in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        self.expect(self._most, self._most_lines)
        return self._stream


class _Kept:
    """A connection, and how many bytes have arrived on it."""

    __slots__ = ("backend", "line", "origin")

    def __init__(self, origin: httpcore2.Origin, guard: AddressGuard, tls: ssl.SSLContext) -> None:
        self.origin = origin
        self.backend = GuardedBackend(guard)
        self.line = httpcore2.AsyncHTTPConnection(
            origin, ssl_context=tls, keepalive_expiry=IDLE_SECONDS, network_backend=self.backend
        )


class GuardedPool(httpcore2.AsyncConnectionPool):
    """httpcore's connections by origin. One is found without looking at the others: a node has hundreds of
    them, and a request every few milliseconds. There are no redirects, proxies or HTTP/2."""

    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext) -> None:
        super().__init__(ssl_context=tls)
        self._guard = guard
        self._tls = tls
        self._room = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: dict[tuple[bytes, bytes, int], deque[_Kept]] = {}
        self._oldest: OrderedDict[_Kept, None] = OrderedDict()

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        """The answer, which must be closed. Raises AddressRefused besides httpcore's own errors."""
        if request.url.scheme not in (b"http", b"https"):
            raise httpcore2.UnsupportedProtocol("the URL must start with http:// or https://")
        origin = request.url.origin
        await self._enter(request.extensions.get("timeout", {}).get("pool"))
        try:
            kept, response = await self._send(origin, request)
        except BaseException:
            self._room.release()
            raise
        assert isinstance(response.stream, AsyncIterable)
        return httpcore2.Response(
            status=response.status,
            headers=response.headers,
            content=PooledBody(response.stream, self, kept),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Closes idle connections. Whoever reads an answer closes its connection."""
        while self._oldest:
            await self._drop_oldest()

    async def give_back(self, kept: _Kept) -> None:
        """The connection's answer was read, or abandoned."""
        self._room.release()
        if not kept.line.is_idle():
            return
        self._idle.setdefault(_key(kept.origin), deque()).append(kept)
        self._oldest[kept] = None
        while self._oldest and (
            len(self._oldest) > MAX_IDLE_CONNECTIONS or next(iter(self._oldest)).line.has_expired()
        ):
            await self._drop_oldest()

    async def _enter(self, timeout: float | None) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(timeout):
                await self._room.acquire()
        except TimeoutError:
            raise httpcore2.PoolTimeout("all connections are in use") from None

    async def _send(
        self, origin: httpcore2.Origin, request: httpcore2.Request
    ) -> tuple[_Kept, httpcore2.Response]:
        kept = await self._take(origin)
        if kept is not None:
            before = kept.backend.received
            try:
                return kept, await _ask(kept, request)
            except _BROKEN:
                if kept.backend.received > before or not request.extensions.get(REPEATABLE):
                    raise
        kept = _Kept(origin, self._guard, self._tls)
        return kept, await _ask(kept, request)

    async def _take(self, origin: httpcore2.Origin) -> _Kept | None:
        """The connection that was used last, if it is still open."""
        key = _key(origin)
        while waiting := self._idle.get(key):
            kept = waiting.pop()
            if not waiting:
                del self._idle[key]
            del self._oldest[kept]
            if not kept.line.has_expired():
                return kept
            await kept.line.aclose()
        return None

    async def _drop_oldest(self) -> None:
        kept, _ = self._oldest.popitem(last=False)
        key = _key(kept.origin)
        waiting = self._idle[key]
        waiting.remove(kept)
        if not waiting:
            del self._idle[key]
        await kept.line.aclose()


async def _ask(kept: _Kept, request: httpcore2.Request) -> httpcore2.Response:
    kept.backend.expect(MAX_HEAD, MAX_LINES)
    response = await kept.line.handle_async_request(request)
    kept.backend.expect(request.extensions.get(MOST_BYTES))
    return response


class PooledBody:
    """The body of an answer. Closing it gives the connection back."""

    __slots__ = ("_body", "_kept", "_pool")

    def __init__(self, body: AsyncIterable[bytes], pool: GuardedPool, kept: _Kept) -> None:
        self._body = body
        self._pool: GuardedPool | None = pool
        self._kept = kept

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    def expect(self, most: int) -> None:
        """So many more bytes may come on the line."""
        self._kept.backend.expect(most)

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await self._body.aclose()  # type: ignore[attr-defined]
        finally:
            await pool.give_back(self._kept)


def _key(origin: httpcore2.Origin) -> tuple[bytes, bytes, int]:
    return origin.scheme, origin.host, origin.port
