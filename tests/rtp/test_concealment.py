"""Concealment: a lost frame in a steady tone is hardly missed, a longer loss fades, silence stays silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from offhook.frames import FRAME_BYTES, SILENCE
from offhook.rtp.concealment import Concealer


def tone(frequency: float, frames: int) -> list[bytes]:
    samples = (8000 * np.sin(2 * np.pi * frequency * np.arange(160 * frames) / 8000)).astype("<i2")
    return [samples[160 * i : 160 * (i + 1)].tobytes() for i in range(frames)]


def samples_of(frame: bytes) -> NDArray[np.float64]:
    return np.frombuffer(frame, "<i2").astype(np.float64)


def loudness(frame: bytes) -> float:
    return float(np.sqrt(np.mean(samples_of(frame) ** 2)))


def test_good_frames_pass_untouched() -> None:
    concealer = Concealer()

    frames = tone(200, 5)

    assert [concealer.heard(frame) for frame in frames] == frames


@pytest.mark.parametrize("frequency", [100, 160, 200, 400])
def test_a_lost_frame_of_a_tone_is_continued_in_phase(frequency: float) -> None:
    concealer = Concealer()
    frames = tone(frequency, 6)
    for frame in frames[:5]:
        concealer.heard(frame)

    made = samples_of(concealer.conceal())

    missing = samples_of(frames[5])
    assert np.corrcoef(made, missing)[0, 1] > 0.98
    assert loudness(made.astype("<i2").tobytes()) > 0.8 * loudness(frames[5])


def test_a_long_loss_fades_to_silence_within_60_ms() -> None:
    concealer = Concealer()
    for frame in tone(150, 5):
        concealer.heard(frame)

    made = [loudness(concealer.conceal()) for _ in range(5)]

    assert made[0] > made[1] > made[2] > made[3] == made[4] == 0.0


@pytest.mark.parametrize("lost", [1, 2, 3, 10])
def test_the_first_good_frame_takes_over_without_a_step(lost: int) -> None:
    concealer = Concealer()
    frames = tone(210, 5 + lost + 1)
    for frame in frames[:5]:
        concealer.heard(frame)
    played = [concealer.conceal() for _ in range(lost)]

    played.append(concealer.heard(frames[5 + lost]))

    wave = samples_of(played[-2] + played[-1])
    steepest = np.max(np.abs(np.diff(samples_of(b"".join(frames)))))
    assert np.max(np.abs(np.diff(wave[140:220]))) < 2 * steepest
    assert played[-1][64:] == frames[5 + lost][64:]


def test_nothing_is_made_out_of_silence() -> None:
    concealer = Concealer()
    assert concealer.conceal() is SILENCE

    concealer.heard(tone(200, 1)[0])
    concealer.silent()

    assert concealer.conceal() is SILENCE


@given(
    frame=st.binary(min_size=FRAME_BYTES, max_size=FRAME_BYTES), losses=st.lists(st.booleans(), max_size=20)
)
@settings(max_examples=50, deadline=None)
def test_any_sound_and_any_pattern_of_losses_gives_whole_frames(frame: bytes, losses: list[bool]) -> None:
    concealer = Concealer()

    for lost in losses:
        assert len(concealer.conceal() if lost else concealer.heard(frame)) == FRAME_BYTES
