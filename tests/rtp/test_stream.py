"""One leg, whole: bytes on an in-memory wire, the node's clock on virtual time, a source and a sink."""

from __future__ import annotations

import asyncio
import random
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.frames import SILENCE
from offhook.network import Address
from offhook.rtp.clock import Clock
from offhook.rtp.codecs import PCMA, PCMU, Codec
from offhook.rtp.consent import BURST, REFILL, START, Unasked
from offhook.rtp.packet import Packet, build, parse
from offhook.rtp.ports import MediaPort, PortPool
from offhook.rtp.rtcp import Goodbye, Report, build_compound, parse_compound
from offhook.rtp.srtp import Srtp
from offhook.rtp.srtp_keys import SrtpKeys
from offhook.rtp.statistics import StreamStatistics
from offhook.rtp.stream import RtpStream
from tests.rtp.wire import Wire
from tests.virtual import run_virtual

PEER = Address("198.51.100.1", 4000)
STRANGER = Address("192.0.2.66", 5000)
EVENT = 101
LOUD = PCMU.decode(PCMU.encode(struct.pack("<160h", *[(n * 997) % 20000 - 10000 for n in range(160)])))


class Mouth:
    """A source that says `frames` and then nothing."""

    def __init__(self, frames: list[bytes] | None = None) -> None:
        self.frames = frames or []

    def next_frame(self) -> bytes | None:
        return self.frames.pop(0) if self.frames else None


class Ear:
    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.said: list[bytes] = []
        self.digits: list[tuple[str, int]] = []

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self.heard.append(heard)
        self.said.append(said)

    def digit(self, digit: str, milliseconds: int) -> None:
        self.digits.append((digit, milliseconds))


class Leg:
    """A stream with all that belongs to it, already ticking."""

    stream: RtpStream
    port: MediaPort

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.wire = Wire()
        self.clock = Clock(self.loop)
        self.ear = Ear()
        self.mouth = Mouth()
        self.errors: list[Exception] = []
        self.learned = True
        self.sequence = 65530
        self.timestamp = 0xFFFFFE00

    async def start(self, **options: Any) -> Leg:
        pool = PortPool("192.0.2.1", 40000, 40001, self.wire.open, random.Random(1))
        self.port = await pool.open()
        settings: dict[str, Any] = {
            "payload_type": 0, "codec": "PCMU", "remote": PEER, "telephone_event": EVENT,
        } | options  # fmt: skip
        self.stream = RtpStream(
            self.port,
            rng=random.Random(2),
            sink=self.ear,
            source=self.mouth,
            loop_time=self.loop.time,
            now=lambda: 1_700_000_000.0 + self.loop.time(),
            failed=self.errors.append,
            call="a-call",
            **settings,
        )
        if self.learned:
            self.stream.learn()
        self.clock.add(self.stream)
        return self

    def negotiated(self, **changes: Any) -> None:
        settings: dict[str, Any] = {
            "payload_type": 0, "codec": "PCMU", "remote": PEER, "telephone_event": EVENT,
            "direction": "sendrecv",
        } | changes  # fmt: skip
        self.stream.update(**settings)

    def receive(
        self,
        payload: bytes = PCMU.encode(LOUD),
        *,
        source: Address = PEER,
        payload_type: int = 0,
        ssrc: int = 7,
        timestamp: int | None = None,
    ) -> None:
        at = self.timestamp if timestamp is None else timestamp
        self.wire.carry(build(payload_type, self.sequence, at, ssrc, payload), source, self.port.local)
        self.skip()

    def skip(self) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 160) & 0xFFFFFFFF

    def receive_control(self, report: Report, source: Address | None = None) -> None:
        source = source or Address(PEER.host, PEER.port + 1)
        self.wire.carry(build_compound(report, "peer"), source, self.port.rtcp.local)

    def sent(self) -> list[Packet]:
        packets = [parse(data) for data in self.wire.sent_by(self.port.local)]
        assert None not in packets
        return [packet for packet in packets if packet is not None]

    def targets(self) -> list[Address]:
        return [to for source, to, _ in self.wire.carried if source == self.port.local]


def on_a_leg(story: Callable[[Leg], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        leg = await Leg().start(**options)
        await asyncio.sleep(0.01)
        await story(leg)
        leg.clock.remove(leg.stream)
        leg.stream.close()

    run_virtual(run())


async def ticks(count: int) -> None:
    await asyncio.sleep(0.02 * count)


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=["PCMU", "PCMA"])
def test_what_the_source_says_goes_out_in_a_steady_stream(codec: Codec) -> None:
    async def story(leg: Leg) -> None:
        leg.mouth.frames = [LOUD, LOUD]
        await ticks(5)

        sent = leg.sent()
        silence, loud = codec.silence, codec.encode(LOUD)
        assert [packet.payload for packet in sent] == [loud, loud, silence, silence, silence]
        assert [packet.marker for packet in sent] == [True, False, False, False, False]
        assert {packet.payload_type for packet in sent} == {codec.payload_type}
        assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(sent)} == {1}
        assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(sent)} == {160}
        assert leg.ear.said == [LOUD, LOUD, SILENCE, SILENCE, SILENCE]
        assert set(leg.targets()) == {PEER}

    on_a_leg(story, codec=codec.name, payload_type=codec.payload_type)


def test_what_the_peer_sends_is_heard_at_the_next_tick() -> None:
    async def story(leg: Leg) -> None:
        for _ in range(3):
            leg.receive()
            await ticks(1)
        await ticks(5)

        assert leg.ear.heard[:3] == [LOUD] * 3
        assert leg.ear.heard[3] not in (LOUD, SILENCE)  # concealed
        assert leg.ear.heard[7] == SILENCE
        assert leg.stream.last_packet_at == pytest.approx(0.05)
        assert leg.stream.statistics.packets_received == 3
        assert leg.stream.statistics.octets_received == 480

    on_a_leg(story)


def test_a_lost_packet_is_concealed_and_counted() -> None:
    async def story(leg: Leg) -> None:
        for number in range(10):
            if number == 5:
                leg.skip()
            else:
                leg.receive()
            await ticks(1)

        assert leg.ear.heard[5] not in (LOUD, SILENCE)
        assert leg.ear.heard[4] == LOUD
        assert leg.ear.heard[7:] == [LOUD] * 3
        assert leg.stream.statistics.lost == 1
        assert leg.stream.statistics.concealed == 1

    on_a_leg(story)


def test_nobody_else_is_heard_or_sent_to() -> None:
    async def story(leg: Leg) -> None:
        for _ in range(60):
            leg.receive()
            noise = build(0, 9, 9, 7, b"\x00" * 160)
            leg.wire.carry(noise, STRANGER, leg.port.local)
            leg.wire.carry(build(0, 9, 9, 0xBAD, b"\x00" * 160), PEER, leg.port.local)
            await ticks(1)

        assert set(leg.ear.heard) == {LOUD}
        assert set(leg.targets()) == {PEER}
        assert leg.stream.statistics.rejected == 120

    on_a_leg(story)


def test_a_peer_behind_a_nat_is_answered_where_it_sends_from() -> None:
    behind_nat = Address("203.0.113.5", 61000)

    async def story(leg: Leg) -> None:
        await ticks(2)
        leg.receive(source=behind_nat)
        await ticks(2)

        assert leg.targets() == [PEER, PEER, behind_nat, behind_nat]
        assert leg.ear.heard[2] == LOUD

    on_a_leg(story, signalling_host=behind_nat.host)


def test_comfort_noise_keeps_the_call_alive_and_is_silence() -> None:
    async def story(leg: Leg) -> None:
        leg.receive(b"\x40", payload_type=13)
        await ticks(1)

        assert leg.ear.heard == [SILENCE]
        assert leg.stream.last_packet_at == pytest.approx(0.01)

    on_a_leg(story)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"INVITE sip:x SIP/2.0\r\n\r\n", build(97, 1, 1, 7, b"x"), b"\x80\xc8\x00\x01" + bytes(8)],
    ids=["nothing", "short", "sip", "unknown payload type", "rtcp without mux"],
)
def test_what_is_no_media_of_this_leg_is_counted_only(data: bytes) -> None:
    async def story(leg: Leg) -> None:
        leg.wire.carry(data, PEER, leg.port.local)
        await ticks(1)

        assert leg.stream.statistics.invalid == 1
        assert leg.stream.last_packet_at == 0.0
        leg.receive(source=PEER._replace(port=1))  # and it did not lock the leg
        await ticks(1)
        assert leg.ear.heard == [SILENCE, LOUD]

    on_a_leg(story)


def test_digits_are_heard_once_each_in_a_tick() -> None:
    async def story(leg: Leg) -> None:
        for digit, start in ((5, 1000), (11, 3000)):
            for duration, flags in ((160, 10), (320, 10), (480, 0x8A), (480, 0x8A), (480, 0x8A)):
                payload = struct.pack("!BBH", digit, flags, duration)
                leg.receive(payload, payload_type=EVENT, timestamp=start)
                await ticks(1)

        assert leg.ear.digits == [("5", 60), ("#", 60)]

    on_a_leg(story)


def test_a_digit_whose_end_is_lost_is_heard_after_a_while() -> None:
    async def story(leg: Leg) -> None:
        leg.receive(struct.pack("!BBH", 1, 10, 800), payload_type=EVENT)
        await ticks(8)
        assert leg.ear.digits == []
        await ticks(5)
        assert leg.ear.digits == [("1", 100)]

    on_a_leg(story)


def test_digits_go_out_instead_of_audio_which_waits() -> None:
    async def story(leg: Leg) -> None:
        leg.mouth.frames = [LOUD] * 3
        await ticks(1)
        leg.stream.send_digits("7")
        await ticks(12)

        sent = leg.sent()
        assert [packet.payload_type for packet in sent] == [0] + [EVENT] * 7 + [0] * 5
        assert sent[1].marker
        assert {packet.timestamp for packet in sent[1:8]} == {(sent[0].timestamp + 160) & 0xFFFFFFFF}
        assert (sent[8].timestamp - sent[0].timestamp) & 0xFFFFFFFF == 8 * 160
        assert [packet.sequence for packet in sent] == [sent[0].sequence + n for n in range(13)]
        assert leg.ear.said == [LOUD] + [SILENCE] * 9 + [LOUD] * 2 + [SILENCE]

    on_a_leg(story)


def test_digits_cannot_be_sent_to_a_peer_that_takes_none() -> None:
    async def story(leg: Leg) -> None:
        with pytest.raises(ValueError, match="no telephone events"):
            leg.stream.send_digits("1")

    on_a_leg(story, telephone_event=None)


@pytest.mark.parametrize(
    ("direction", "hears", "speaks"),
    [
        ("sendrecv", True, True),
        ("sendonly", False, True),
        ("recvonly", True, False),
        ("inactive", False, False),
    ],
)
def test_the_direction_says_who_is_heard(direction: str, hears: bool, speaks: bool) -> None:
    async def story(leg: Leg) -> None:
        leg.mouth.frames = [LOUD] * 10
        for _ in range(4):
            leg.receive()
            await ticks(1)

        assert leg.ear.heard == [LOUD if hears else SILENCE] * 4
        assert leg.ear.said == [LOUD if speaks else SILENCE] * 4
        assert len(leg.sent()) == (4 if speaks else 0)
        assert len(leg.mouth.frames) == (6 if speaks else 10)
        assert leg.stream.last_packet_at == pytest.approx(0.07)

    on_a_leg(story, direction=direction)


def test_hold_and_resume() -> None:
    async def story(leg: Leg) -> None:
        leg.receive()
        await ticks(2)
        leg.negotiated(direction="inactive")
        await ticks(10)
        leg.negotiated()
        leg.receive()
        await ticks(1)

        assert leg.ear.heard[2:] == [SILENCE] * 10 + [LOUD]
        before, after = leg.sent()[1:]
        assert after.marker
        assert after.sequence == before.sequence + 1
        assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 11 * 160

    on_a_leg(story)


def test_a_refresh_that_changes_nothing_is_not_heard() -> None:
    async def story(leg: Leg) -> None:
        for number in range(6):
            leg.receive()
            if number == 3:
                leg.negotiated()
            await ticks(1)

        assert leg.ear.heard == [LOUD] * 6

    on_a_leg(story)


def test_a_reinvite_moves_the_media_and_changes_the_codec() -> None:
    elsewhere = Address("198.51.100.77", 6000)

    async def story(leg: Leg) -> None:
        leg.receive()
        await ticks(1)
        leg.negotiated(remote=elsewhere, codec="PCMA", payload_type=8)
        leg.receive(PCMA.encode(LOUD), payload_type=8, source=elsewhere, ssrc=55)
        leg.receive()
        await ticks(1)

        assert leg.targets() == [PEER, elsewhere]
        assert leg.sent()[1].payload == PCMA.silence
        assert leg.ear.heard[1] == PCMA.decode(PCMA.encode(LOUD))
        assert leg.stream.statistics.invalid == 1

    on_a_leg(story)


def test_an_error_of_the_source_ends_this_leg_only() -> None:
    async def story(leg: Leg) -> None:
        leg.mouth.frames = [b"short"]
        await ticks(2)

        assert [str(error) for error in leg.errors] == ["a frame has 320 bytes, not 5"]
        assert len(leg.clock) == 0

    on_a_leg(story)


def test_reports_are_exchanged_and_the_round_trip_is_known() -> None:
    async def story(leg: Leg) -> None:
        for _ in range(400):
            leg.receive()
            await ticks(1)
        reports = leg.wire.sent_by(leg.port.rtcp.local)
        assert 1 <= len(reports) <= 4
        parts = parse_compound(reports[0])
        assert parts is not None
        assert isinstance(parts[0], Report)
        report = parts[0]
        assert report.ntp is not None
        assert report.packets == report.octets // 160 > 0
        assert report.ssrc == leg.sent()[0].ssrc
        assert (report.blocks[0].ssrc, report.blocks[0].lost) == (7, 0)

        middle = int((leg.loop.time() - 0.03 + 1_700_000_000 + 2_208_988_800) * 65536) & 0xFFFFFFFF
        block = report.blocks[0]._replace(ssrc=report.ssrc, lost=4, jitter=80, last_report=middle, delay=0)
        leg.receive_control(Report(7, None, 0, 0, 0, (block,)))

        statistics = leg.stream.statistics
        assert statistics.round_trip == pytest.approx(0.03, abs=0.001)
        assert (statistics.remote_lost, statistics.remote_jitter) == (4, 0.01)

    on_a_leg(story)


def test_reports_go_one_port_above_or_where_the_sdp_says_or_where_they_come_from() -> None:
    announced, learned = Address(PEER.host, 4444), Address(PEER.host, 4545)

    async def story(leg: Leg) -> None:
        for _ in range(250):
            leg.receive()
            await ticks(1)
        leg.receive_control(Report(7, None, 0, 0, 0, ()), source=learned)
        await ticks(350)
        leg.negotiated()
        await ticks(350)

        targets = [to for source, to, _ in leg.wire.carried if source == leg.port.rtcp.local]
        assert list(dict.fromkeys(targets)) == [announced, learned, Address(PEER.host, PEER.port + 1)]

    on_a_leg(story, rtcp_remote=announced)


def test_reports_of_strangers_are_refused() -> None:
    async def story(leg: Leg) -> None:
        leg.receive()
        await ticks(1)
        leg.receive_control(Report(7, None, 0, 0, 0, ()), source=STRANGER)
        leg.receive_control(Report(0xBAD, None, 0, 0, 0, ()))
        leg.wire.carry(b"\x80\xc9\x00\x09" + bytes(4), PEER, leg.port.rtcp.local)

        assert leg.stream.statistics.rejected == 2
        assert leg.stream.statistics.invalid == 1

    on_a_leg(story)


def test_reports_follow_the_media_to_another_host() -> None:
    elsewhere = Address("198.51.100.77", 6000)

    async def story(leg: Leg) -> None:
        leg.receive()
        leg.receive_control(Report(7, None, 0, 0, 0, ()), source=Address(PEER.host, 4545))
        leg.negotiated(remote=elsewhere)
        await ticks(300)

        targets = {to for source, to, _ in leg.wire.carried if source == leg.port.rtcp.local}
        assert targets == {Address(elsewhere.host, elsewhere.port + 1)}

    on_a_leg(story)


def test_with_mux_reports_share_the_port() -> None:
    async def story(leg: Leg) -> None:
        leg.receive()
        await ticks(400)
        leg.wire.carry(build_compound(Report(7, None, 0, 0, 0, ()), "peer"), PEER, leg.port.local)

        assert leg.wire.sent_by(leg.port.rtcp.local) == []
        assert any(parse_compound(data) for data in leg.wire.sent_by(leg.port.local))
        assert leg.stream.statistics.invalid == 0

    on_a_leg(story, rtcp_mux=True)


def test_closing_says_goodbye_once_and_frees_the_port() -> None:
    async def story(leg: Leg) -> None:
        await ticks(1)
        leg.stream.close()
        leg.stream.close()
        await ticks(3)

        goodbyes = [parse_compound(data) for data in leg.wire.sent_by(leg.port.rtcp.local)]
        assert len(goodbyes) == 1
        assert goodbyes[0] is not None
        assert isinstance(goodbyes[0][-1], Goodbye)
        assert leg.wire.sockets == {}
        assert len(leg.sent()) == 1
        assert len(leg.ear.heard) == 1

    on_a_leg(story)


def test_an_unspecified_remote_is_sent_nothing() -> None:
    async def story(leg: Leg) -> None:
        await ticks(400)

        assert leg.wire.carried == []

    on_a_leg(story, remote=Address("0.0.0.0", 4000))


def test_a_hold_by_the_unspecified_address_stops_sending() -> None:
    async def story(leg: Leg) -> None:
        leg.receive()
        await ticks(2)
        leg.negotiated(remote=Address("0.0.0.0", 4000))
        await ticks(5)

        assert len(leg.sent()) == 2

    on_a_leg(story)


@given(
    datagrams=st.lists(
        st.tuples(
            st.booleans(),
            st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"\x80" + tail),
            st.integers(0, 1),
        ),
        max_size=40,
    ),
    mux=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_no_datagram_disturbs_the_leg(datagrams: list[tuple[bool, bytes, int]], mux: bool) -> None:
    async def story(leg: Leg) -> None:
        for control, data, pause in datagrams:
            leg.wire.carry(data, PEER, leg.port.rtcp.local if control else leg.port.local)
            await ticks(pause)
        await ticks(1)

        assert leg.errors == []
        assert len(leg.clock) == 1
        assert {len(frame) for frame in leg.ear.heard} == {320}

    on_a_leg(story, rtcp_mux=mux)


def test_another_codec_is_refused() -> None:
    async def story() -> None:
        with pytest.raises(KeyError):
            await Leg().start(codec="OPUS")

    run_virtual(story())


def test_events_under_an_ssrc_of_their_own_are_keys_and_disturb_no_audio() -> None:
    """Some gateways send them so (RFC 4733 leaves it open)."""

    async def story(leg: Leg) -> None:
        for number in range(60):
            leg.receive()
            if 20 <= number < 26:
                payload = struct.pack("!BBH", 5, 0x8A if number > 22 else 10, min(number - 19, 4) * 160)
                leg.wire.carry(build(EVENT, 9000 + number, 77, 0xE4E47, payload), PEER, leg.port.local)
            await ticks(1)

        assert leg.ear.heard == [LOUD] * 60
        assert leg.ear.digits == [("5", 80)]
        statistics = leg.stream.statistics
        assert (statistics.rejected, statistics.lost, statistics.jitter) == (0, 0, 0.0)

    on_a_leg(story)


def test_each_key_under_an_ssrc_of_its_own_is_heard_once() -> None:
    async def story(leg: Leg) -> None:
        leg.receive()
        for key, ssrc, start in ((1, 501, 5000), (1, 502, 900), (2, 503, 0xFFFFFF00)):
            for number, flags in enumerate((10, 0x8A, 0x8A)):
                payload = struct.pack("!BBH", key, flags, 160 * min(number + 1, 2))
                leg.wire.carry(build(EVENT, number, start, ssrc, payload), PEER, leg.port.local)
                await ticks(1)
            # One that was overtaken by the next key's is no key more.
            if ssrc == 502:
                payload = struct.pack("!BBH", 1, 0x8A, 320)
                leg.wire.carry(build(EVENT, 4, 5000, 501, payload), PEER, leg.port.local)
        await ticks(1)

        assert [digit for digit, _ in leg.ear.digits] == ["1", "1", "2"]

    on_a_leg(story)


def test_a_key_that_another_ssrc_cuts_short_has_ended() -> None:
    async def story(leg: Leg) -> None:
        leg.receive()
        for key, ssrc in ((1, 501), (2, 502)):
            payload = struct.pack("!BBH", key, 10, 160)
            leg.wire.carry(build(EVENT, 1, 5000, ssrc, payload), PEER, leg.port.local)
        await ticks(12)

        assert [digit for digit, _ in leg.ear.digits] == ["1", "2"]

    on_a_leg(story)


def test_whatever_was_offered_is_heard_by_its_payload_type() -> None:
    async def story(leg: Leg) -> None:
        for number in range(30):
            if number % 10 < 5:
                leg.receive(PCMU.encode(LOUD))
            else:
                leg.receive(PCMA.encode(LOUD), payload_type=8)
            await ticks(1)
        for payload_type in (101, 96):
            for flags in (10, 0x8A):
                payload = struct.pack("!BBH", payload_type % 10, flags, 160)
                leg.receive(payload, payload_type=payload_type, timestamp=leg.timestamp & ~0x3FF)
            leg.timestamp += 0x1000
        await ticks(1)

        alaw = PCMA.decode(PCMA.encode(LOUD))
        assert leg.ear.heard[:30] == ([LOUD] * 5 + [alaw] * 5) * 3
        assert [digit for digit, _ in leg.ear.digits] == ["1", "6"]
        assert {packet.payload_type for packet in leg.sent()} == {0}
        assert leg.stream.statistics.invalid == 0
        leg.receive(b"x" * 160, payload_type=18)
        assert leg.stream.statistics.invalid == 1

    on_a_leg(story, codecs={0: "PCMU", 8: "PCMA"}, events=[101, 96])


def test_a_refresh_is_not_heard_whatever_codec_the_peer_chose() -> None:
    async def story(leg: Leg) -> None:
        for number in range(6):
            leg.receive(PCMA.encode(LOUD), payload_type=8)
            if number == 3:
                leg.negotiated(codecs={0: "PCMU", 8: "PCMA"})
            await ticks(1)

        assert leg.ear.heard == [PCMA.decode(PCMA.encode(LOUD))] * 6

    on_a_leg(story, codecs={0: "PCMU", 8: "PCMA"})


def test_a_muted_caller_whose_reports_go_on_is_alive() -> None:
    async def story(leg: Leg) -> None:
        for _ in range(20):
            leg.receive()
            await ticks(1)
        for _ in range(5):
            await ticks(250)
            leg.receive_control(Report(7, None, 0, 0, 0, ()))

        assert leg.stream.last_packet_at == pytest.approx(leg.loop.time())
        goodbye = build_compound(Report(7, None, 0, 0, 0, ()), "peer", goodbye=True)
        await ticks(50)
        leg.wire.carry(goodbye, Address(PEER.host, PEER.port + 1), leg.port.rtcp.local)
        leg.receive_control(Report(7, None, 0, 0, 0, ()), source=STRANGER)
        leg.receive_control(Report(8, None, 0, 0, 0, ()))
        assert leg.loop.time() - leg.stream.last_packet_at == pytest.approx(1.0)
        # And nobody's BYE ends anything.
        leg.receive()
        await ticks(1)
        assert leg.ear.heard[-1] == LOUD
        assert leg.targets()[-1] == PEER

    on_a_leg(story)


def test_reports_of_a_caller_who_never_spoke_count_too() -> None:
    async def story(leg: Leg) -> None:
        await ticks(250)
        leg.receive_control(Report(1234, None, 0, 0, 0, ()))
        assert leg.stream.last_packet_at == pytest.approx(leg.loop.time())

        # But who only claims to be the caller's neighbour gets nothing.
        leg.receive_control(Report(1234, None, 0, 0, 0, ()), source=PEER._replace(port=9))
        await ticks(400)
        targets = {to for source, to, _ in leg.wire.carried if source == leg.port.rtcp.local}
        assert targets == {Address(PEER.host, PEER.port + 1)}

    on_a_leg(story)


def test_nothing_is_learned_before_the_answer_is_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        leg = Leg()
        leg.learned = False
        await leg.start(signalling_host=PEER.host)
        for number in range(100):
            leg.wire.carry(build(0, number, 160 * number, 666, b"x" * 160), STRANGER, leg.port.local)
        for _ in range(3):
            leg.receive(source=PEER._replace(port=9))
            await ticks(1)
        assert set(leg.targets()) == {PEER}
        assert leg.ear.heard[1:] == [LOUD] * (len(leg.ear.heard) - 1)
        assert leg.stream.statistics.rejected == 100

        leg.stream.learn()
        before = len(leg.targets())
        for _ in range(15):
            leg.receive(source=PEER._replace(port=9))
            await ticks(1)
        # Somebody else was there before, so that it takes a moment until it is answered.
        assert set(leg.targets()[before:]) == {PEER._replace(port=9)}
        leg.stream.close()

    run_virtual(story())


THIRD = Address("203.0.113.9", 7000)


def test_a_third_party_is_sent_a_short_start_and_then_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def story(leg: Leg) -> None:
        leg.mouth.frames = [LOUD] * 1000
        await ticks(3000)

        begun = len(leg.sent())
        assert START * 50 <= begun <= START * 50 + 1
        assert set(leg.targets()) == {THIRD}
        assert len(leg.mouth.frames) == 1000 - begun  # what is to be said waits
        assert leg.stream.statistics.withheld == 3000 - begun
        reports = [to for source, to, _ in leg.wire.carried if source == leg.port.rtcp.local]
        assert len(reports) <= 4

        leg.receive(source=THIRD)
        await ticks(10)
        assert len(leg.sent()) == begun + 10

    on_a_leg(story, remote=THIRD, signalling_host=PEER.host)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [f"call=a-call no audio is sent to {THIRD}: nothing comes from there"]


@pytest.mark.parametrize("control", [False, True], ids=["RTP", "RTCP"])
def test_a_third_party_that_sends_is_sent_to(control: bool) -> None:
    async def story(leg: Leg) -> None:
        for _ in range(200):
            if control:
                leg.receive_control(Report(7, None, 0, 0, 0, ()), source=Address(THIRD.host, THIRD.port + 1))
            else:
                leg.receive(source=THIRD)
            await ticks(10)

        assert len(leg.sent()) == 2000
        assert leg.stream.statistics.withheld == 0

    on_a_leg(story, remote=THIRD, signalling_host=PEER.host)


def test_an_address_that_may_not_be_sent_to_is_learned_from_what_comes() -> None:
    """A caller behind a NAT, whose private address would be one of our own network."""
    private, behind_nat = Address("192.168.1.7", 4000), Address(PEER.host, 61000)

    async def story(leg: Leg) -> None:
        leg.mouth.frames = [LOUD] * 10
        await ticks(20)
        assert leg.sent() == []
        for _ in range(20):
            leg.receive(source=behind_nat)
            await ticks(1)

        assert set(leg.targets()) == {behind_nat}
        assert [packet.payload for packet in leg.sent()[:10]] == [PCMU.encode(LOUD)] * 10

    on_a_leg(story, remote=private, signalling_host=PEER.host, may_begin=False)


def test_many_legs_share_what_a_third_party_gets() -> None:
    async def story() -> None:
        wire, loop = Wire(), asyncio.get_running_loop()
        pool = PortPool("192.0.2.1", 40000, 40100, wire.open, random.Random(1))
        clock, unasked = Clock(loop), Unasked()
        streams = []
        for number in range(20):
            stream = RtpStream(
                await pool.open(), payload_type=0, codec="PCMU", remote=THIRD._replace(port=7000 + number),
                telephone_event=None, rng=random.Random(number), sink=Ear(), source=Mouth(),
                loop_time=loop.time, now=loop.time, signalling_host=PEER.host, unasked=unasked,
            )  # fmt: skip
            stream.learn()
            clock.add(stream)
            streams.append(stream)
        await asyncio.sleep(30)
        assert len(wire.carried) <= BURST + 30 * REFILL + 20 * 8
        for stream in streams:
            clock.remove(stream)
            stream.close()

    run_virtual(story())


def test_a_relay_that_nobody_named_hears_all_that_is_said() -> None:
    relay = Address("203.0.113.77", 30000)

    async def story(leg: Leg) -> None:
        leg.mouth.frames = [LOUD] * 50
        for _ in range(150):
            leg.receive(source=relay)
            await ticks(1)

        assert set(leg.targets()) == {relay}
        assert [packet.payload for packet in leg.sent()[:50]] == [PCMU.encode(LOUD)] * 50
        assert leg.ear.heard[-1] == LOUD

    on_a_leg(story, signalling_host=PEER.host)


def test_statistics_read_as_a_line_of_the_log() -> None:
    usual = StreamStatistics(
        packets_sent=500, octets_sent=80_000, packets_received=498, octets_received=79_680, lost=2, late=0,
        duplicates=0, discarded=0, concealed=3, rejected=0, withheld=0, invalid=0, jitter=0.00123,
        round_trip=None, remote_lost=None, remote_jitter=None,
    )  # fmt: skip

    assert str(usual) == "500 packets sent, 498 received, 2 lost, jitter 1.2 ms, 3 concealed"
    reported = replace(usual, lost=0, concealed=0, round_trip=0.041, remote_lost=7, withheld=12)
    assert str(reported) == (
        "500 packets sent, 498 received, 0 lost, jitter 1.2 ms, round trip 41 ms, 7 lost at the peer,"
        " 12 withheld"
    )


def calls_into_offhook(what: Callable[[], None]) -> int:
    """How many functions of the package `what` calls."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        if event == "call" and frame.f_globals.get("__name__", "").startswith("offhook."):
            count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        what()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("signalling", [None, PEER.host, "203.0.113.5"])
def test_a_leg_that_is_settled_costs_few_calls(signalling: str | None) -> None:
    """Fifty times a second for every leg: what changes a few times in a call is not worked out each time."""

    async def story(leg: Leg) -> None:
        for _ in range(50):
            leg.receive()
            await ticks(1)
        leg.mouth.frames = [LOUD]

        assert calls_into_offhook(leg.receive) <= 10
        assert calls_into_offhook(leg.stream.tick) <= 11
        assert leg.ear.heard[-1] == leg.ear.said[-1] == LOUD

    on_a_leg(story, signalling_host=signalling)


SUITE = "AES_CM_128_HMAC_SHA1_80"


def test_the_same_keys_after_a_while_in_clear_go_on_where_they_were() -> None:
    ours, theirs = bytes(range(30)), bytes(range(100, 130))
    keys = SrtpKeys(SUITE, ours, theirs, 0)

    async def story(leg: Leg) -> None:
        peer = Srtp(SrtpKeys(SUITE, theirs, ours, 0))
        first = peer.protect(build(0, 1, 160, 7, PCMU.encode(LOUD)))
        leg.wire.carry(first, PEER, leg.port.local)
        await ticks(5)
        assert leg.stream.statistics.packets_received == 1

        leg.negotiated()
        leg.negotiated(srtp=keys)
        leg.wire.carry(first, PEER, leg.port.local)
        await ticks(5)
        assert leg.stream.statistics.packets_received == 1
        leg.wire.carry(peer.protect(build(0, 2, 320, 7, PCMU.encode(LOUD))), PEER, leg.port.local)
        await ticks(5)
        assert leg.stream.statistics.packets_received == 2

    on_a_leg(story, srtp=keys)
