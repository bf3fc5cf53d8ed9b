"""A WebSocket to an engine that lives elsewhere: opened through the guard, kept alive, and bounded in all
that comes by it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from offhook.network import turns, without, words_of
from offhook.network.error_words import LONGEST
from offhook.network.outside import Outside
from offhook.network.refusal import explained
from offhook.speech.bounded_socket import FRAMES, BoundedConnection
from offhook.speech.remote import REFUSED
from offhook.speech.token_bucket import TokenBucket

CONNECT_SECONDS: Final = 4.0
"""For one attempt. Callers wait meanwhile, and so does the next one in a fallback plan."""
CLOSE_SECONDS: Final = 1.0
LONGEST_WAIT: Final = 2.0
"""Seconds that a caller is kept waiting for a server that asks to be tried again."""
RETRY_SECONDS: Final = 0.2
"""Before another try where the server does not say when."""
PASSING: Final = frozenset({429, 500, 502, 503, 504, 522, 529})
"""HTTP statuses that may be others a moment later."""

MESSAGES: Final = (200, 50)
"""Messages at once, and a second, of a transcriber; each 4 kB of one count as one."""
LONGEST_MESSAGE: Final = 65536
MOST_FRAGMENTS: Final = 64
_PER_MESSAGE: Final = 4096
_MESSAGE_COST: Final = 300  # what a conversation makes of words, in microseconds, about
_RECEIVED_BYTES: Final = 32 * 1024
"""Of the socket's buffer: so much at most is taken in at one time, however fast it comes."""
UNSENT_BYTES: Final = 256 * 1024
"""A server that pings and does not read is let go."""
_OF_WEBSOCKETS: Final = logging.getLogger(f"{__name__}.websockets")
# At DEBUG it would write down the headers, and in them the keys.
_OF_WEBSOCKETS.setLevel(logging.WARNING)
_PORTS: Final = {"ws": 80, "wss": 443, "http": 80, "https": 443}
_TOO_MANY: Final = 429


class SocketFailed(Exception):
    """The socket could not be opened, or has ended. The text says why, in one line without what was sent in
    secret; `unquoted` is the same without the server's own words. `status`: of an HTTP refusal, with its
    `body`; `code`: of a close; 0 where there was none. `wait`: seconds after which another try may do, None
    where none would. `flooded`: more came than is taken."""

    def __init__(
        self,
        detail: str,
        unquoted: str | None = None,
        *,
        status: int = 0,
        body: bytes = b"",
        code: int = 0,
        wait: float | None = None,
        flooded: bool = False,
    ) -> None:
        super().__init__(detail)
        self.unquoted = detail if unquoted is None else unquoted
        self.status = status
        self.body = body
        self.code = code
        self.wait = wait
        self.flooded = flooded

    @property
    def lasting(self) -> bool:
        """Will it be the same a moment later?"""
        return self.flooded or (self.status != 0 and self.status not in PASSING)


@dataclass(frozen=True, slots=True)
class SocketPlace:
    """Where an engine is and how it is spoken to. `url`: ws, wss, http or https. `secrets`: what the server
    may quote, and nobody else is told. `opening`: the messages that begin each connection. `keepalive`: what
    is sent when nothing else was for so many seconds. `largest`: bytes of a message, `messages`: how many at
    once and a second."""

    outside: Outside
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    opening: tuple[str, ...] = field(default=(), repr=False)
    keepalive: tuple[float, str] | None = None
    timeout: float = CONNECT_SECONDS
    tries: int = 2
    largest: int = LONGEST_MESSAGE
    messages: tuple[float, float] = MESSAGES

    def told(self, words: str) -> str:
        return without((*self.headers.values(), *self.secrets), words)[:LONGEST]


class EngineSocket:
    """One connection. `receive` and `send` raise SocketFailed once it has ended."""

    def __init__(self, place: SocketPlace, connection: BoundedConnection) -> None:
        self._place = place
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._bucket = TokenBucket(*place.messages, self._loop.time())
        self._lane = turns.lane("engines")
        self._sent_at = self._loop.time()
        self._alive: asyncio.Task[None] | None = None
        if place.keepalive is not None:
            self._alive = self._loop.create_task(self._keep_alive(*place.keepalive))

    @staticmethod
    async def open(place: SocketPlace) -> EngineSocket:
        """Tried again where a moment may help. Raises SocketFailed."""
        for left in reversed(range(place.tries)):
            try:
                return EngineSocket(place, await _connected(place))
            except SocketFailed as failed:
                if not left or failed.wait is None:
                    raise
                await asyncio.sleep(failed.wait)
        raise AssertionError("a place is tried at least once")

    async def send(self, message: str | bytes) -> None:
        """Waits while the server does not read."""
        self._sent_at = self._loop.time()
        try:
            await self._connection.send(message)
        except (WebSocketException, OSError) as error:
            raise self._failed(error) from None

    async def receive(self) -> str | bytes:
        """The next message, put together; bytes of one in text and binary pieces are b""."""
        try:
            message = await self._message()
        except (WebSocketException, OSError) as error:
            raise self._failed(error) from None
        await self._lane.turn(_MESSAGE_COST + len(message) // 10)
        if not self._bucket.take(1 + len(message) // _PER_MESSAGE, self._loop.time()):
            raise SocketFailed(
                f"it sends more than {self._place.messages[1]} messages a second", flooded=True
            )
        return message

    def mind_unsent(self) -> None:
        """Let go of a server that does not read."""
        transport = self._connection.transport
        if transport.get_write_buffer_size() > UNSENT_BYTES:
            transport.abort()

    async def close(self, goodbye: str | bytes | None = None) -> None:
        """Never raises. `goodbye` is sent if that can be done at once."""
        try:
            if self._alive is not None:
                self._alive.cancel()
                await asyncio.gather(self._alive, return_exceptions=True)
            with contextlib.suppress(WebSocketException, OSError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    if goodbye is not None:
                        await self._connection.send(goodbye)
                    await self._connection.close()
        finally:
            self._connection.transport.abort()

    def abort(self) -> None:
        """End it at once; who receives is told."""
        self._connection.transport.abort()

    async def _keep_alive(self, seconds: float, message: str) -> None:
        with contextlib.suppress(SocketFailed):
            while True:
                idle = self._loop.time() - self._sent_at
                if idle >= seconds:
                    await self.send(message)
                else:
                    await asyncio.sleep(seconds - idle)

    async def _message(self) -> str | bytes:
        parts: list[str | bytes] = []
        async for part in self._connection.recv_streaming():
            parts.append(part)
            if len(parts) > MOST_FRAGMENTS:
                raise SocketFailed(f"it sends a message in more than {MOST_FRAGMENTS} pieces", flooded=True)
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            return "".join(texts)
        return b"" if texts else b"".join(part for part in parts if isinstance(part, bytes))

    def _failed(self, error: Exception) -> SocketFailed:
        if self._connection.is_flooded:
            return SocketFailed(f"it sends more than {FRAMES[1]} frames a second", flooded=True)
        if not isinstance(error, ConnectionClosed):
            return SocketFailed(self._place.told(words_of(error)), wait=RETRY_SECONDS)
        closed = error.rcvd
        if closed is None and error.sent is not None and error.sent.reason:
            # Whether its answer to our close has come is chance, and changes nothing.
            return SocketFailed(f"what it sends is not taken: {error.sent.reason}", wait=RETRY_SECONDS)
        if closed is None:
            return SocketFailed("the connection broke off", wait=RETRY_SECONDS)
        unquoted = f"closed by the server with {int(closed.code)}"
        words = f"{unquoted}: {closed.reason}" if closed.reason else unquoted
        return SocketFailed(
            self._place.told(_line(words)), unquoted, code=int(closed.code), wait=RETRY_SECONDS
        )


async def _connected(place: SocketPlace) -> BoundedConnection:
    try:
        async with asyncio.timeout(place.timeout):
            return await _opened(place)
    except TimeoutError:
        raise SocketFailed("the server took too long to connect to") from None
    except InvalidStatus as error:
        raise _refused(place, error) from None
    except OSError as error:
        raise SocketFailed(place.told(words_of(error)), wait=RETRY_SECONDS) from None
    except (WebSocketException, *REFUSED) as error:
        raise SocketFailed(place.told(words_of(error))) from None


async def _opened(place: SocketPlace) -> BoundedConnection:
    url = urlsplit(place.url)
    if url.scheme not in _PORTS or not url.hostname:
        raise ValueError("server.url is not a WebSocket URL (wss://...)")
    if url.scheme.startswith("http"):
        url = url._replace(scheme="ws" + url.scheme.removeprefix("http"))
    sock = await place.outside.connect(url.hostname or "", url.port or _PORTS[url.scheme])
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
        named: dict[str, Any] = {"ssl": place.outside.tls} if url.scheme == "wss" else {}
        connection = await connect(
            url.geturl(),
            sock=sock,
            additional_headers=place.headers,
            proxy=None,
            compression=None,
            open_timeout=None,
            close_timeout=CLOSE_SECONDS,
            max_size=place.largest,
            max_queue=32,
            logger=_OF_WEBSOCKETS,
            create_connection=BoundedConnection,
            **named,
        )
        assert isinstance(connection, BoundedConnection)
        with contextlib.suppress(ConnectionClosed):  # who receives is told why
            for message in place.opening:
                await connection.send(message)
    except BaseException:
        sock.close()
        raise
    return connection


def _refused(place: SocketPlace, error: InvalidStatus) -> SocketFailed:
    response = error.response
    status, body = response.status_code, bytes(response.body or b"")
    unquoted = f"server rejected WebSocket connection: HTTP {status}"
    words = explained(body[:4096])
    detail = place.told(_line(f"{unquoted}: {words}" if words else unquoted))
    wait: float | None = None
    if status in PASSING:
        try:
            asked = float(response.headers.get("Retry-After", ""))
            wait = asked if 0 <= asked <= LONGEST_WAIT else None
        except ValueError:
            wait = None if status == _TOO_MANY else RETRY_SECONDS
    return SocketFailed(detail, unquoted, status=status, body=body, wait=wait)


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
