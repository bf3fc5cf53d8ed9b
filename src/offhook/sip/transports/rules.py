"""The rules of RFC 3261 §18 that hold over every transport.

What a Via of ours says and what is noted on that of a request that came (RFC 3261 §18.2.1), which way its
responses go (RFC 3261 §18.2.2), and which transport takes a request that is too large for a datagram
(RFC 3261 §18.1.1). The fourth, where a message ends (RFC 3261 §18.3), is `StreamFramer` for connections and
`parse_message` for datagrams."""

from __future__ import annotations

import ipaddress
from typing import Final

from offhook.network import Address
from offhook.sip.messages.fields import Via
from offhook.sip.messages.grammar import with_param
from offhook.sip.messages.message import Request
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.transport import Flow, Transport

LARGEST_DATAGRAM: Final = 1300
"""Octets of a request that may go in a datagram where a connection is possible too (RFC 3261 §18.1.1)."""
VIA_OCTETS: Final = 130
"""What the Via that is still missing may add."""


def via_of(flow: Flow, sent_by: Address, branch: str) -> Via:
    """The Via of a request that goes out over `flow` from `sent_by` (RFC 3261 §18.1.1, RFC 3581 §3)."""
    return Via(flow.transport.protocol, sent_by.host, sent_by.port, (("branch", branch), ("rport", None)))


def transport_for(request: Request, to: Uri, transport: Transport) -> Transport:
    """What `request`, which has no Via yet, is to go over that would go over `transport`: a large one over
    another, unless `to` insists (RFC 3261 §18.1.1)."""
    larger = transport.for_large
    if larger is None or (to.param("transport") or "").lower() == transport.name:
        return transport
    octets = len(request.body) + VIA_OCTETS
    for name, value in request.headers.items():
        octets += len(name) + len(value) + 4
    return larger if octets > LARGEST_DATAGRAM else transport


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

    Without connections that is the source, where the sender asks for it, and where its Via names another
    host: behind a translation that was not asked for, nothing else reaches it. Who names its own address may
    want its responses at another port than it sends from.

    `maddr` is not followed: it would let anybody aim our responses, which are repeated, at a third
    party, and multicast is not served."""
    if flow.reliable:
        return flow
    via = request.via
    if via.wants_rport or not same_host(via.host, flow.remote.host):
        return flow
    return flow._replace(remote=Address(flow.remote.host, via.port or flow.transport.default_port))


def reconnect_address(request: Request, flow: Flow) -> Address:
    """Where to open a connection for a response when the one of the request is gone (RFC 3261 §18.2.2)."""
    return Address(flow.remote.host, request.via.port or flow.transport.default_port)
