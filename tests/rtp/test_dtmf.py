"""Keypad digits over RTP: each press is reported once, however its packets come."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.rtp.codecs import PCMU
from offhook.rtp.telephone_events import DIGITS, DtmfReceiver, DtmfSender, EventPacket, Press


def event(digit: str, duration: int, end: bool = False) -> bytes:
    return struct.pack("!BBH", DIGITS.index(digit), 0x8A if end else 0x0A, duration)


def press(digit: str, start: int, updates: int = 5, ends: int = 3) -> list[tuple[int, bytes]]:
    packets = [(start, event(digit, 160 * (n + 1))) for n in range(updates)]
    return packets + [(start, event(digit, 160 * updates, end=True))] * ends


def receive(packets: list[tuple[int, bytes]], receiver: DtmfReceiver | None = None) -> list[Press]:
    receiver = receiver or DtmfReceiver(PCMU.clock_rate)
    now, presses = 0.0, []
    for timestamp, payload in packets:
        now += 0.02
        presses += receiver.receive(timestamp & 0xFFFFFFFF, payload, now)
    return presses


@pytest.mark.parametrize("digit", DIGITS)
def test_a_press_is_reported_once_with_its_duration(digit: str) -> None:
    assert receive(press(digit, 1000)) == [Press(digit, 100)]


def test_the_same_key_twice_is_two_presses() -> None:
    assert receive(press("7", 1000) + press("7", 3000)) == [Press("7", 100), Press("7", 100)]


def test_only_one_packet_of_a_press_need_arrive() -> None:
    assert receive([(1000, event("5", 800, end=True))]) == [Press("5", 100)]


def test_a_press_without_its_end_packets_is_ended_by_the_next() -> None:
    assert receive(press("1", 1000, ends=0) + press("2", 3000)) == [Press("1", 100), Press("2", 100)]


def test_a_press_without_its_end_packets_ends_when_updates_stop() -> None:
    receiver = DtmfReceiver(PCMU.clock_rate)
    assert receive(press("9", 1000, ends=0), receiver) == []
    assert receiver.pressed

    assert receiver.expire(now=0.25) is None
    assert receiver.expire(now=0.35) == Press("9", 100)

    assert not receiver.pressed
    assert receiver.expire(now=9.0) is None


def test_an_end_that_comes_after_the_timeout_is_not_a_second_press() -> None:
    receiver = DtmfReceiver(PCMU.clock_rate)
    receive(press("9", 1000, ends=0), receiver)
    receiver.expire(now=1.0)

    assert receiver.receive(1000, event("9", 1600, end=True), now=1.1) == []


def test_stragglers_of_the_press_before_change_nothing() -> None:
    first, second = press("1", 1000), press("2", 3000)

    presses = receive([*first[:6], *second[:2], first[3], first[7], *second[2:]])

    assert presses == [Press("1", 100), Press("2", 100)]


def test_a_press_over_the_wrap_of_the_timestamp() -> None:
    assert receive(press("4", 0xFFFFFFF0) + press("4", 0xFFFFFFF0 + 2000)) == [Press("4", 100)] * 2


def test_a_press_longer_than_one_segment_is_one_press() -> None:
    segment = [(0, event("8", 65440)), (0, event("8", 0xFFFF))]
    goes_on = [(0xFFFF, event("8", 160)), (0xFFFF, event("8", 1600)), (0xFFFF, event("8", 1600, end=True))]

    assert receive(segment + goes_on) == [Press("8", (0xFFFF + 1600) * 1000 // 8000)]


def test_a_peer_that_moves_the_timestamp_with_each_update_presses_once() -> None:
    updates = [(1000 + 160 * n, event("3", 160 * (n + 1))) for n in range(5)]
    ends = [(1000 + 160 * 5, event("3", 960, end=True))] * 3

    assert [digit for digit, _ in receive(updates + ends)] == ["3"]


def test_a_peer_that_starts_its_timestamps_anew_is_heard() -> None:
    receiver = DtmfReceiver(PCMU.clock_rate)
    receiver.receive(900_000, event("1", 800, end=True), now=1.0)

    assert receiver.receive(5, event("2", 800, end=True), now=9.0) == [Press("2", 100)]


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x01\x8a\x03", bytes([16, 0x8A, 0, 80]), b"\xff" * 4])
def test_what_is_no_key_is_ignored(payload: bytes) -> None:
    receiver = DtmfReceiver(PCMU.clock_rate)

    assert receiver.receive(1, payload, 0.0) == []
    assert not receiver.pressed


@given(
    packets=st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.binary(max_size=6)), max_size=50),
)
@settings(max_examples=100, deadline=None)
def test_any_packets_give_at_most_one_press_each(packets: list[tuple[int, bytes]]) -> None:
    presses = receive(packets)

    assert len(presses) <= len(packets)
    assert all(digit in DIGITS and milliseconds >= 0 for digit, milliseconds in presses)


def sent(sender: DtmfSender, ticks: int = 200) -> list[EventPacket | None]:
    packets = []
    timestamp = 0xFFFFFF00
    for _ in range(ticks):
        packets.append(sender.tick(timestamp))
        timestamp = (timestamp + 160) & 0xFFFFFFFF
    return packets


def test_a_digit_goes_out_with_marker_growing_duration_and_three_ends() -> None:
    sender = DtmfSender(PCMU.ticks)
    sender.queue("#", milliseconds=100, gap=80)

    packets = [packet for packet in sent(sender) if packet]

    assert [packet.marker for packet in packets] == [True] + [False] * 6
    assert {packet.timestamp for packet in packets} == {0xFFFFFF00}
    assert [struct.unpack("!BBH", packet.payload) for packet in packets] == [
        (11, 0x0A, 160), (11, 0x0A, 320), (11, 0x0A, 480), (11, 0x0A, 640),
        (11, 0x8A, 800), (11, 0x8A, 800), (11, 0x8A, 800),
    ]  # fmt: skip
    assert not sender.busy


def test_what_is_sent_is_received_in_order() -> None:
    sender = DtmfSender(PCMU.ticks)
    sender.queue("1149*0#abcD")

    packets = [(packet.timestamp, packet.payload) for packet in sent(sender) if packet]

    assert receive(packets) == [Press(digit, 100) for digit in "1149*0#ABCD"]


def test_digits_are_apart_by_the_gap_and_by_pauses() -> None:
    sender = DtmfSender(PCMU.ticks)
    sender.queue("1w2", milliseconds=100, gap=80)

    packets = sent(sender)
    starts = [tick for tick, packet in enumerate(packets) if packet and packet.marker]

    assert starts == [0, (100 + 80 + 500) // 20]


def test_the_gap_starts_when_the_press_ends() -> None:
    sender = DtmfSender(PCMU.ticks)
    sender.queue("12", milliseconds=100, gap=100)

    starts = [tick for tick, packet in enumerate(sent(sender)) if packet and packet.marker]

    assert starts == [0, 10]


def test_the_sender_is_busy_until_the_last_gap_is_over() -> None:
    sender = DtmfSender(PCMU.ticks)
    assert not sender.busy
    sender.queue("1")

    ticks = 0
    while sender.busy:
        sender.tick(ticks * 160)
        ticks += 1

    assert ticks == 9


@pytest.mark.parametrize("digits", ["1x", "é", "1 2", "1" * 129])
def test_what_cannot_be_sent_is_refused_whole(digits: str) -> None:
    sender = DtmfSender(PCMU.ticks)

    with pytest.raises(ValueError, match=r"telephone|wait"):
        sender.queue(digits)

    assert not sender.busy


def test_times_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="40 to 6000"):
        DtmfSender(PCMU.ticks).queue("1", milliseconds=10)
