"""A protection that nobody should use, in the place of SRTP: a whole call goes over it, and nothing readable
goes over the wire."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.network import Address, Datagrams, Receive
from offhook.rtp.interceptors import Exchanged, Interceptor, Protected, Send
from offhook.rtp.packet import HEADER_BYTES, parse
from offhook.rtp.rtcp import Report, ReportBlock, build_compound, parse_compound
from tests.calls.house import FIRST, SERVER, open_house
from tests.calls.phone import media_of
from tests.calls.test_whole_call import ANSWER, QUESTION, ended
from tests.virtual import run_virtual
from tests.wire import MemoryWire

TAG = b"sealed"
CONTROL_BYTES = 8
"""Of the first header of an RTCP compound, which stays as it is (RFC 3711 §3.4)."""


class Xor:
    """Turns each octet after the header, and adds a tag."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.refused = 0

    def protect(self, packet: bytes) -> bytes:
        return self._turned(packet, HEADER_BYTES) + TAG

    def protect_control(self, packet: bytes) -> bytes:
        return self._turned(packet, CONTROL_BYTES) + TAG

    def unprotect(self, packet: bytes) -> bytes | None:
        return self._checked(packet, HEADER_BYTES)

    def unprotect_control(self, packet: bytes) -> bytes | None:
        return self._checked(packet, CONTROL_BYTES)

    def _turned(self, packet: bytes, kept: int) -> bytes:
        return packet[:kept] + bytes(octet ^ self.key for octet in packet[kept:])

    def _checked(self, packet: bytes, kept: int) -> bytes | None:
        if not packet.endswith(TAG):
            self.refused += 1
            return None
        return self._turned(packet[: -len(TAG)], kept)


def noted(taken: list[bytes], door: Callable[[bytes, Address], None]) -> Callable[[bytes, Address], None]:
    def through(packet: bytes, peer: Address) -> None:
        taken.append(packet)
        door(packet, peer)

    return through


class Capture(Interceptor):
    """What goes in and out as the stream has it, and the loudness of each tick."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.control: list[bytes] = []
        self.ticks = 0

    def sends(self, send: Send) -> Send:
        return noted(self.sent, send)

    def receives(self, receive: Receive) -> Receive:
        return noted(self.received, receive)

    def sends_control(self, send: Send) -> Send:
        return noted(self.control, send)

    def exchanges(self, exchanged: Exchanged) -> Exchanged:
        def counted(heard: bytes, said: bytes) -> None:
            self.ticks += 1
            exchanged(heard, said)

        return counted


class SealedWire:
    """The phone's end: its sockets for sound seal and open, its socket for SIP does not."""

    def __init__(self, wire: MemoryWire, xor: Xor) -> None:
        self._wire = wire
        self._xor = xor

    async def open(self, host: str, port: int, receive: Receive) -> Datagrams:
        if port:
            return await self._wire.open(host, port, receive)

        def opened(data: bytes, source: Address) -> None:
            plain = self._xor.unprotect(data)
            if plain is not None:
                receive(plain, source)

        return Sealed(await self._wire.open(host, port, opened), self._xor.protect)


class Sealed:
    def __init__(self, inner: Datagrams, protect: Callable[[bytes], bytes]) -> None:
        self._inner = inner
        self._protect = protect
        self.local = inner.local

    def send(self, data: bytes, to: Address) -> None:
        self._inner.send(self._protect(data), to)

    def close(self) -> None:
        self._inner.close()


def report(source: int) -> bytes:
    """Of the phone about what it hears from `source`."""
    block = ReportBlock(source, 0, 3, 100, 0, 0, 0)
    return build_compound(Report(77, None, 0, 0, 0, (block,)), "phone")


@pytest.mark.parametrize("mux", [False, True], ids=["two ports", "rtcp-mux"])
def test_a_whole_call_goes_over_it(mux: bool, tmp_path: Path) -> None:
    async def story() -> None:
        wire, ours, theirs, capture = (
            MemoryWire(random.Random(7), keep=10**6),
            Xor(0x5A),
            Xor(0x5A),
            Capture(),
        )
        interceptors = (lambda call: capture, lambda call: Protected(ours))
        async with open_house(tmp_path, wire=wire, interceptors=interceptors) as house:
            house.answers = (ANSWER,)
            phone = await house.phone()
            phone.opener = SealedWire(wire, theirs).open
            call = phone.dial()
            if mux:
                without = call.sdp
                # What this phone offers, and that it takes both on one port.
                call.sdp = lambda *given, **named: without(*given, **named) + b"a=rtcp-mux\r\n"  # type: ignore[method-assign]
            await call.connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.hears_the_end()
            (leg,) = house.engine.legs.values()
            assert leg.stream is not None
            control = leg.port.local if mux else Address(SERVER.host, leg.port.local.port + 1)
            media = media_of(call.sdp())
            wire.arrive(
                theirs.protect_control(report(int.from_bytes(capture.sent[0][8:12], "big"))), media, control
            )
            wire.arrive(b"\x80\x00 not sealed at all", media, leg.port.local)
            counted = leg.stream.statistics
            call.hang_up()
            await ended(house)

        assert house.report["transcript"].splitlines() == [
            f"AI: {FIRST}",
            f"User: {QUESTION}",
            f"AI: {ANSWER}",
        ]
        assert (counted.lost, counted.invalid, counted.remote_lost, ours.refused) == (0, 0, 3, 1)
        # What stands inside the protection sees packets as they are, what is on the wire nobody reads.
        sound = [one.data for one in wire.seen if one.source == leg.port.local and one.data[1] != 200]
        assert len(capture.sent) > 100
        assert len(capture.received) > 100
        assert capture.ticks >= len(capture.sent)
        for plain, sealed in zip(capture.sent, sound, strict=False):
            packet = parse(sealed)
            assert packet is not None
            assert packet.payload.endswith(TAG)
            assert sealed == ours.protect(plain)
        reports = [one.data for one in wire.seen if one.source == control and one.data[1] == 200]
        assert [ours.unprotect_control(one) for one in reports] == capture.control
        assert all(parse_compound(one) is not None for one in capture.control)

    run_virtual(story())


def test_who_has_another_key_is_not_heard(tmp_path: Path) -> None:
    class Keyed(Xor):
        """With a tag that shows the key, as a MAC does."""

        def protect(self, packet: bytes) -> bytes:
            return super().protect(packet) + bytes([self.key])

        def unprotect(self, packet: bytes) -> bytes | None:
            if packet[-1] != self.key:
                self.refused += 1
                return None
            return super().unprotect(packet[:-1])

    async def story() -> None:
        wire, ours, theirs = MemoryWire(random.Random(7)), Keyed(1), Keyed(2)
        async with open_house(
            tmp_path, wire=wire, interceptors=[lambda call: Protected(ours)], media_timeout=5.0
        ) as house:
            phone = await house.phone()
            phone.opener = SealedWire(wire, theirs).open
            call = await phone.dial().connect()
            await ended(house)

        assert call.heard == b""
        assert ours.refused > 100
        assert (
            house.report["endedReason"] == "call.in-progress.error-assistant-did-not-receive-customer-audio"
        )

    run_virtual(story())


def test_what_stands_at_no_door_is_not_there() -> None:
    """By default the doors of a stream are those of its sockets themselves."""

    def send(data: bytes, to: Address) -> None: ...

    def receive(data: bytes, source: Address) -> None: ...

    def exchanged(heard: bytes, said: bytes) -> None: ...

    nothing = Interceptor()
    assert nothing.sends(send) is nothing.sends_control(send) is send
    assert nothing.receives(receive) is nothing.receives_control(receive) is receive
    assert nothing.exchanges(exchanged) is exchanged
