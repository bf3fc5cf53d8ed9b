"""Where a node listens: taken before anything slow, so that a port that is taken is said at once."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

from offhook.network import Address, bound_datagrams
from offhook.network.certificates import CertificateProblem, Certificates
from offhook.network.routes import source_towards
from offhook.process import StartError
from offhook.settings import Settings
from offhook.sip.transports.table import MANDATORY
from offhook.sip.transports.tls import TLS
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.transports import PORT_ATTEMPTS

RECEIVE_BYTES: Final = 65_536
"""What the kernel keeps of a client that is not read from, and so what a single read can give."""

_ELSEWHERE: Final = "192.0.2.1"
"""Some address that is not on this machine (RFC 5737); the kernel is only asked for the way to it."""


def listen_http(address: Address) -> socket.socket:
    """The API's socket, bound; port 0 takes any. Raises StartError."""
    try:
        bound = _bound_stream(address)
    except OSError as error:
        raise cannot_listen("HTTP", "--http or OFFHOOK_HTTP", address, error) from error
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    return bound


def listen_sip(
    address: Address, over: Sequence[Transport] = MANDATORY, how: str = "--sip or OFFHOOK_SIP"
) -> list[socket.socket]:
    """SIP's sockets, bound: one for each transport at the address, or at those of both families. Port 0
    takes one that is free for all of them. `how` it is set. Raises StartError."""
    hosts = ("::", "0.0.0.0") if address.host == "::" else (address.host,)  # noqa: S104 it was asked for
    for attempt in range(PORT_ATTEMPTS):
        sockets: list[socket.socket] = []
        port = address.port
        try:
            for host in hosts:
                for transport in over:
                    sockets.append(_sip_socket(Address(host, port), transport, how))
                    port = sockets[0].getsockname()[1]
            return sockets
        except StartError:
            for bound in sockets:
                bound.close()
            if address.port or attempt == PORT_ATTEMPTS - 1:
                raise
    raise AssertionError


def listen_sip_tls(address: Address) -> list[socket.socket]:
    """Those of SIP over TLS."""
    return listen_sip(address, (TLS,), "OFFHOOK_SIP_TLS")


def _sip_socket(address: Address, transport: Transport, how: str) -> socket.socket:
    """Of one family alone: a caller over IPv4 has an IPv4 address over every transport."""
    try:
        if transport.kind is socket.SOCK_DGRAM:
            return bound_datagrams(_family(address), tuple(address))
        return _bound_stream(address, one_family=True)
    except OSError as error:
        raise cannot_listen(f"SIP over {transport.protocol}", how, address, error) from error


def certificates_of(settings: Settings, *, even_expired: bool = False) -> Certificates:
    """What SIP over TLS is secured with. Raises StartError for files that cannot be used."""
    try:
        return Certificates(settings.certificate_files, even_expired=even_expired)
    except CertificateProblem as problem:
        raise StartError(f"TLS: {problem}") from None


def check_sip(address: Address) -> None:
    """SIP's port is free for UDP and for TCP. Raises StartError."""
    for bound in listen_sip(address):
        bound.close()


def outer_address() -> str | None:
    """The address that other machines have for this one, as far as it can tell; None without a network."""
    try:
        address = source_towards(_ELSEWHERE)
    except OSError:
        return None
    return None if address.startswith("127.") else address


def cannot_listen(what: str, how: str, address: Address, error: OSError) -> StartError:
    return StartError(f"{what} cannot listen on {address} ({error.strerror}): choose another with {how}")


def _bound_stream(address: Address, *, one_family: bool = False) -> socket.socket:
    bound = socket.socket(_family(address), socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if one_family and bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(tuple(address))
    except OSError:
        bound.close()
        raise
    return bound


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET
