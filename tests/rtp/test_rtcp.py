"""RTCP: vectors read and written, loss and jitter as the RFC computes them, the round trip, the timing."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.rtp.codecs import PCMU
from offhook.rtp.packet import Packet
from offhook.rtp.rtcp import (
    Description,
    Goodbye,
    Reception,
    Report,
    ReportBlock,
    RtcpSession,
    build_compound,
    parse_compound,
)
from tests.saved import begins_with

VECTOR = bytes.fromhex(
    "81c8000c" "11223344" "e1a2b3c4" "80000000" "00010203" "0000012c" "0000bb80"  # sender report
    "55667788" "40fffffe" "00010010" "00000028" "b3c48000" "00018000"  # about one source
    "81ca0004" "11223344" "01086140" "682e6578" "00000000"  # canonical name
    "81cb0001" "11223344"  # goodbye
)  # fmt: skip

VECTOR_PARTS = [
    Report(
        0x11223344,
        0xE1A2B3C480000000,
        0x00010203,
        300,
        48000,
        (ReportBlock(0x55667788, 0x40, -2, 0x00010010, 40, 0xB3C48000, 0x00018000),),
    ),
    Description(0x11223344, "a@h.ex\x00\x00"),
    Goodbye((0x11223344,)),
]


def test_a_compound_packet_is_read() -> None:
    assert parse_compound(VECTOR) == VECTOR_PARTS


def test_a_compound_packet_is_written() -> None:
    report = VECTOR_PARTS[0]
    assert isinstance(report, Report)

    data = build_compound(report, "a@h.ex", goodbye=True)

    assert parse_compound(data) == [report, Description(0x11223344, "a@h.ex"), Goodbye((0x11223344,))]
    assert data[:52] == VECTOR[:52]
    assert len(data) % 4 == 0


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd", "x" * 255])
def test_names_of_any_length_fill_whole_words(name: str) -> None:
    data = build_compound(Report(7, None, 0, 0, 0, ()), name)

    assert parse_compound(data) == [Report(7, None, 0, 0, 0, ()), Description(7, name)]


def test_parts_that_are_not_understood_are_passed_over() -> None:
    feedback = bytes.fromhex("81ce0002 11223344 55667788".replace(" ", ""))

    parts = parse_compound(bytes.fromhex("80c90001 11223344".replace(" ", "")) + feedback)

    assert parts == [Report(0x11223344, None, 0, 0, 0, ())]


def test_padding_at_the_end_is_taken_off() -> None:
    padded = bytes.fromhex("a0c90002 11223344 00000004".replace(" ", ""))

    assert parse_compound(padded) == [Report(0x11223344, None, 0, 0, 0, ())]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        VECTOR[:4],
        VECTOR[:-2],
        VECTOR[:-4],
        VECTOR[52:],
        b"\x41" + VECTOR[1:],
        b"\x85" + VECTOR[1:],
        VECTOR[:3] + b"\xff" + VECTOR[4:],
        VECTOR * 20,
        bytes.fromhex("a0c9000211223344000000ff"),
        bytes.fromhex("a0c900011122334480c9000111223344"),
        bytes.fromhex("80c900011122334482cb000111223344"),
    ],
    ids=[
        "nothing", "short", "no whole words", "cut off", "no report first", "version 1", "too many blocks",
        "too long a part", "too long", "too much padding", "padding inside", "goodbye without sources",
    ],
)  # fmt: skip
def test_what_is_no_compound_packet_is_refused(data: bytes) -> None:
    assert parse_compound(data) is None


@given(data=st.binary(max_size=200).map(lambda tail: VECTOR[:2] + tail) | st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
@begins_with("rtcp")
def test_no_datagram_raises(data: bytes) -> None:
    parse_compound(data)


@given(at=st.integers(0, len(VECTOR) - 1), value=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_no_changed_byte_raises(at: int, value: int) -> None:
    changed = bytearray(VECTOR)
    changed[at] = value
    parse_compound(bytes(changed))


def received(sequences: list[int], step: float = 0.02) -> Reception:
    first = sequences[0]
    reception = Reception(Packet(0, False, first & 0xFFFF, 0, 9, b""), 0.0, PCMU.clock_rate)
    for sequence in sequences[1:]:
        reception.update(sequence & 0xFFFF, 160 * (sequence - first), (sequence - first) * step)
    return reception


def test_nothing_lost_over_the_wrap_of_the_sequence() -> None:
    reception = received(list(range(65000, 66000)))

    block = reception.block(0, 0)

    assert (block.lost, block.fraction, block.highest) == (0, 0, 65999)
    assert block.jitter == 0


def test_lost_packets_are_counted_in_all_and_since_the_last_report() -> None:
    reception = received([n for n in range(100) if n % 4 != 1])
    assert reception.block(0, 0)[1:3] == (64, 25)

    for sequence in range(100, 200):
        reception.update(sequence, 160 * sequence, sequence * 0.02)

    assert reception.block(0, 0)[1:3] == (0, 25)


def test_duplicates_make_the_loss_negative() -> None:
    assert received([1, 2, 2, 3, 3]).block(0, 0)[1:3] == (0, -2)


def test_reordered_packets_are_not_lost() -> None:
    assert received([0, 2, 1, 4, 3]).block(0, 0).lost == 0


def test_a_peer_that_begins_anew_loses_nothing() -> None:
    reception = received([0, 1, 3])

    for sequence in (40000, 40001, 7, 8, 9):
        reception.update(sequence, 0, 1.0, audio=False)

    assert reception.lost == 1
    assert reception.received == 8


def test_jitter_is_the_running_mean_of_the_changes_in_transit() -> None:
    reception = Reception(Packet(0, False, 0, 0, 9, b""), 0.0, PCMU.clock_rate)
    expected, late = 0.0, 0
    for number in range(1, 200):
        before, late = late, 80 if number % 2 else 0
        reception.update(number, 160 * number, (160 * number + late) / 8000 + 1e-9)
        expected += (abs(late - before) - expected) / 16

    assert reception.jitter == pytest.approx(expected, abs=1.5)
    assert reception.block(0, 0).jitter in (79, 80)


def test_a_jump_of_the_timestamps_is_no_jitter() -> None:
    reception = received([0, 1])

    reception.update(2, 900_000, 0.04)
    reception.update(3, 900_160, 0.06)

    assert reception.jitter < 1


def session(ssrc: int = 1, now: float = 0.0) -> RtcpSession:
    return RtcpSession(ssrc, "cname", random.Random(1), now, 1_700_000_000.0 + now)


def report(of: RtcpSession, now: float, packets: int = 5, reception: Reception | None = None) -> bytes:
    return of.report(now, timestamp=160, packets=packets, octets=160 * packets, reception=reception)


def test_two_sessions_measure_the_round_trip() -> None:
    ours, theirs = session(1), session(2, now=500.0)
    from_us = parse_compound(report(ours, 10.0))
    assert from_us is not None
    theirs.received(from_us, 510.03)
    reception = Reception(Packet(0, False, 5, 0, 1, b""), 510.0, PCMU.clock_rate)

    answer = parse_compound(report(theirs, 512.03, packets=0, reception=reception))
    assert answer is not None
    ours.received(answer, 12.05)

    assert ours.round_trip == pytest.approx(0.05, abs=0.001)
    assert ours.remote_lost == 0
    assert ours.remote_jitter == 0


def test_a_report_may_have_come_later_than_the_moment_it_is_answered_at() -> None:
    """The kernel stamps to the nanosecond what the loop's clock knows by the round."""
    ours = session(1)
    ours.received([Report(2, 5 << 32, 0, 0, 0, ())], 10.003)
    reception = Reception(Packet(0, False, 5, 0, 2, b""), 10.0, PCMU.clock_rate)

    parts = parse_compound(report(ours, 10.0, reception=reception))

    assert parts is not None
    assert isinstance(parts[0], Report)
    assert parts[0].blocks[0].delay == 0


def test_an_invented_round_trip_is_not_believed() -> None:
    ours = session(1)
    block = ReportBlock(1, 0, 3, 9, 40, 0x12345678, 0)

    ours.received([Report(2, None, 0, 0, 0, (block,))], 1.0)

    assert ours.round_trip is None
    assert ours.remote_lost == 3


def test_reports_about_others_are_not_ours() -> None:
    ours = session(1)

    ours.received([Report(2, None, 0, 0, 0, (ReportBlock(99, 0, 3, 9, 40, 1, 0),))], 1.0)

    assert ours.remote_lost is None


def test_who_sent_nothing_sends_a_receiver_report() -> None:
    parts = parse_compound(report(session(), 3.0, packets=0))

    assert parts is not None
    assert parts[0] == Report(1, None, 0, 0, 0, ())


def test_the_sender_report_carries_wall_clock_time() -> None:
    parts = parse_compound(report(session(), 3.5))

    assert parts is not None
    assert isinstance(parts[0], Report)
    assert parts[0].ntp == (1_700_000_003 + 2_208_988_800) << 32 | 0x80000000


def test_reports_are_about_five_seconds_apart_and_the_first_comes_sooner() -> None:
    ours = session()
    assert 1.25 <= ours.due_at <= 3.75

    gaps = []
    for _ in range(200):
        now = ours.due_at
        report(ours, now)
        gaps.append(ours.due_at - now)

    assert 2.0 <= min(gaps) < 2.3
    assert 5.9 < max(gaps) <= 6.2


def test_a_long_report_fits_its_fields() -> None:
    reception = Reception(Packet(0, False, 0, 0, 9, b""), 0.0, PCMU.clock_rate)
    for n in range(1, 6000):
        reception.update(n * 2900 & 0xFFFF, 0, 0.0, audio=False)

    data = session().report(1e7, timestamp=1, packets=2**33, octets=2**40, reception=reception)

    parts = parse_compound(data)
    assert parts is not None
    assert isinstance(parts[0], Report)
    assert parts[0].blocks[0].lost == 0x7FFFFF
    assert struct.unpack_from("!I", data, 20)[0] == 0
