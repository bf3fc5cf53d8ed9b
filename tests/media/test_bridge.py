"""Two legs joined: order of ticks, what piles up, and keys."""

from __future__ import annotations

from offhook.calls.transfers.passing import Passed
from offhook.frames import SILENCE
from offhook.media.bridge import AUDIBLE, EarlyMedia, Ringback, join
from offhook.media.tones import Waiting


def frame(number: int) -> bytes:
    return bytes([number]) * 320


def test_the_first_leg_is_heard_in_the_same_tick_and_the_second_in_the_next() -> None:
    first, second = join()
    said_by_first, said_by_second = [], []
    for number in range(1, 4):
        said_by_first.append(first.next_frame())
        first.exchanged(frame(number), SILENCE)
        said_by_second.append(second.next_frame())
        second.exchanged(frame(10 + number), SILENCE)

    assert said_by_second == [frame(1), frame(2), frame(3)]
    assert said_by_first == [None, frame(11), frame(12)]


def test_a_leg_that_does_not_send_makes_no_delay() -> None:
    first, second = join()
    for number in range(5):
        first.exchanged(frame(number), SILENCE)

    assert second.next_frame() == frame(4)
    assert second.next_frame() is None


def test_keys_are_pressed_on_the_other_leg() -> None:
    pressed: list[tuple[str, str, int]] = []
    first = Passed(lambda digit, length: pressed.append(("second", digit, length)))
    second = Passed(lambda digit, length: pressed.append(("first", digit, length)))
    first.digit("5", 120)
    second.digit("#", 10)
    first.digit("1", 60_000)

    assert pressed == [("second", "5", 120), ("first", "#", 40), ("second", "1", 6000)]


TONE = b"\x07\x00" * 160


def level(value: int) -> bytes:
    return value.to_bytes(2, "little", signed=True) * 160


def test_our_ringing_stops_at_the_first_sound_and_not_at_silence() -> None:
    early = EarlyMedia()
    ringing = Ringback(Waiting((TONE,)), lambda: early)
    heard = []
    for frame_heard in (SILENCE, level(8), level(AUDIBLE), level(AUDIBLE + 1), SILENCE):
        early.exchanged(frame_heard, SILENCE)
        heard.append(ringing.next_frame())

    assert heard == [TONE, TONE, TONE, level(AUDIBLE + 1), SILENCE]
    assert early.next_frame() is None


def test_it_goes_on_when_somebody_else_is_called() -> None:
    parties = [EarlyMedia(), EarlyMedia()]
    ringing = Ringback(Waiting((TONE,)), lambda: parties[0])
    parties[0].exchanged(level(9000), SILENCE)
    first = ringing.next_frame()
    del parties[0]

    assert [first, ringing.next_frame()] == [level(9000), TONE]
