"""SIP over TCP (RFC 3261 §18): connections, their limits, and the messages cut out of them."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Final, cast

from offhook.network import Address, turns
from offhook.network.sources import Shares, Source, Sources
from offhook.sip.limits import Arrivals, cost
from offhook.sip.transports.flow import Flow, Lost, Received
from offhook.sip.transports.framer import FramingError, StreamFramer

log = logging.getLogger(__name__)

READ_AHEAD: Final = 32 * 1024
"""Octets asked of the kernel for what waits on a connection (it makes twice as much of them): so much at most
is cut into messages in one go, however fast it comes."""

BACKLOG: Final = 512
"""Connections that the kernel keeps until they are accepted."""

PAUSE: Final = 0.05
"""Seconds that a connection waits whose source has sent too much."""

Broken = Callable[[FramingError, Flow], None]
"""What cannot be read as messages any more; the connection is closed after this returns."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts. `idle` is long, since a phone behind a translation is only reachable by the
    connection of its call; a stranger has `first` seconds for a whole message, whom we called `answer`
    seconds (more than 64*T1), and each message `message` seconds from its first octet. `unsent` is in
    octets, for a peer that does not read.

    Who comes when all `connections` are taken, or the `per_source` of its source, gets the place of the one
    that has been idle for longest: of its own source, or of the one that has most."""

    connections: int = 2048
    per_source: int = 256
    connecting: int = 128  # connections of ours that are being made
    connect: float = 4.0
    first: float = 10.0
    answer: float = 40.0
    message: float = 10.0
    idle: float = 3600.0
    unsent: int = 1 << 20
    waiting: int = 64  # messages for a connection that is still being made


class Connection(asyncio.Protocol):
    """One TCP connection, made by either side. `patience`: seconds for the peer's first message."""

    __slots__ = (
        "_arrived", "_broken", "_deadline", "_framer", "_handling", "_patience", "_pool", "_spoke", "_timer",
        "_transport", "flow", "source",
    )  # fmt: skip

    flow: Flow
    source: Source
    _transport: asyncio.Transport

    def __init__(self, pool: TcpPool, patience: float) -> None:
        self._pool = pool
        self._framer = StreamFramer()
        self._patience = patience
        self._spoke = False
        self._arrived: deque[bytes] = deque()
        self._broken: FramingError | None = None
        self._handling = False
        self._deadline = 0.0
        self._timer: asyncio.Handle | None = None

    def send(self, data: bytes) -> None:
        if self._transport.get_write_buffer_size() > self._pool.limits.unsent:
            log.info("%s does not read what it is sent; closing the connection", self.flow.remote)
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not peer or not own:  # reset before it was accepted
            self.flow = Flow("tcp", Address("", 0))
            self._transport.abort()
            return
        self.flow = Flow("tcp", Address(peer[0], peer[1]), Address(own[0], own[1]))
        if not self._pool.admit(self):
            self._transport.abort()
            return
        self._deadline = self._pool.loop.time() + self._patience
        self._rearm()

    def data_received(self, data: bytes) -> None:
        began_inside = self._framer.inside_message
        try:
            messages = self._framer.feed(data)
        except FramingError as error:
            self._broken = error
            self._take(error.messages)
            return
        pings = self._framer.take_pings()
        if pings:
            self.send(b"\r\n" * pings)
        self._spoke = self._spoke or bool(messages)
        if not self._framer.inside_message:
            # Pings alone do not keep a stranger's connection.
            if self._spoke:
                self._deadline = self._pool.loop.time() + self._pool.limits.idle
        elif messages or not began_inside:
            self._deadline = self._pool.loop.time() + self._pool.limits.message
            self._rearm()
        self._take(messages)

    def _take(self, messages: list[bytes]) -> None:
        self._arrived += messages
        if self._handling:
            return
        self._handling = True
        self._next()
        if self._handling:  # while messages wait, nothing is read
            self._transport.pause_reading()

    def _next(self) -> None:
        """Pass on the next message at its turn, if its source may send so much; then the one after it."""
        if not self._arrived:
            self._handling = False
            if self._broken is not None:
                self._pool.broken(self._broken, self.flow)
                self._transport.close()
            else:
                self._transport.resume_reading()
        elif self._pool.arrivals.admits(self._arrived[0], self.flow.remote):
            self._pool.lane.put(cost(self._arrived[0]), self._pass_on)
        else:
            self._pool.loop.call_later(PAUSE, self._next)

    def _pass_on(self) -> None:
        if self._arrived:  # unless it was closed meanwhile
            self._pool.touch(self)
            self._pool.received(self._arrived.popleft(), self.flow)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._pool.closed:
            self._arrived.clear()
        self._pool.release(self)

    def _look(self) -> None:
        """The time may be up, or have been prolonged since the timer was set."""
        if self._pool.loop.time() >= self._deadline:
            self._transport.close()
        else:
            self._rearm()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._pool.loop.call_at(self._deadline, self._look)


class TcpPool:
    """All connections of a user agent, one to each remote address. Set `received`, `lost` and `broken`
    before listening."""

    received: Received
    lost: Lost
    broken: Broken

    def __init__(
        self, limits: Limits, sources: Sources | None = None, arrivals: Arrivals | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.lane = turns.lane("SIP over TCP")
        self.in_use: Callable[[], Set[Address]] = frozenset
        """The far ends of connections that calls need; these are not closed for others."""
        self._sources = sources or Sources()
        self.arrivals = arrivals or Arrivals(self._sources, self.loop.time)
        self._context = contextvars.copy_context()
        self.limits = limits
        self._servers: list[asyncio.Server] = []
        self._connections: dict[Address, Connection] = {}
        self._shares = Shares(limits.connections, limits.per_source)
        self._of_source: dict[Source, dict[Address, Connection]] = {}  # the one idle for longest first
        self._pending: dict[Address, asyncio.Task[Flow]] = {}
        self._waiting: dict[Address, list[bytes]] = {}
        self.closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._connections)

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Accept connections; raises OSError when the port cannot be had."""
        server = await self.loop.create_server(self._accepted, host, port, backlog=BACKLOG)
        _read_ahead(server.sockets)
        self._servers.append(server)
        return server

    async def serve(self, bound: socket.socket) -> None:
        """Accept connections on a socket that is bound already."""
        _read_ahead([bound])
        self._servers.append(await self.loop.create_server(self._accepted, sock=bound, backlog=BACKLOG))

    def _accepted(self) -> Connection:
        return Connection(self, self.limits.first)

    def stop(self, server: asyncio.Server) -> None:
        """Accept no more connections there."""
        self._servers.remove(server)
        server.close()

    def is_open(self, remote: Address) -> bool:
        return remote in self._connections

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on the connection there is, or make one for it. `lost` tells when that fails."""
        connection = self._connections.get(flow.remote)
        if connection is not None:
            self.touch(connection)
            connection.send(data)
            return
        waiting = self._waiting.setdefault(flow.remote, [])
        if len(waiting) < self.limits.waiting:
            waiting.append(data)
        if flow.remote not in self._pending:
            self._begin(flow.remote)

    async def connect(self, remote: Address) -> Flow:
        """The connection to `remote`, a new one if there is none. OSError or TimeoutError."""
        connection = self._connections.get(remote)
        if connection is not None:
            return connection.flow
        return await asyncio.shield(self._pending.get(remote) or self._begin(remote))

    async def close(self) -> None:
        self.closed = True
        for server in self._servers:
            server.close()
        tasks = tuple(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in tuple(self._connections.values()):
            connection.abort()
        for server in self._servers:
            await server.wait_closed()
        await self._empty.wait()

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection may stay; another one may have to go for it."""
        remote = connection.flow.remote
        connection.source = source = self._sources.of(remote.host)
        if self.closed or remote in self._connections:
            return False
        if not self._shares.admits(source) and not self._make_room(source):
            return False
        self._connections[remote] = connection
        self._empty.clear()
        self._shares.take(source)
        self._of_source.setdefault(source, {})[remote] = connection
        return True

    def touch(self, connection: Connection) -> None:
        """It was used: of its source it is now the last to go."""
        of_source = self._of_source.get(connection.source, {})
        if of_source.pop(connection.flow.remote, None) is not None:
            of_source[connection.flow.remote] = connection

    def _make_room(self, source: Source) -> bool:
        """Close what has been idle for longest: of `source`, or when all places are taken, of the source that
        has most."""
        if self._shares.held >= self._shares.total:
            source = max(self._of_source, key=lambda one: len(self._of_source[one]), default=source)
        in_use = self.in_use()
        for remote, idle in self._of_source.get(source, {}).items():
            if remote not in in_use:
                idle.abort()
                self.release(idle)
                return True
        return False

    def release(self, connection: Connection) -> None:
        remote = connection.flow.remote
        if self._connections.get(remote) is not connection:
            return
        del self._connections[remote]
        if not self._connections:
            self._empty.set()
        self._shares.give_back(connection.source)
        del self._of_source[connection.source][remote]
        if not self._of_source[connection.source]:
            del self._of_source[connection.source]
        if not self.closed:
            self.lost(connection.flow)

    def _begin(self, remote: Address) -> asyncio.Task[Flow]:
        # Not in the context of the call that is the first to need it: many will use the connection.
        connecting = self._connect(remote, crowded=len(self._pending) >= self.limits.connecting)
        task = self.loop.create_task(connecting, context=self._context)
        self._pending[remote] = task
        task.add_done_callback(lambda done: self._connected(remote, done))
        return task

    async def _connect(self, remote: Address, *, crowded: bool) -> Flow:
        if crowded:
            raise ConnectionError("too many connections are being made")
        async with asyncio.timeout(self.limits.connect):
            _, connection = await self.loop.create_connection(
                lambda: Connection(self, self.limits.answer), remote.host, remote.port
            )
        if self._connections.get(remote) is not connection:
            raise ConnectionError("too many connections")
        return connection.flow

    def _connected(self, remote: Address, task: asyncio.Task[Flow]) -> None:
        del self._pending[remote]
        waiting = self._waiting.pop(remote, [])
        if task.cancelled():
            return
        # It may have been closed again before this was called.
        connection = self._connections.get(remote)
        if task.exception() is not None or connection is None:
            if waiting:
                self.lost(Flow("tcp", remote))
            return
        for data in waiting:
            connection.send(data)


def _read_ahead(listening: Iterable[socket.socket]) -> None:
    """For the connections that are accepted there."""
    for one in listening:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_AHEAD)
