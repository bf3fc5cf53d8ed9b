"""Where a message came from or goes to, and what the layers above ask of the transports."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from offhook.network import Address
from offhook.sip.messages.fields import Via
from offhook.sip.messages.grammar import with_param
from offhook.sip.messages.message import Request

TransportName = Literal["udp", "tcp"]

DEFAULT_PORT = 5060


class Flow(NamedTuple):
    """`remote` as seen from here; `local` is the socket of ours, None while it is not chosen."""

    transport: TransportName
    remote: Address
    local: Address | None = None

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"


Received = Callable[[bytes, Flow], None]
Lost = Callable[[Flow], None]


class Wires(Protocol):
    """What the transaction layer needs of the transports."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one whole message; never blocks or raises. What is certainly lost is told to `Lost`."""
        ...

    def is_open(self, flow: Flow) -> bool:
        """Whether there is a connection to `flow.remote`; always true for UDP."""
        ...

    async def connect(self, remote: Address) -> Flow:
        """A TCP connection, the one there is or a new one. OSError or TimeoutError when it fails."""
        ...

    def reaches(self, flow: Flow) -> bool:
        """Whether there is a socket that `flow` could go out of; always true for TCP."""
        ...

    def local_for(self, flow: Flow) -> Address:
        """Our address as the peer at `flow.remote` would see it without translation."""
        ...


def stamp(request: Request, source: Address) -> None:
    """Note on the top Via where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4)."""
    via = request.via
    wants_rport = via.wants_rport
    if not wants_rport and same_host(via.host, source.host) and via.received is None:
        return
    params = with_param(via.params, "received", source.host)
    if wants_rport:
        params = with_param(params, "rport", str(source.port))
    request.headers.replace_first("Via", Via(via.protocol, via.host, via.port, params, via.version))


def same_host(one: str, other: str) -> bool:
    """Whether two hosts are one address, however an IPv6 one is written."""
    if one == other or ":" not in one or ":" not in other:
        return one == other
    try:
        return ipaddress.IPv6Address(one) == ipaddress.IPv6Address(other)
    except ValueError:
        return False


def response_flow(request: Request, flow: Flow) -> Flow:
    """The way of the responses to a request that came over `flow` (RFC 3261 §18.2.2, RFC 3581 §4).

    Over UDP that is the source, where the sender asks for it, and where its Via names another host: behind a
    translation that was not asked for, nothing else reaches it. Who names its own address may want its
    responses at another port than it sends from.

    `maddr` is not followed: it would let anybody aim our responses, which are repeated, at a third
    party, and multicast is not served."""
    if flow.reliable:
        return flow
    via = request.via
    if via.wants_rport or not same_host(via.host, flow.remote.host):
        return flow
    return Flow("udp", Address(flow.remote.host, via.port or DEFAULT_PORT), flow.local)


def reconnect_address(request: Request, flow: Flow) -> Address:
    """Where to open a connection for a response when the one of the request is gone (RFC 3261 §18.2.2)."""
    return Address(flow.remote.host, request.via.port or DEFAULT_PORT)
