"""RTP packets: what is read, what is refused, and that what we build others can read."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.rtp.packet import Packet, build, looks_like_rtcp, parse
from tests.saved import begins_with

PLAIN = bytes.fromhex("80 80 04d2 0000 00a0 cafe babe".replace(" ", "")) + b"\xff" * 160


def test_a_plain_packet_is_read() -> None:
    packet = parse(PLAIN)

    assert packet == Packet(0, True, 1234, 160, 0xCAFEBABE, b"\xff" * 160)


def test_sources_extension_and_padding_are_taken_off() -> None:
    header = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 8, 1, 2, 3)
    sources = struct.pack("!II", 7, 8)
    extension = struct.pack("!HHI", 0xBEDE, 1, 0xAABBCCDD)

    packet = parse(header + sources + extension + b"voice" + b"\x00\x00\x03")

    assert packet == Packet(8, False, 1, 2, 3, b"voice")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:11],
        b"\x00" + PLAIN[1:],
        b"\x40" + PLAIN[1:],
        b"\xc0" + PLAIN[1:],
        b"\x8f" + PLAIN[1:12],
        b"\x90" + PLAIN[1:12],
        b"\x90" + PLAIN[1:12] + b"\xbe\xde\xff\xff" + bytes(40),
        b"\xa0" + PLAIN[1:12] + b"\x00",
        b"\xa0" + PLAIN[1:12] + b"\x09",
        b"\xa0" + PLAIN[1:12],
        b"OPTIONS sip:offhook SIP/2.0\r\n\r\n",
    ],
    ids=[
        "nothing", "short", "version 0", "version 1", "version 3", "sources cut off", "extension cut off",
        "extension too long", "no padding", "too much padding", "padding over the header", "sip",
    ],
)  # fmt: skip
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    assert parse(data) is None


@given(data=st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
@begins_with("rtp")
def test_no_datagram_raises_and_no_payload_is_longer_than_it(data: bytes) -> None:
    packet = parse(data)

    assert packet is None or len(packet.payload) <= len(data) - 12


@given(
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_what_is_built_is_read_back(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool
) -> None:
    data = build(payload_type, sequence, timestamp, ssrc, payload, marker)

    assert parse(data) == Packet(payload_type, marker, sequence, timestamp, ssrc, payload)


def test_rtcp_on_the_same_port_is_told_apart() -> None:
    assert looks_like_rtcp(bytes.fromhex("80c80006") + bytes(24))
    assert not looks_like_rtcp(PLAIN)
    assert not looks_like_rtcp(b"\x80\xc8")
