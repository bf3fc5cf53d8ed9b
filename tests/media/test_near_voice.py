"""Whose voice it is, by levels over time: windows of 32 ms, of voice or of none."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.frames import FRAME_BYTES, FRAME_SAMPLES
from offhook.media.near_voice import NearVoice
from offhook.speech.gate import WINDOW_SECONDS, SpeechBegan, SpeechEnded, SpeechGate

NORMAL = -20.0


def frame(level: float) -> bytes:
    sound = np.random.default_rng(4).standard_normal(FRAME_SAMPLES)
    sound *= 10 ** (level / 20) * 32768 / np.sqrt(np.square(sound).mean())
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


class Listened:
    """`began` and `ended`: when speeches did, in seconds."""

    def __init__(self) -> None:
        self._near, self._gate = NearVoice(), SpeechGate()
        self.now = 0.0
        self.began: list[float] = []
        self.ended: list[float] = []

    def hears(self, seconds: float, level: float | None = None, *, over: bool = False) -> bytes:
        """A voice at so many dBov, or the line alone. The last frame, as it is handed on."""
        handed = b""
        for _ in range(round(seconds / WINDOW_SECONDS)):
            handed = self._near.heed(frame(-75 if level is None else level), self._gate.speaking)
            probability = 0.02 if level is None else 0.95
            probability = self._near.weigh(probability, self._gate.speaking, over)
            self.now += WINDOW_SECONDS
            match self._gate.feed(probability, self.now):
                case SpeechBegan(at):
                    self.began.append(at)
                case SpeechEnded(at):
                    self.ended.append(at)
        return handed

    @property
    def speaks(self) -> bool:
        return self._gate.speaking


@pytest.mark.parametrize("level", [-10, -30, -45, -60])
def test_no_voice_is_too_soft_by_itself(level: float) -> None:
    listened = Listened()
    listened.hears(1.0, level)
    assert listened.speaks


@pytest.mark.parametrize("below", [18, 20, 25, 30])
def test_a_speech_ends_with_the_near_voice_though_a_far_one_goes_on(below: float) -> None:
    listened = Listened()
    listened.hears(1.0, over=True)
    listened.hears(2.0, NORMAL)
    end = listened.now
    listened.hears(6.0, NORMAL - below)
    assert listened.ended == [pytest.approx(end, abs=0.4)]
    listened.hears(2.0, NORMAL)
    end = listened.now
    listened.hears(3.0, NORMAL - below)
    assert listened.ended[1:] == [pytest.approx(end, abs=0.15)]  # by now it is known
    assert len(listened.began) == 2


def test_a_far_voice_that_is_heard_while_the_assistant_speaks_does_not_interrupt() -> None:
    listened = Listened()
    listened.hears(4.0, -40, over=True)
    listened.hears(2.0, -40)
    assert listened.began == []
    listened.hears(1.0, NORMAL)
    assert len(listened.began) == 1


def test_a_caller_who_is_soft_is_near_beside_a_far_voice_that_is_softer() -> None:
    listened = Listened()
    listened.hears(3.0, -60, over=True)
    listened.hears(1.0, -45)
    assert listened.speaks


def test_a_caller_who_speaks_softly_after_shouting_is_heard() -> None:
    listened = Listened()
    listened.hears(1.5, -6)
    listened.hears(3.0)
    listened.hears(1.5, -32)
    assert listened.speaks


def test_a_caller_who_becomes_softer_with_each_sentence_is_heard() -> None:
    listened = Listened()
    for level in range(-10, -50, -8):
        listened.hears(1.5, level)
        assert listened.speaks, level
        listened.hears(1.0)


def test_a_caller_who_drops_their_voice_at_the_end_of_a_sentence_is_not_cut_off() -> None:
    listened = Listened()
    for level in range(-18, -31, -1):
        listened.hears(0.2, level)
    assert listened.speaks


def test_the_last_soft_word_of_a_sentence_is_the_callers() -> None:
    listened = Listened()
    listened.hears(1.0, NORMAL)
    listened.hears(0.25, NORMAL - 18)
    assert listened.speaks
    listened.hears(1.0)
    assert listened.ended == [pytest.approx(1.25, abs=0.05)]


@pytest.mark.parametrize(("before", "now", "far"), [(-10, -26, -45), (-20, -36, -55), (-15, -30, -50)])
def test_a_caller_who_becomes_softer_beside_a_voice_that_never_ends_is_heard(
    before: float, now: float, far: float
) -> None:
    """The phone is laid down or handed on, and the television gives nobody two seconds of silence."""
    listened = Listened()
    listened.hears(2.0, before)
    listened.hears(3.0, far)
    for _ in range(3):
        listened.hears(2.0, now)
        assert listened.speaks
        listened.hears(3.0, far)
        assert not listened.speaks


def test_a_far_voice_that_becomes_louder_is_still_far() -> None:
    listened = Listened()
    listened.hears(2.0, NORMAL)
    for below in (35, 25, 20):
        listened.hears(3.0, NORMAL - below)
    assert len(listened.began) == 1


def test_a_far_voice_is_forgotten_when_it_has_been_silent() -> None:
    listened = Listened()
    listened.hears(1.0, NORMAL)
    listened.hears(3.0, NORMAL - 25)
    assert not listened.speaks
    listened.hears(2.5)
    listened.hears(1.0, NORMAL - 20)
    assert listened.speaks


def test_a_far_voice_is_hushed_for_whoever_listens_while_the_caller_is_silent() -> None:
    listened = Listened()
    assert listened.hears(0.1, -40) == frame(-40)
    listened = Listened()
    listened.hears(2.0, NORMAL)
    handed = listened.hears(2.0, NORMAL - 20)
    assert len(handed) == FRAME_BYTES
    assert np.abs(np.frombuffer(handed, "<i2")).max() < np.abs(np.frombuffer(frame(-40), "<i2")).max() / 10
    assert listened.hears(0.2, NORMAL) == frame(NORMAL)


def test_what_the_caller_says_is_handed_on_as_it_came() -> None:
    listened = Listened()
    assert listened.hears(2.0, NORMAL) == frame(NORMAL)
    assert listened.hears(0.064, NORMAL - 30) == frame(NORMAL - 30)
