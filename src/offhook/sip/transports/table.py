"""The transports there are, and which of them a URI or a Via means."""

from __future__ import annotations

from typing import Final

from offhook.sip.errors import SipError
from offhook.sip.messages.fields import Via
from offhook.sip.messages.grammar import Params
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.tls import TLS
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.udp import UDP

TRANSPORTS: Final[dict[str, Transport]] = {one.name: one for one in (UDP, TCP, TLS)}
"""By name, in the order in which they are preferred."""

MANDATORY: Final = (UDP, TCP)
"""What every SIP element has, on one port (RFC 3261 §18)."""


def transport_of(uri: Uri) -> Transport:
    """The transport that `uri` asks for, else the first that its scheme allows (RFC 3263 §4.1): UDP for
    `sip:`, a secure one for `sips:`. SipError 416 for what we have not."""
    asked = (uri.param("transport") or "").lower()
    for transport in TRANSPORTS.values():
        if asked in ("", transport.name) and (uri.scheme == "sip" or _keeps_secret(uri, transport)):
            return transport
        if transport.secures is not None and asked == transport.secures.name and uri.scheme == "sips":
            return transport
    raise SipError(416)


def _keeps_secret(uri: Uri, transport: Transport) -> bool:
    return transport.secure and uri.scheme == "sips"


def port_of(uri: Uri) -> int:
    """Where `uri` leads: its port, or the one of its transport. SipError 416 as `transport_of`."""
    return uri.port or transport_of(uri).default_port


def params_for(transport: Transport) -> Params:
    """The parameters of a URI that is reached over `transport`: none where it says so without."""
    return () if transport is UDP else (("transport", transport.name),)


def default_port(via: Via) -> int:
    """Where a Via without a port is reached (RFC 3261 §18.2.2)."""
    return TRANSPORTS.get(via.protocol.lower(), UDP).default_port
