from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.speech.resample import LiveUpsampler, to_8k_from_24k, to_16k_from_8k


def tone(frequency: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def level(samples: np.ndarray) -> float:
    """dB below a full sine, away from the ends."""
    inner = samples[200:-200].astype(np.float64)
    return float(10 * np.log10(2 * np.square(inner).mean() + 1e-12))


@pytest.mark.parametrize("frequency", [200, 1000, 2000, 3300])
def test_speech_passes_down_to_8_khz(frequency: int) -> None:
    down = to_8k_from_24k(tone(frequency, 24000))
    assert len(down) == 8000
    assert down[200:-200] == pytest.approx(tone(frequency, 8000)[200:-200], abs=0.005)


@pytest.mark.parametrize("frequency", [4200, 5000, 7000, 8000, 11000])
def test_what_would_alias_is_60_db_down(frequency: int) -> None:
    assert level(to_8k_from_24k(tone(frequency, 24000))) < -60


@pytest.mark.parametrize("frequency", [200, 1000, 3000])
def test_up_to_16_khz(frequency: int) -> None:
    up = to_16k_from_8k(tone(frequency, 8000))
    assert up[200:-200] == pytest.approx(tone(frequency, 16000)[200:-200], abs=0.003)


@given(st.integers(0, 2000))
@settings(max_examples=30, deadline=None)
def test_lengths(count: int) -> None:
    samples = np.zeros(count, np.float32)
    assert len(to_8k_from_24k(samples)) == -(-count // 3)
    assert len(to_16k_from_8k(samples)) == 2 * count


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_live_pieces_have_no_seams(sizes: list[int]) -> None:
    pcm = (tone(700, 8000) * 20000).astype("<i2").tobytes()
    whole = LiveUpsampler().push(pcm)
    live, pieces, at = LiveUpsampler(), [], 0
    for size in sizes:
        pieces.append(live.push(pcm[at : at + 2 * size]))
        at += 2 * size
    joined = np.concatenate(pieces)
    assert np.array_equal(joined, whole[: len(joined)])


def test_live_keeps_the_loudest_sound_in_range() -> None:
    square = (np.sign(tone(1000, 8000)) * 32767).astype("<i2").tobytes()
    up = LiveUpsampler().push(square).astype(np.int32)
    assert len(up) == 16000
    assert up.max() == 32767
    # A wrapped sample would jump by the whole range within what should be a plateau.
    assert np.abs(np.diff(up)).max() <= 65535
