"""What one call process hands to another: a message with the way it came by, or what is to go out by a
connection that the other has. Each is one datagram between two processes of a node."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from offhook.network import Address
from offhook.sip.transports.table import TRANSPORTS
from offhook.sip.transports.transport import FarEnd, Flow
from offhook.sip.transports.udp import UDP

LARGEST: Final = 128 * 1024
"""Octets: a message of 64 kB, or a list of connections, with what stands before it."""

_HEAD: Final = struct.Struct(">BBBHHBB")
_TRANSPORTS: Final = tuple(TRANSPORTS.values())


class HandedKind(IntEnum):
    ARRIVED = 1
    """A message for a call of the receiver, and the flow that it came by."""
    SEND = 2
    """A message that is to go by a connection which the receiver has."""
    LOST = 3
    """A connection of the sender's is gone."""
    IN_USE = 4
    """The receiver's connections that calls of the sender need, by their far ends."""
    BEGAN = 5
    """The sender has been started: what the one before it had is gone."""
    MAKE_ROOM = 6
    """A connection is to be closed for a newer one of another process, see `planes/room.py`."""
    MADE_ROOM = 7
    """Whether one was, to who asked first."""


class Handed(NamedTuple):
    kind: HandedKind
    sender: int
    flow: Flow
    data: bytes = b""


NOWHERE: Final = Flow(UDP, Address("", 0))
"""The flow of what is about none."""


def pack(handed: Handed) -> bytes:
    flow = handed.flow
    remote, local = flow.remote.host.encode(), b"" if flow.local is None else flow.local.host.encode()
    head = _HEAD.pack(
        handed.kind, handed.sender, _TRANSPORTS.index(flow.transport),
        flow.remote.port, 0 if flow.local is None else flow.local.port, len(remote), len(local),
    )  # fmt: skip
    return b"".join((head, remote, local, handed.data))


def unpack(frame: bytes) -> Handed:
    """What `pack` made."""
    kind, sender, transport, remote_port, local_port, remote_octets, local_octets = _HEAD.unpack_from(frame)
    at = _HEAD.size + remote_octets
    end = at + local_octets
    local = Address(frame[at:end].decode(), local_port) if local_octets else None
    remote = Address(frame[_HEAD.size : at].decode(), remote_port)
    return Handed(HandedKind(kind), sender, Flow(_TRANSPORTS[transport], remote, local), frame[end:])


def packed_far_ends(far_ends: frozenset[FarEnd]) -> bytes:
    lines = [f"{transport.name} {one.port} {one.host}" for transport, one in far_ends]
    return "\n".join(lines).encode()


def unpacked_far_ends(data: bytes) -> frozenset[FarEnd]:
    lines = [line.split(" ", 2) for line in data.decode().split("\n") if line]
    return frozenset((TRANSPORTS[name], Address(host, int(port))) for name, port, host in lines)
