"""UDP sockets behind one small protocol, so that whole calls also run over a wire in memory."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Protocol, cast

from offhook.network.addresses import Address

log = logging.getLogger(__name__)

Receive = Callable[[bytes, Address], None]
"""Called once for each datagram, with its payload and its sender, in the order of arrival."""

RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes asked of the kernel for datagrams that wait (it grants at most net.core.rmem_max): a burst of
set-ups while the loop is busy must not be lost."""

MAX_UNSENT = 256 * 1024
"""Bytes that may wait in the process while the socket is full. What exceeds them is dropped and counted."""


class Datagrams(Protocol):
    """A bound UDP socket."""

    @property
    def local(self) -> Address:
        """The address that the socket is bound to, with the real port."""
        ...

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram, or drop it as a network would. Never blocks and never raises. `to.host` must
        be an IP literal: names are not looked up."""
        ...

    def close(self) -> None:
        """Free the port; nothing is received afterwards. May be called again."""
        ...


DatagramOpener = Callable[[str, int, Receive], Awaitable[Datagrams]]
"""`await open(host, port, receive)`; port 0 takes any free one. Raises OSError when it cannot be bound."""


MAX_PAYLOAD = 65507
"""Bytes of the largest UDP payload over IPv4."""


@lru_cache(maxsize=8192)
def ip_version(host: str) -> int:
    """4 or 6. 0 for what is no IP literal."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 0


class _Transport(Protocol):
    """The part of asyncio's and uvloop's datagram transports that is used here."""

    def sendto(self, data: bytes, addr: tuple[str, int]) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def close(self) -> None: ...


class UdpDatagrams(asyncio.DatagramProtocol):
    """The real `Datagrams`, on the running loop (asyncio's or uvloop's).

    `unsent` counts datagrams that were dropped here, `errors` what the kernel reported back and what
    `receive` raised."""

    __slots__ = (
        "_closed", "_receive", "_sendable", "_sender", "_transport", "_version", "errors", "local", "unsent"
    )  # fmt: skip

    local: Address
    _transport: _Transport

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._closed = False
        # The last ones, since a socket for media has the same peer all the time.
        self._sender = self._sendable = Address("", 0)
        self.unsent = 0
        self.errors = 0

    def send(self, data: bytes, to: Address) -> None:
        # What the kernel would refuse is refused here: asyncio closes the socket over a port out of
        # range, and uvloop sends to another one.
        if (
            self._closed
            or not (to is self._sendable or self._takes(to))
            or len(data) > MAX_PAYLOAD
            or self._transport.get_write_buffer_size() > MAX_UNSENT
        ):
            self.unsent += 1
            return
        try:
            self._transport.sendto(data, to)
        except (OSError, RuntimeError):
            self.unsent += 1

    def _takes(self, to: Address) -> bool:
        if not 0 < to.port < 65536 or ip_version(to.host) != self._version:
            return False
        self._sendable = to
        return True

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(_Transport, transport)
        name = transport.get_extra_info("sockname")
        self.local = Address(name[0], name[1])
        self._version = ip_version(self.local.host)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._closed:
            return
        if addr != self._sender:
            self._sender = Address(addr[0], addr[1])
        try:
            self._receive(data, self._sender)
        except Exception:
            # uvloop would close the socket. A flood of such datagrams must not fill the log, so only
            # the first, second, fourth, eighth... is written.
            self.errors += 1
            if self.errors & (self.errors - 1) == 0:
                log.exception("a datagram from %s could not be handled", self._sender)

    def error_received(self, exc: Exception) -> None:
        self.errors += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closed:
            self._closed = True
            log.error("the UDP socket on %s was lost: %s", self.local, exc)


def bound_datagrams(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    """A bound UDP socket that nobody reads yet. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            # So that one port can be had in both families, each with its own addresses.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setblocking(False)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


async def socket_address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    """The address to bind a UDP socket to. Only a name takes time. Raises OSError for an unknown name."""
    kind, flags = socket.SOCK_DGRAM, socket.AI_PASSIVE
    if ip_version(host):
        found = socket.getaddrinfo(host, port, type=kind, flags=flags)  # nobody is asked for a literal
    else:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind, flags=flags)
    family, _, _, _, address = found[0]
    return family, address


async def open_datagrams(host: str, port: int, receive: Receive) -> UdpDatagrams:
    """Bind a UDP socket on an IPv4 or IPv6 `host`; `port` 0 takes any free one. Raises OSError when the
    address is taken or is not this machine's."""
    return await datagrams_on(bound_datagrams(*await socket_address(host, port)), receive)


async def datagrams_on(sock: socket.socket, receive: Receive) -> UdpDatagrams:
    """Reads from a socket of `bound_datagrams`. Closing the result closes the socket."""
    loop = asyncio.get_running_loop()
    try:
        _, protocol = await loop.create_datagram_endpoint(lambda: UdpDatagrams(receive), sock=sock)
    except BaseException:
        sock.close()
        raise
    return protocol
