"""From one rate to another: the same sound, without seams, as long as before."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.rtp.rate_converter import RateConverter

FRAMES = 20


def tone(rate: int, hertz: float = 440.0) -> list[bytes]:
    """Frames of 20 ms at half of full scale."""
    samples = 16384 * np.sin(2 * np.pi * hertz * np.arange(FRAMES * rate // 50) / rate)
    return [part.astype("<i2").tobytes() for part in np.split(samples, FRAMES)]


@pytest.mark.parametrize(
    ("given", "wanted"), [(8000, 16000), (16000, 8000), (48000, 8000), (8000, 44100), (44100, 8000)]
)
def test_a_tone_stays_what_it_is(given: int, wanted: int) -> None:
    converter = RateConverter(given, wanted)
    made = [converter.convert(frame) for frame in tone(given)]

    assert {len(frame) for frame in made} == {wanted // 25}
    heard = np.frombuffer(b"".join(made[2:]), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    loudest = np.argmax(spectrum) * wanted / len(heard)
    assert abs(loudest - 440) < wanted / len(heard)
    assert 15800 < np.abs(heard).max() < 17000
    # A seam would be a step that a tone of this height and loudness does not make.
    assert np.abs(np.diff(heard)).max() < 1.1 * 16384 * 2 * np.pi * 440 / wanted


def test_what_the_lower_rate_cannot_carry_is_not_folded_into_it() -> None:
    converter = RateConverter(16000, 8000)
    made = b"".join([converter.convert(frame) for frame in tone(16000, 6000.0)][2:])

    assert np.abs(np.frombuffer(made, "<i2")).max() < 200


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="20 ms have 640 bytes, not 320"):
        RateConverter(16000, 8000).convert(bytes(320))


def test_rates_without_whole_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="whole samples"):
        RateConverter(11025, 8000)
