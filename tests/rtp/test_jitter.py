"""The jitter buffer: whatever order, size and rhythm the network makes of a stream, frames come out in order,
once, and with no more delay than was needed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.rtp.codecs import PCMU
from offhook.rtp.jitter import EMPTY, LOST, MAX_DEPTH, JitterBuffer, Missing
from offhook.rtp.packet import Packet

Played = bytes | Missing
SSRC = 0x1234


def frame(number: int) -> bytes:
    """160 bytes that tell which frame of the stream they are; never quiet."""
    return bytes([number >> 6 & 0x3F, number & 0x3F]) * 80


def packet(number: int, *, sequence: int = 0xFFFE, timestamp: int = 0xFFFFFF00, ssrc: int = SSRC) -> Packet:
    """The packet with frame `number`; sequence numbers and timestamps soon wrap."""
    return Packet(
        0,
        False,
        (sequence + number) & 0xFFFF,
        (timestamp + 160 * number) & 0xFFFFFFFF,
        ssrc,
        frame(number),
    )


def buffer() -> JitterBuffer:
    return JitterBuffer(PCMU)


def play(
    arrivals: Iterable[tuple[float, Packet]], ticks: int, jitter: JitterBuffer | None = None
) -> list[Played]:
    """Push each packet at its time in ticks and pop at each whole tick."""
    jitter = jitter or buffer()
    waiting = sorted(arrivals, key=lambda arrival: arrival[0])
    played: list[Played] = []
    for tick in range(ticks):
        while waiting and waiting[0][0] <= tick:
            at, incoming = waiting.pop(0)
            jitter.push(incoming, at * 0.02)
        played.append(jitter.pop())
    return played


def steady(numbers: Sequence[int], delay: float = 0.5) -> list[tuple[float, Packet]]:
    return [(number + delay, packet(number)) for number in numbers]


def frames(numbers: Iterable[int]) -> list[Played]:
    return [frame(number) for number in numbers]


def test_a_clean_stream_is_played_at_the_next_tick() -> None:
    jitter = buffer()

    played = play(steady(range(100)), 100, jitter)

    assert played == [EMPTY, *frames(range(99))]
    assert (jitter.late, jitter.duplicates, jitter.discarded, jitter.resets, jitter.refused) == (0,) * 5


def test_a_lost_packet_is_concealed_and_delays_nothing() -> None:
    numbers = [n for n in range(20) if n != 7]

    played = play(steady(numbers), 20)

    assert played == [EMPTY, *frames(range(7)), LOST, *frames(range(8, 19))]


def test_a_burst_of_losses_keeps_its_length() -> None:
    numbers = [n for n in range(30) if not 7 <= n < 12]

    played = play(steady(numbers), 30)

    assert played == [EMPTY, *frames(range(7)), LOST, LOST, LOST, EMPTY, EMPTY, *frames(range(12, 29))]


def test_a_late_packet_is_waited_for_and_the_delay_stays() -> None:
    arrivals = steady(range(20))
    arrivals[7] = (8.2, packet(7))

    played = play(arrivals, 20)

    assert played == [EMPTY, *frames(range(7)), LOST, *frames(range(7, 18))]


def test_packets_in_the_wrong_order_within_the_delay_are_put_right() -> None:
    arrivals = [(0.1, packet(0)), (0.2, packet(2)), (0.3, packet(1)), (0.4, packet(3))]

    assert play(arrivals, 5) == [EMPTY, *frames(range(4))]


def test_order_that_stays_wrong_is_put_right_after_the_first_time() -> None:
    arrivals = [(n + (2.2 if n % 10 == 5 else 0.5), packet(n)) for n in range(100)]
    jitter = buffer()

    played = play(arrivals, 101, jitter)

    assert jitter.late == 1
    assert played.count(LOST) == 3  # the overtaken one, and two ticks that make room for the next like it
    assert [one for one in played if isinstance(one, bytes)] == frames(n for n in range(98) if n != 5)


def test_duplicates_are_played_once() -> None:
    jitter = buffer()
    twice = [(n + late, packet(n)) for n in range(50) for late in (0.3, 0.4, 2.4)]

    assert play(twice, 50, jitter) == [EMPTY, *frames(range(49))]
    assert jitter.duplicates > 90
    assert jitter.late == 0


def test_a_stall_and_the_burst_after_it_lose_nothing_and_the_delay_shrinks_again() -> None:
    arrivals = [(n + 0.5 if not 50 <= n < 58 else 58.5, packet(n)) for n in range(600)]
    jitter = buffer()

    played = play(arrivals, 600, jitter)

    heard = [one for one in played[:120] if isinstance(one, bytes)]
    assert heard == frames(range(len(heard)))  # nothing is left out soon after the stall
    assert jitter.discarded == 8
    assert played[-1] == frame(598)


def test_hiccups_that_come_again_and_again_teach_patience() -> None:
    """Given 100 ms hiccups every five seconds, when the delay has shrunk in vain twice, then it stays."""
    arrivals = []
    for n in range(4000):
        since = n % 250
        arrivals.append((n + 0.5 + (5 - since if since < 5 else 0), packet(n)))
    jitter = buffer()

    play(arrivals, 1500, jitter)
    discarded = jitter.discarded
    assert 0 < discarded <= 16
    jitter = buffer()
    played = play(arrivals, 3990, jitter)

    assert jitter.discarded == discarded
    assert not [one for one in played[1500:] if isinstance(one, Missing)]


def test_a_longer_stall_keeps_the_newest_and_the_bound() -> None:
    arrivals = [(n + 0.5 if not 50 <= n < 100 else 100.5, packet(n)) for n in range(110)]
    jitter = buffer()

    played = play(arrivals, 105, jitter)

    assert jitter.depth <= MAX_DEPTH
    assert frame(100 - MAX_DEPTH + 2) in played
    assert jitter.late == 0


def test_quiet_frames_are_left_out_rather_than_loud_ones() -> None:
    """Given a start that brought six frames at once, when the speaker pauses, then the pause is shortened."""
    quiet = range(42, 62)
    arrivals = []
    for n in range(200):
        one = packet(n)
        arrivals.append((max(n - 4.5, 0.5), one._replace(payload=PCMU.silence) if n in quiet else one))
    jitter = buffer()

    played = play(arrivals, 190, jitter)

    assert jitter.discarded == 5
    loud = [one for one in played if isinstance(one, bytes) and one != PCMU.silence]
    assert loud == frames(n for n in range(194) if n not in quiet)


@pytest.mark.parametrize("samples", [80, 240, 320, 480, 1600])
def test_other_packet_times_are_cut_and_joined(samples: int) -> None:
    voice = b"".join(frame(number) for number in range(200))
    arrivals = []
    for number, start in enumerate(range(0, len(voice), samples)):
        piece = voice[start : start + samples]
        one = Packet(0, False, number, start, SSRC, piece)
        arrivals.append(((start + len(piece)) / 160 + 0.01, one))

    played = play(arrivals, 230)

    heard = b"".join(one for one in played if isinstance(one, bytes))
    assert heard == voice
    assert played.index(frame(199)) <= 200 + samples // 160 + 1


def test_half_a_frame_that_is_lost_is_filled_with_silence() -> None:
    voice = b"".join(frame(number) for number in range(10))
    arrivals = [
        (n / 2 + 0.6, Packet(0, False, n, 80 * n, SSRC, voice[80 * n : 80 * n + 80]))
        for n in range(20)
        if n != 7
    ]

    played = play(arrivals, 15)

    assert frame(3)[:80] + PCMU.silence[:80] in played


@pytest.mark.parametrize("jump", [2_000_000, -2_000_000, 77, 161 * 160, -160 * 3], ids=str)
def test_timestamps_that_jump_while_sequence_numbers_go_on(jump: int) -> None:
    """A media server switches its source without a word: what follows is played on without a gap."""
    jumped = [
        packet(n)._replace(timestamp=(5000 + 160 * n + (jump if n >= 10 else 0)) & 0xFFFFFFFF)
        for n in range(30)
    ]

    played = play([(n + 0.5, one) for n, one in enumerate(jumped)], 30)

    assert played == [EMPTY, *frames(range(29))]


def test_silence_suppression_goes_on_at_once_after_the_pause() -> None:
    numbers = [*range(10), *range(90, 120)]

    played = play(steady(numbers), 120)

    assert played[:14] == [EMPTY, *frames(range(10)), LOST, LOST, LOST]
    assert set(played[14:91]) == {EMPTY}
    assert played[91:] == frames(range(90, 119))


def test_hold_and_resume_without_time_in_the_timestamps() -> None:
    arrivals = steady(range(10)) + [(n + 100.5, packet(n)) for n in range(10, 20)]

    played = play(arrivals, 120)

    assert played[111:] == frames(range(10, 19))


def test_another_ssrc_begins_anew() -> None:
    jitter = buffer()
    other = [(n + 10.5, packet(n, sequence=500, timestamp=9, ssrc=77)) for n in range(10)]

    played = play(steady(range(10)) + other, 20, jitter)

    assert played == [EMPTY, *frames(range(10)), *frames(range(9))]
    assert jitter.resets == 1


def test_a_restart_with_the_same_ssrc_needs_two_packets_in_a_row() -> None:
    jitter = buffer()
    again = [(n + 10.5, packet(n, sequence=30000, timestamp=123)) for n in range(10)]

    played = play(steady(range(10)) + again, 20, jitter)

    assert played == [EMPTY, *frames(range(10)), LOST, *frames(range(1, 9))]
    assert (jitter.resets, jitter.refused) == (1, 1)


def test_one_stray_packet_changes_nothing() -> None:
    arrivals = [*steady(range(20)), (9.7, packet(3, sequence=30000, timestamp=123))]

    assert play(arrivals, 20) == [EMPTY, *frames(range(19))]


@pytest.mark.parametrize("size", [0, 1601, 60000])
def test_payloads_of_no_use_are_refused(size: int) -> None:
    jitter = buffer()

    jitter.push(packet(0)._replace(payload=bytes(size)), 0.0)

    assert jitter.refused == 1
    assert jitter.pop() is EMPTY


@pytest.mark.parametrize("drift", [1.001, 0.999])
def test_a_peer_whose_clock_drifts_neither_starves_nor_floods(drift: float) -> None:
    arrivals = [(n * drift + 0.5, packet(n)) for n in range(6000)]
    jitter = buffer()

    played = play(arrivals, 5900, jitter)

    heard = [one for one in played if isinstance(one, bytes)]
    assert len(heard) > 5880
    assert jitter.depth <= 2


@pytest.mark.parametrize("spread", [0.5, 2.0, 6.0])
def test_random_jitter_costs_few_frames_once_it_is_known(spread: float) -> None:
    rng = random.Random(7)
    arrivals = [(n + rng.random() * spread, packet(n)) for n in range(2000)]
    jitter = buffer()

    played = play(arrivals, 2000, jitter)

    missing = [one for one in played[10:] if not isinstance(one, bytes)]
    assert len(missing) < 60
    assert jitter.late < 40


Arrival = tuple[int, int, int, int]


@given(
    arrivals=st.lists(
        st.tuples(
            st.integers(-40, 40),  # step of the sequence number
            st.sampled_from([0, 1, 79, 80, 160, 161, 240, 480, 1600, 1601, 5000]),  # bytes
            st.integers(-3000, 3000) | st.integers(-(2**31), 2**31),  # step of the timestamp
            st.integers(0, 3),  # pops before it
        ),
        max_size=120,
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_the_buffer_stays_bounded(arrivals: list[Arrival]) -> None:
    jitter = buffer()
    sequence = timestamp = 0
    for number, (step, size, samples, pops) in enumerate(arrivals):
        for _ in range(pops):
            payload = jitter.pop()
            assert isinstance(payload, Missing) or len(payload) == 160
        sequence = (sequence + step) & 0xFFFF
        timestamp = (timestamp + samples) & 0xFFFFFFFF
        jitter.push(Packet(0, False, sequence, timestamp, SSRC, b"x" * size), number * 0.02)
        assert 0 <= jitter.depth <= MAX_DEPTH
    for _ in range(8 * MAX_DEPTH):
        jitter.pop()
    assert jitter.depth == 0
    assert jitter.pop() is EMPTY


@given(
    delays=st.lists(st.none() | st.floats(0, 15), min_size=1, max_size=150),
    copies=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_any_loss_and_any_delay_keeps_the_order(delays: list[float | None], copies: bool) -> None:
    arrivals = [(n + delay, packet(n)) for n, delay in enumerate(delays) if delay is not None]
    if copies:
        arrivals += [(at + 1, one) for at, one in arrivals]

    played = play(arrivals, len(delays) + 60)

    numbers = [one[0] << 6 | one[1] for one in played if isinstance(one, bytes)]
    assert numbers == sorted(set(numbers))
