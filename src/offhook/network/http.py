"""An HTTP client that reaches only what the guard allows."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterable, Iterator, Mapping
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple
from urllib.parse import unquote

import httpcore2
import httpx2

from offhook.network import turns
from offhook.network.guard import AddressGuard
from offhook.network.pool import MOST_BYTES, REPEATABLE, GuardedPool, PooledBody

DEFAULT_TIMEOUT = httpx2.Timeout(20.0)

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer to a message, at most."""

MAX_FRAMING = 64 * 1024
"""Bytes on the line beside a body that is read as a whole: sizes and extensions of chunks, trailers."""

MAX_PIECES = 2048
"""Pieces in which it may come, and one more for each `LEAST_PIECE` bytes that it may be long."""

LEAST_PIECE = 512

PIECE_COST = 40
"""Of each, in microseconds, about."""

USUAL_HEADERS = {
    "Accept": "*/*",
    # Nothing compressed: a few bytes could unpack to gigabytes.
    "Accept-Encoding": "identity",
    "User-Agent": "offhook",
}


class BodyRefused(Exception):
    """The body of an answer is refused. The text says why."""


class BodyTooLarge(BodyRefused):
    """The body is longer than the limit."""


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx's own transport over a `GuardedPool`, which its owner closes."""

    def __init__(self, pool: GuardedPool, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = pool


def guarded_client(
    guard: AddressGuard,
    *,
    tls: ssl.SSLContext | None = None,
    timeout: httpx2.Timeout | None = None,
    pool: GuardedPool | None = None,
) -> httpx2.AsyncClient:
    """A client without redirects, without proxies or passwords from the environment, which takes no cookies:
    whoever else has a server at the same host would send them too. `tls` is the system's trust unless given;
    `timeout` holds where a request brings none; `pool` is its own unless it is to be shared.

    Requests raise AddressRefused besides httpx's own errors."""
    context = tls if tls is not None else httpx2.create_ssl_context()
    return httpx2.AsyncClient(
        transport=GuardedTransport(pool or GuardedPool(guard, context), context),
        timeout=timeout if timeout is not None else DEFAULT_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        headers=USUAL_HEADERS,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


class Reply:
    """A server's answer to a `post`. The body is read as far as the owner wants; the owner closes the
    answer."""

    __slots__ = ("_response", "status")

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response
        self.status = response.status

    @property
    def headers(self) -> httpx2.Headers:
        return httpx2.Headers(self._response.headers)

    async def read(self, limit: int) -> bytes:
        """The body, at most `limit` bytes. Raises BodyRefused, BodyTooLarge and httpcore's errors."""
        encoding = self._header(b"content-encoding")
        length = self._header(b"content-length")
        assert isinstance(self._response.stream, PooledBody)
        self._response.stream.expect(limit + MAX_FRAMING)
        return await _bounded(encoding, length, self._response.aiter_stream(), limit)

    def _header(self, name: bytes) -> str:
        values = [value for given, value in self._response.headers if given.lower() == name]
        return b", ".join(values).decode("latin-1")

    async def aclose(self) -> None:
        """Keeps the connection if the body was read, else closes it."""
        await self._response.aclose()


async def post(pool: GuardedPool, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Sends `body` by POST as it is. When this returns, the answer's status and headers have arrived. If a
    kept connection turns out to be closed before any byte of the answer, the request is sent once more on a
    new one: so it must be one that may arrive twice. There is no time limit.

    Raises AddressRefused, httpx2.InvalidURL and httpcore's errors."""
    target = _target(url)
    given = {name.lower() for name in headers}
    sent = [(b"Host", target.host)]
    sent += [_pair(name, value) for name, value in USUAL_HEADERS.items() if name.lower() not in given]
    sent += [_pair(name, value) for name, value in headers.items()]
    if target.authorization is not None and "authorization" not in given:
        sent.append((b"Authorization", target.authorization))
    sent.append((b"Content-Length", b"%d" % len(body)))
    request = httpcore2.Request("POST", target.url, headers=sent, content=body, extensions={REPEATABLE: True})
    return Reply(await pool.handle_async_request(request))


class _Target(NamedTuple):
    """Where a URL leads. `host` and, for a URL with a user, `authorization` are header values."""

    url: httpcore2.URL
    host: bytes
    authorization: bytes | None


@lru_cache(maxsize=2048)
def _target(url: str) -> _Target:
    """Raises httpx2.InvalidURL."""
    parsed = httpx2.URL(url)
    authorization = None
    if parsed.userinfo:
        name, _, password = (unquote(part) for part in parsed.userinfo.decode("ascii").partition(":"))
        authorization = b"Basic " + base64.b64encode(f"{name}:{password}".encode())
    target = httpcore2.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )
    return _Target(target, parsed.netloc, authorization)


def _pair(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode("ascii"), value.encode("ascii")


def at_most(limit: int) -> dict[str, Any]:
    """The extensions of a request whose answer's body is read as a whole, with at most so many bytes."""
    return {MOST_BYTES: limit + MAX_FRAMING}


async def read_bounded(response: httpx2.Response, limit: int) -> bytes:
    """The body of a streamed answer, at most `limit` bytes. Raises BodyTooLarge; BodyRefused for a compressed
    one, which was not asked for."""
    encoding, length = (response.headers.get(name, "") for name in ("content-encoding", "content-length"))
    return await _bounded(encoding, length, response.aiter_raw(), limit)


async def _bounded(encoding: str, length: str, parts: AsyncIterable[bytes], limit: int) -> bytes:
    if encoding.strip().lower() not in ("", "identity"):
        raise BodyRefused(f"the answer is compressed ({encoding[:40]}), which was not asked for")
    if length.isdecimal() and int(length[:20]) > limit:
        raise BodyTooLarge(f"the answer is longer than {limit} bytes")
    body, lane = bytearray(), turns.lane("answers")
    pieces, most_pieces = 0, MAX_PIECES + limit // LEAST_PIECE
    async for part in parts:
        body += part
        pieces += 1
        if pieces > most_pieces:
            raise BodyRefused(f"the answer comes in more than {most_pieces} pieces")
        await lane.turn(PIECE_COST)
        if len(body) > limit:
            raise BodyTooLarge(f"the answer is longer than {limit} bytes")
    return bytes(body)


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, its cause, the cause of that, and so on. A failed request's NameNotFound or ssl.SSLError is
    among them, below httpx's own error."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        # httpcore raises anew `from None`, which leaves only the context.
        current = current.__cause__ or current.__context__
