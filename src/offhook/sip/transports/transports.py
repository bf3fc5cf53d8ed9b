"""All transports of a user agent behind one `send`, over IPv4 and IPv6 (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from typing import Final

from offhook.network import Address, DatagramOpener, open_datagrams
from offhook.network.certificates import Certificates
from offhook.network.routes import WILDCARDS, source_towards
from offhook.network.sources import ALONE, Common, Sources
from offhook.sip.limits import MessageRates
from offhook.sip.messages.message import MessageError
from offhook.sip.transports.places import ConnectionLimits, Places
from offhook.sip.transports.table import MANDATORY, TRANSPORTS
from offhook.sip.transports.transport import (
    Broken,
    Endpoint,
    Flow,
    Lost,
    Received,
    Transport,
    TransportContext,
    of_family,
)

PORT_ATTEMPTS: Final = 16
"""How often another free port is tried when it has to be free for several transports alike."""


class Transports:
    """Listens where it is told to and sends from there. `opener` makes the sockets for datagrams."""

    def __init__(
        self,
        *,
        opener: DatagramOpener = open_datagrams,
        limits: ConnectionLimits | None = None,
        sources: Sources | None = None,
        common: Common = ALONE,
        certificates: Certificates | None = None,
    ) -> None:
        sources = sources or Sources()
        self.certificates = certificates or Certificates()
        self.places = Places(limits or ConnectionLimits(), common)
        self._context = TransportContext(
            opener=opener,
            sources=sources,
            arrivals=MessageRates(sources, asyncio.get_running_loop().time),
            places=self.places,
            certificates=self.certificates,
            came=self._came,
            received=_unheard,
            lost=_unneeded,
            broken=_unread,
        )
        self.endpoints: dict[Transport, Endpoint] = {
            one: one.open(one, self._context) for one in TRANSPORTS.values()
        }

    def attach(
        self,
        received: Received,
        lost: Lost,
        broken: Broken,
        in_use: Callable[[], Set[Hashable]] = frozenset,
    ) -> None:
        """Who gets what arrives, and the far ends of the connections that it needs. To be called before
        `listen`."""
        context = self._context
        context.received, context.lost, context.broken = received, lost, broken
        self.places.in_use = in_use

    def divert(self, came: Received) -> None:
        """Who gets each datagram first; what is for here it gives to `arrived`."""
        self._context.came = came

    def arrived(self, data: bytes, flow: Flow) -> bool:
        """As `Endpoint.arrived`."""
        return self.endpoints[flow.transport].arrived(data, flow)

    def _came(self, data: bytes, flow: Flow) -> None:
        self.arrived(data, flow)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where we listen."""
        found = [address for endpoint in self.endpoints.values() for address in endpoint.addresses]
        return tuple(dict.fromkeys(found))

    @property
    def connections(self) -> int:
        return len(self.places)

    async def listen(self, host: str, port: int, *, over: Sequence[Transport] = MANDATORY) -> Address:
        """Bind all transports of `over` to one port. "::" takes all addresses of both families; port 0 takes
        any that is free everywhere. Raises OSError when an address cannot be had."""
        hosts = ("::", "0.0.0.0") if host == "::" else (host,)  # noqa: S104 it was asked for
        for attempt in range(PORT_ATTEMPTS):
            try:
                return await self._listen(hosts, port, over)
            except OSError:
                if port or attempt == PORT_ATTEMPTS - 1:
                    raise
        raise AssertionError

    async def serve(
        self, sockets: Iterable[socket.socket], *, over: Sequence[Transport] = MANDATORY
    ) -> Address:
        """Listen on sockets that are bound already, each over the one of `over` that has its kind."""
        for bound in sockets:
            (transport,) = [one for one in over if one.kind is bound.type]
            await self.endpoints[transport].serve(bound)
        return self.addresses[0]

    def send(self, data: bytes, flow: Flow) -> None:
        """One whole message to `flow.remote`; never blocks or raises."""
        self.endpoints[flow.transport].send(data, flow)

    def is_open(self, flow: Flow) -> bool:
        return self.endpoints[flow.transport].is_open(flow)

    def reaches(self, flow: Flow) -> bool:
        return self.endpoints[flow.transport].reaches(flow)

    async def connect(self, transport: Transport, remote: Address, name: str | None = None) -> Flow:
        return await self.endpoints[transport].connect(remote, name)

    def local_for(self, flow: Flow) -> Address:
        """Our address on the way to `flow.remote`."""
        bound = self.endpoints[flow.transport].bound_for(flow) or of_family(self.addresses, flow.remote.host)
        if bound is None:
            return Address("0.0.0.0", 0)  # noqa: S104 nothing bound
        if bound.host not in WILDCARDS:
            return bound
        try:
            return Address(source_towards(flow.remote.host), bound.port)
        except OSError:
            # What is sent will be lost as well; a message that is built all the same needs some address.
            return bound

    async def close(self) -> None:
        for endpoint in self.endpoints.values():
            await endpoint.close()

    async def _listen(self, hosts: Sequence[str], port: int, over: Sequence[Transport]) -> Address:
        bound: list[tuple[Endpoint, Address]] = []
        try:
            for endpoint in [self.endpoints[transport] for transport in over]:
                for host in hosts:
                    bound.append((endpoint, await endpoint.listen(host, port)))
                    port = bound[0][1].port
        except OSError:
            for endpoint, address in bound:
                endpoint.stop(address)
            raise
        return bound[0][1]


def _unheard(data: bytes, flow: Flow) -> None:
    """Nobody is attached yet."""


def _unneeded(flow: Flow) -> None:
    """Nobody is attached yet."""


def _unread(error: MessageError, flow: Flow) -> None:
    """Nobody is attached yet."""
