"""Is what is heard an echo of what was said, and by which way did it come?

Least squares over a stretch of both: the delay by their cross-correlation, whitened, then the taps of the way
that explain the first part of what was heard best. What they say of the rest, which they have not seen, tells
an echo from a voice that happens to have the same pitch."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

MOST_DELAY: Final = 4800
"""Samples, 0.6 s: what the way through the network, the phone's buffers and the room take at most."""
HEARD_SAMPLES: Final = 2048
"""The most of what was heard that is looked at."""
LEAST_SAMPLES: Final = 800
"""With less nothing can be told."""
TAPS: Final = 96
LEAD: Final = 24
"""So many taps lie before the strongest one."""
_UNSEEN: Final = 320
_PEAK: Final = 6.0
"""So many times the spread of all delays' correlations has the one of an echo."""
_HALF: Final = 4096
_APART: Final = np.abs(np.subtract.outer(np.arange(TAPS), np.arange(TAPS)))


class EchoPath(NamedTuple):
    """`delay`: samples from what was said to the first of `taps`. `explained`: the share of what was heard
    that it makes out of what was said."""

    delay: int
    taps: Samples
    explained: float


def find_path(said: Samples, heard: Samples) -> EchoPath | None:
    """`heard`: LEAST_SAMPLES to HEARD_SAMPLES. `said`: what was said up to the same moment, MOST_DELAY more.
    None if nothing of it seems to be in what was heard."""
    delay = _delay(said, heard)
    if delay is None:
        return None
    delay = max(delay - LEAD, 0)
    count = len(heard)
    known = count - _UNSEEN
    begin = MOST_DELAY - delay  # of what was said, for the first of what was heard
    source = said[max(begin - TAPS, 0) : begin + count]
    source = np.pad(source, (count + TAPS - len(source), 0))
    taps = _fitted(source[: TAPS + known], heard[:known])
    echo = np.convolve(source[known:], taps)[TAPS : TAPS + _UNSEEN]
    rest = heard[known:]
    power = float(rest @ rest)
    error = rest - echo
    explained = 1.0 - float(error @ error) / power if power > 0 else 0.0
    return EchoPath(delay, taps, explained)


def _delay(said: Samples, heard: Samples) -> int | None:
    """Of the strongest correlation, with both spectra made flat (GCC-PHAT), at half the rate."""
    cross = np.fft.rfft(_halved(heard), _HALF) * np.conj(np.fft.rfft(_halved(said), _HALF))
    strength = np.abs(cross)
    cross /= strength + 1e-3 * strength.max() + 1e-9
    found = np.abs(np.fft.irfft(cross, _HALF))
    # What was heard first was said at MOST_DELAY - delay.
    lags = np.concatenate([found[-MOST_DELAY // 2 :], found[:1]])
    best = int(lags.argmax())
    if lags[best] < _PEAK * float(lags.std()):
        return None
    return 2 * best


def _size(samples: int) -> int:
    """The next power of two: nothing comes round to where it is looked for."""
    return 1 << (samples - 1).bit_length()


def _halved(samples: Samples) -> Samples:
    even = samples[: len(samples) // 2 * 2]
    halved: Samples = even[::2] + even[1::2]
    return halved


def _fitted(source: Samples, heard: Samples) -> Samples:
    """The taps by which `heard` follows best out of `source`, which begins TAPS samples earlier."""
    size = _size(len(source) + TAPS)
    spectrum = np.fft.rfft(source, size)
    auto = np.fft.irfft(np.abs(spectrum) ** 2, size)[:TAPS]
    cross = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(spectrum), size)
    wanted = cross[np.arange(TAPS) - TAPS]
    auto[0] += 0.01 * auto[0] + 1.0
    taps: Samples = np.linalg.solve(auto[_APART], wanted)
    return taps
