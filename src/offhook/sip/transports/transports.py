"""The sockets of a user agent: UDP and TCP, IPv4 and IPv6, behind one `send` (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence, Set
from functools import partial
from typing import Final

from offhook.network import (
    Address,
    DatagramOpener,
    Datagrams,
    Receive,
    datagrams_on,
    open_datagrams,
    turns,
)
from offhook.network.sources import Sources
from offhook.sip.limits import OF_CALLS, USUAL, WAITING, WAITING_LARGE, Arrivals, cost
from offhook.sip.transports.connections import Broken, Limits, TcpPool
from offhook.sip.transports.flow import Flow, Lost, Received

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 compared with, not bound to
PORT_ATTEMPTS: Final = 16
"""How often another free port is tried when it has to be free for UDP and TCP alike."""


class Transports:
    """Listens where it is told to and sends from there."""

    def __init__(
        self,
        *,
        opener: DatagramOpener = open_datagrams,
        limits: Limits | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._opener = opener
        sources = sources or Sources()
        self._arrivals = Arrivals(sources, asyncio.get_running_loop().time)
        self._tcp = TcpPool(limits or Limits(), sources, self._arrivals)
        self._sockets: dict[Address, Datagrams] = {}
        self._received: Received | None = None
        self._is_closed = False

    def attach(
        self, received: Received, lost: Lost, broken: Broken, in_use: Callable[[], Set[Address]] = frozenset
    ) -> None:
        """Who gets what arrives, and the far ends of the connections that it needs. To be called before
        `listen`."""
        self._received = received
        self._tcp.in_use = in_use
        self._tcp.received = received
        self._tcp.lost = lost
        self._tcp.broken = broken

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where we listen."""
        return tuple(self._sockets)

    @property
    def connections(self) -> int:
        return len(self._tcp)

    async def listen(self, host: str, port: int, *, tcp: bool = True) -> Address:
        """Bind UDP, and TCP on the same port. "::" takes all addresses of both families; port 0 takes any
        that is free everywhere. Raises OSError when an address cannot be had."""
        hosts = ("::", "0.0.0.0") if host == "::" else (host,)  # noqa: S104 it was asked for
        for attempt in range(PORT_ATTEMPTS):
            try:
                return await self._listen(hosts, port, tcp)
            except OSError:
                if port or attempt == PORT_ATTEMPTS - 1:
                    raise
        raise OSError("no port is free for UDP and TCP")

    async def serve(self, sockets: Sequence[socket.socket]) -> Address:
        """Listen on sockets that are bound already, one of UDP and one of TCP for each address."""
        for bound in sockets:
            if bound.type is socket.SOCK_DGRAM:
                datagrams = await self._open(partial(datagrams_on, bound))
                self._sockets[datagrams.local] = datagrams
            else:
                await self._tcp.serve(bound)
        return next(iter(self._sockets))

    def send(self, data: bytes, flow: Flow) -> None:
        """One whole message to `flow.remote`; never blocks or raises."""
        if flow.transport == "tcp":
            self._tcp.send(data, flow)
            return
        chosen = self._socket_for(flow)
        if chosen is not None:
            chosen.send(data, flow.remote)

    def is_open(self, flow: Flow) -> bool:
        return flow.transport == "udp" or self._tcp.is_open(flow.remote)

    def reaches(self, flow: Flow) -> bool:
        return flow.transport == "tcp" or self._socket_for(flow) is not None

    async def connect(self, remote: Address) -> Flow:
        return await self._tcp.connect(remote)

    def local_for(self, flow: Flow) -> Address:
        """Our address on the way to `flow.remote`."""
        chosen = self._socket_for(flow)
        bound = chosen.local if chosen is not None else Address("0.0.0.0", 0)  # noqa: S104 nothing bound
        if bound.host not in WILDCARDS:
            return bound
        try:
            return Address(source_towards(flow.remote.host), bound.port)
        except OSError:
            # What is sent will be lost as well; a message that is built all the same needs some address.
            return bound

    async def close(self) -> None:
        self._is_closed = True
        for datagrams in self._sockets.values():
            datagrams.close()
        self._sockets.clear()
        await self._tcp.close()

    async def _listen(self, hosts: tuple[str, ...], port: int, tcp: bool) -> Address:
        opened: list[Datagrams] = []
        servers: list[asyncio.Server] = []
        try:
            for host in hosts:
                opened.append(await self._open(partial(self._opener, host, port)))
                port = opened[0].local.port
            if tcp:
                for host in hosts:
                    servers += [await self._tcp.listen(host, port)]
        except OSError:
            for server in servers:
                self._tcp.stop(server)
            for datagrams in opened:
                datagrams.close()
            raise
        for datagrams in opened:
            self._sockets[datagrams.local] = datagrams
        return opened[0].local

    async def _open(self, opener: Callable[[Receive], Awaitable[Datagrams]]) -> Datagrams:
        """A socket whose datagrams arrive with the address that they came to."""
        local: Address | None = None
        of_calls, others = turns.lane("SIP of calls"), turns.lane("SIP")

        def receive(data: bytes, source: Address) -> None:
            received = self._received
            if received is None or not self._arrivals.admits(data, source):
                return
            # What belongs to calls that are up does not wait for all that does not.
            lane = of_calls if data.startswith(OF_CALLS) else others
            if len(lane) < (WAITING if len(data) <= USUAL else WAITING_LARGE):
                flow = Flow("udp", source, local)
                lane.put(cost(data), lambda: None if self._is_closed else received(data, flow))

        datagrams = await opener(receive)
        local = datagrams.local
        return datagrams

    def _socket_for(self, flow: Flow) -> Datagrams | None:
        """The socket that the request came to, or the first of the family of `flow.remote`."""
        if flow.local is not None and flow.transport == "udp":
            return self._sockets.get(flow.local)
        version_6 = ":" in flow.remote.host
        for local, datagrams in self._sockets.items():
            if (":" in local.host) == version_6:
                return datagrams
        return None


def source_towards(host: str) -> str:
    """Which of our addresses the kernel would send from; connecting a UDP socket sends nothing. Asked anew
    each time (16 µs), since addresses come and go. Raises OSError when there is no way to `host`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, DISCARD))
        return str(probe.getsockname()[0])


DISCARD: Final = 9
"""Some port, for asking the kernel about a route (RFC 863)."""
