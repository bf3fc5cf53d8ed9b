"""What one call plane hands on to another, as it lies in a datagram between them."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st

from offhook.network import Address
from offhook.planes.handing import (
    LARGEST,
    Handed,
    HandedKind,
    pack,
    packed_far_ends,
    unpack,
    unpacked_far_ends,
)
from offhook.sip import Flow
from offhook.sip.messages.parser import MAX_MESSAGE
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.transport import FarEnd
from offhook.sip.transports.udp import UDP

ADDRESSES = st.builds(
    Address, st.sampled_from(["127.0.0.1", "2001:db8::1", "fe80::1%eth0"]), st.integers(0, 65_535)
)


@given(
    st.sampled_from(HandedKind), st.integers(1, 64), st.sampled_from([UDP, TCP]), ADDRESSES,
    st.none() | ADDRESSES, st.binary(max_size=50),
)  # fmt: skip
def test_what_is_packed_is_unpacked(kind, sender, transport, remote, local, data) -> None:  # type: ignore[no-untyped-def]
    handed = Handed(kind, sender, Flow(transport, remote, local), data)
    assert unpack(pack(handed)) == handed


@given(st.frozensets(st.tuples(st.sampled_from([UDP, TCP]), ADDRESSES), max_size=8))
def test_far_ends_are_unpacked_as_they_were_packed(far_ends: frozenset[FarEnd]) -> None:
    assert unpacked_far_ends(packed_far_ends(far_ends)) == far_ends


def test_the_longest_message_goes_whole() -> None:
    read, write = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    flow = Flow(TCP, Address("f" * 39, 65_535), Address("f" * 39, 65_535))
    frame = pack(Handed(HandedKind.ARRIVED, 64, flow, bytes(MAX_MESSAGE)))
    write.send(frame)
    assert read.recv(LARGEST) == frame
    read.close()
    write.close()
