"""A transport whose peers each have a connection (RFC 3261 §18): those there are, and those being made."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

from offhook.network import Address, turns
from offhook.sip.limits import cost, may_wait
from offhook.sip.transports.framer import Framer
from offhook.sip.transports.stream_connection import StreamConnection
from offhook.sip.transports.transport import Flow, Transport, TransportContext, of_family

Make = Callable[[], StreamConnection]
"""The protocol of a connection that is about to be made."""


class StreamEndpoint(ABC):
    """One connection to each remote address. A transport says how a connection is accepted and made, and how
    messages are framed on it."""

    def __init__(self, transport: Transport, context: TransportContext) -> None:
        self.transport = transport
        self.context = context
        self.lane = turns.lane(f"SIP over {transport.protocol}")
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._own_context = contextvars.copy_context()
        self._servers: dict[Address, asyncio.Server] = {}
        self._connections: dict[Address, StreamConnection] = {}
        self._pending: dict[Address, asyncio.Task[Flow]] = {}
        self._dialled: dict[Address, str] = {}  # as whom, of those
        self._waiting: dict[Address, list[bytes]] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    @abstractmethod
    def framer(self) -> Framer:
        """For one connection."""

    @abstractmethod
    async def accept(self, make: Make, where: Address | socket.socket) -> asyncio.Server:
        """Accept connections at an address, or on a socket that is bound. OSError if that cannot be."""

    @abstractmethod
    async def dial(self, make: Make, remote: Address, name: str) -> StreamConnection:
        """Make a connection; it has called `admit` when it is returned. OSError, also for a far end that does
        not prove to be `name` where the transport asks for that."""

    def may_use(self, connection: StreamConnection, name: str) -> bool:
        """Whether what is for `name` may go over a connection there is to its address."""
        return True

    def __len__(self) -> int:
        return len(self._connections)

    # Where it listens

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(self._servers)

    async def listen(self, host: str, port: int) -> Address:
        return await self._serve(Address(host, port))

    async def serve(self, bound: socket.socket) -> Address:
        return await self._serve(bound)

    def stop(self, address: Address) -> None:
        self._servers.pop(address).close()

    async def _serve(self, where: Address | socket.socket) -> Address:
        server = await self.accept(self._accepted, where)
        name = server.sockets[0].getsockname()
        address = Address(name[0], name[1])
        self._servers[address] = server
        return address

    def _accepted(self) -> StreamConnection:
        return StreamConnection(self, self.framer(), self.context.places.limits.first)

    def bound_for(self, flow: Flow) -> Address | None:
        return of_family(self._servers, flow.remote.host)

    def arrived(self, data: bytes, flow: Flow) -> bool:
        if len(self.lane) >= may_wait(data):
            return False
        self.lane.put(cost(data), lambda: None if self.closed else self.context.received(data, flow))
        return True

    # What goes out

    def is_open(self, flow: Flow) -> bool:
        return flow.remote in self._connections

    def reaches(self, flow: Flow) -> bool:
        return True

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on the connection there is, or make one for it. `lost` tells when that fails."""
        connection = self._connections.get(flow.remote)
        if connection is not None:
            connection.touch()
            connection.send(data)
            return
        waiting = self._waiting.setdefault(flow.remote, [])
        if len(waiting) < self.context.places.limits.waiting:
            waiting.append(data)
        if flow.remote not in self._pending:
            self._begin(flow.remote, flow.name or flow.remote.host)

    async def connect(self, remote: Address, name: str | None = None) -> Flow:
        """The connection to `remote`, a new one if there is none. OSError or TimeoutError."""
        name = name or remote.host
        while remote in self._pending and self._dialled[remote] != name:
            await asyncio.wait({self._pending[remote]})  # how that ends is for whom it is made
        if remote not in self._connections:
            await asyncio.shield(self._pending.get(remote) or self._begin(remote, name))
        connection = self._connections.get(remote)
        if connection is None:
            raise ConnectionError("closed at once")
        if not self.may_use(connection, name):
            raise ConnectionError(f"the connection there is to {remote} is not one to {name}")
        return connection.flow

    async def close(self) -> None:
        self.closed = True
        for server in self._servers.values():
            server.close()
        tasks = tuple(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in tuple(self._connections.values()):
            connection.abort()
        for server in self._servers.values():
            await server.wait_closed()
        await self._empty.wait()

    # From the connections

    def admit(self, connection: StreamConnection) -> bool:
        remote = connection.flow.remote
        connection.source = source = self.context.sources.of(remote.host)
        if self.closed or remote in self._connections:
            return False
        if not self.context.places.take(connection.flow.far_end, source, connection):
            return False
        self._connections[remote] = connection
        self._empty.clear()
        return True

    def release(self, connection: StreamConnection) -> None:
        remote = connection.flow.remote
        if self._connections.get(remote) is not connection:
            return
        del self._connections[remote]
        if not self._connections:
            self._empty.set()
        self.context.places.give_back(connection.flow.far_end, connection.source)
        if not self.closed:
            self.context.lost(connection.flow)

    # Those being made

    def _begin(self, remote: Address, name: str) -> asyncio.Task[Flow]:
        places = self.context.places
        # Not in the context of the call that is the first to need it: many will use the connection.
        connecting = self._connect(remote, name, crowded=places.connecting >= places.limits.connecting)
        places.connecting += 1
        task = self._loop.create_task(connecting, context=self._own_context)
        self._pending[remote], self._dialled[remote] = task, name
        task.add_done_callback(lambda done: self._connected(remote, done))
        return task

    async def _connect(self, remote: Address, name: str, *, crowded: bool) -> Flow:
        if crowded:
            raise ConnectionError("too many connections are being made")
        limits = self.context.places.limits
        async with asyncio.timeout(limits.connect):
            connection = await self.dial(
                lambda: StreamConnection(self, self.framer(), limits.answer), remote, name
            )
        if self._connections.get(remote) is not connection:
            raise ConnectionError("too many connections")
        return connection.flow

    def _connected(self, remote: Address, task: asyncio.Task[Flow]) -> None:
        self.context.places.connecting -= 1
        del self._pending[remote], self._dialled[remote]
        waiting = self._waiting.pop(remote, [])
        if task.cancelled():
            return
        # It may have been closed again before this was called.
        connection = self._connections.get(remote)
        if task.exception() is not None or connection is None:
            if waiting:
                self.context.lost(Flow(self.transport, remote))
            return
        for data in waiting:
            connection.send(data)
