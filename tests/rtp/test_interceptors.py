"""What stands at the doors of a stream gives on what it lets through, and nothing else."""

from __future__ import annotations

from offhook.network import Address
from offhook.rtp.interceptors import Interceptor, Protected

PEER = Address("192.0.2.7", 4000)


class Sealed:
    """Puts a byte before each packet, another one for RTCP, and takes none without it."""

    def protect(self, packet: bytes) -> bytes:
        return b"r" + packet

    def protect_control(self, packet: bytes) -> bytes:
        return b"c" + packet

    def unprotect(self, packet: bytes) -> bytes | None:
        return packet[1:] if packet[:1] == b"r" else None

    def unprotect_control(self, packet: bytes) -> bytes | None:
        return packet[1:] if packet[:1] == b"c" else None


def test_protection_stands_at_all_four_doors() -> None:
    passed: list[tuple[bytes, Address]] = []

    def on(packet: bytes, address: Address) -> None:
        passed.append((packet, address))

    protected = Protected(Sealed())
    protected.sends(on)(b"sound", PEER)
    protected.sends_control(on)(b"report", PEER)
    protected.receives(on)(b"rsound", PEER)
    protected.receives_control(on)(b"creport", PEER)

    assert [packet for packet, _ in passed] == [b"rsound", b"creport", b"sound", b"report"]
    assert {address for _, address in passed} == {PEER}


def test_what_is_not_the_peers_goes_no_further() -> None:
    passed: list[bytes] = []
    protected = Protected(Sealed())
    for door in (protected.receives, protected.receives_control):
        door(lambda packet, _: passed.append(packet))(b"?forged", PEER)

    assert passed == []


def test_a_door_that_is_left_alone_is_the_same_door() -> None:
    def on(packet: bytes, address: Address) -> None: ...

    def exchanged(heard: bytes, said: bytes) -> None: ...

    nothing = Interceptor()
    assert (nothing.sends(on), nothing.sends_control(on)) == (on, on)
    assert (nothing.receives(on), nothing.receives_control(on)) == (on, on)
    assert nothing.exchanges(exchanged) is exchanged
