"""What stands around a stream: protection, a capture, a tap. Added to it in a list, and wired by nobody.

A stream has doors: for RTP and for RTCP, each in and out, and one for the frames of each tick. An interceptor
is handed what is behind a door, and gives what is put there in its place; a door that it leaves alone costs
nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from offhook.network import Address, Receive

Send = Callable[[bytes, Address], None]
"""Takes one datagram, as `Datagrams.send` does."""
Exchanged = Callable[[bytes, bytes], None]
"""Told of one tick: the frame that was heard and the one that was said."""


class Interceptor:
    """Leaves every door as it is. What comes in through `receives` must give the peer's packets as RTP has
    them, whatever they are on the wire."""

    def sends(self, send: Send) -> Send:
        return send

    def sends_control(self, send: Send) -> Send:
        return send

    def receives(self, receive: Receive) -> Receive:
        return receive

    def receives_control(self, receive: Receive) -> Receive:
        return receive

    def exchanges(self, exchanged: Exchanged) -> Exchanged:
        return exchanged


NewInterceptor = Callable[[str], Interceptor]
"""Makes the one of a leg; it is given the id of the call."""


class Protection(Protocol):
    """What keeps one leg's packets from others (SRTP, RFC 3711). Headers of RTP and RTCP stay where they are,
    as far as the two are to be told apart on one port (RFC 5761)."""

    def protect(self, packet: bytes) -> bytes: ...
    def protect_control(self, packet: bytes) -> bytes: ...

    def unprotect(self, packet: bytes) -> bytes | None:
        """None for what is not the peer's, or has come before."""
        ...

    def unprotect_control(self, packet: bytes) -> bytes | None: ...


class Protected(Interceptor):
    """A `Protection` at the doors of a stream; it belongs nearest to the wire."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    def sends(self, send: Send) -> Send:
        protect = self._protection.protect
        return lambda packet, to: send(protect(packet), to)

    def sends_control(self, send: Send) -> Send:
        protect = self._protection.protect_control
        return lambda packet, to: send(protect(packet), to)

    def receives(self, receive: Receive) -> Receive:
        return _opened(self._protection.unprotect, receive)

    def receives_control(self, receive: Receive) -> Receive:
        return _opened(self._protection.unprotect_control, receive)


def _opened(unprotect: Callable[[bytes], bytes | None], receive: Receive) -> Receive:
    def opened(packet: bytes, source: Address) -> None:
        plain = unprotect(packet)
        if plain is not None:
            receive(plain, source)

    return opened
