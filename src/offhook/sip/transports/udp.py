"""SIP over UDP: a message is a datagram, and goes back to where it came from (RFC 3261 §18)."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from offhook.network import Address, Datagrams, Receive, datagrams_on, turns
from offhook.sip.limits import OF_CALLS, cost, may_wait
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.transport import Flow, Transport, TransportContext, of_family


class UdpEndpoint:
    """Its sockets, by the address that each is bound to."""

    def __init__(self, transport: Transport, context: TransportContext) -> None:
        self._transport = transport
        self._context = context
        self._sockets: dict[Address, Datagrams] = {}
        self._of_calls, self._others = turns.lane("SIP of calls"), turns.lane("SIP")
        self._closed = False

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(self._sockets)

    async def listen(self, host: str, port: int) -> Address:
        return await self.open(partial(self._context.opener, host, port))

    async def serve(self, bound: socket.socket) -> Address:
        return await self.open(partial(datagrams_on, bound))

    async def open(self, opener: Callable[[Receive], Awaitable[Datagrams]]) -> Address:
        """Any socket: `opener` is handed what to call with each datagram and its source, and gives what sends
        them. Raises what it raises."""
        local: Address | None = None

        def receive(data: bytes, source: Address) -> None:
            self._context.came(data, Flow(self._transport, source, local))

        datagrams = await opener(receive)
        local = datagrams.local
        self._sockets[local] = datagrams
        return local

    def stop(self, address: Address) -> None:
        self._sockets.pop(address).close()

    def send(self, data: bytes, flow: Flow) -> None:
        local = self.bound_for(flow)
        if local is not None:
            self._sockets[local].send(data, flow.remote)

    def is_open(self, flow: Flow) -> bool:
        return True

    def reaches(self, flow: Flow) -> bool:
        return self.bound_for(flow) is not None

    async def connect(self, remote: Address, name: str | None = None) -> Flow:
        return Flow(self._transport, remote)

    def bound_for(self, flow: Flow) -> Address | None:
        """The socket that the request came to, or the first of the family of `flow.remote`."""
        if flow.local is not None:
            return flow.local if flow.local in self._sockets else None
        return of_family(self._sockets, flow.remote.host)

    async def close(self) -> None:
        self._closed = True
        for datagrams in self._sockets.values():
            datagrams.close()
        self._sockets.clear()

    def arrived(self, data: bytes, flow: Flow) -> bool:
        context = self._context
        if not context.arrivals.admits(data, flow.remote):
            return False
        # What belongs to calls that are up does not wait for all that does not.
        lane = self._of_calls if data.startswith(OF_CALLS) else self._others
        if len(lane) >= may_wait(data):
            return False
        lane.put(cost(data), lambda: None if self._closed else context.received(data, flow))
        return True


UDP: Final = Transport(
    "udp",
    reliable=False,
    secure=False,
    default_port=5060,
    kind=socket.SOCK_DGRAM,
    open=UdpEndpoint,
    for_large=TCP,
)
