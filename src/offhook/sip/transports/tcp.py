"""SIP over TCP: connections to a port, messages by their Content-Length (RFC 3261 §18.3)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Final

from offhook.network import Address
from offhook.sip.transports.framer import StreamFramer
from offhook.sip.transports.stream_connection import StreamConnection
from offhook.sip.transports.stream_endpoint import Make, StreamEndpoint
from offhook.sip.transports.transport import Transport

READ_AHEAD: Final = 32 * 1024
"""Octets asked of the kernel for what waits on a connection (it makes twice as much of them): so much at most
is cut into messages in one go, however fast it comes."""

BACKLOG: Final = 512
"""Connections that the kernel keeps until they are accepted."""


class TcpEndpoint(StreamEndpoint):
    def framer(self) -> StreamFramer:
        return StreamFramer()

    async def accept(self, make: Make, where: Address | socket.socket) -> asyncio.Server:
        return await self.accept_streams(make, where)

    async def accept_streams(
        self, make: Callable[[], asyncio.Protocol], where: Address | socket.socket
    ) -> asyncio.Server:
        """`make` gives what stands at each socket."""
        loop = asyncio.get_running_loop()
        if isinstance(where, socket.socket):
            _read_ahead([where])
            return await loop.create_server(make, sock=where, backlog=BACKLOG)
        server = await loop.create_server(make, where.host, where.port, backlog=BACKLOG)
        _read_ahead(server.sockets)
        return server

    async def dial(self, make: Make, remote: Address, name: str) -> StreamConnection:
        _, connection = await asyncio.get_running_loop().create_connection(make, remote.host, remote.port)
        return connection


def _read_ahead(listening: Iterable[socket.socket]) -> None:
    """For the connections that are accepted there."""
    for one in listening:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_AHEAD)


TCP: Final = Transport(
    "tcp", reliable=True, secure=False, default_port=5060, kind=socket.SOCK_STREAM, open=TcpEndpoint
)
