"""Between the 8 kHz of the telephone and the rates of engines, with proper low-pass filters.

Windowed-sinc filters (Kaiser window), evaluated in their polyphase form: no output is computed that is then
thrown away, and no zero is multiplied.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_TAPS_TO_8K = 177
_CUTOFF_HZ = 3700.0
_TAPS_TO_16K = 32
_TAPS_LIVE = 12


@functools.cache
def _low_pass(taps: int, cutoff: float, beta: float) -> Samples:
    """`cutoff` in cycles per sample; gain 1 at 0 Hz."""
    n = np.arange(taps) - (taps - 1) / 2
    filtered = 2 * cutoff * np.sinc(2 * cutoff * n) * np.kaiser(taps, beta)
    normalised: Samples = (filtered / filtered.sum()).astype(np.float32)
    return normalised


def to_8k_from_24k(samples: Samples) -> Samples:
    """24 kHz -> 8 kHz. Flat to 3.3 kHz, more than 60 dB down from 4.1 kHz; no delay; a third as long,
    rounded up."""
    if not len(samples):
        return samples
    half = _TAPS_TO_8K // 2
    length = -(-len(samples) // 3)
    padded = np.zeros(3 * length + _TAPS_TO_8K, np.float32)
    padded[half : half + len(samples)] = samples
    return _decimated(padded, length, 3)


def _decimated(padded: Samples, length: int, divide: int) -> Samples:
    """Every `divide`-th sample of what the filter makes, `length` of them."""
    taps = _low_pass(_taps(divide), _CUTOFF_HZ / (8000 * divide), 6.8)
    # y[m] = sum_k padded[3m + k] taps[k]; with k = 3j + p that is three plain convolutions, one a phase.
    # The filter is symmetric, so its reversal for np.convolve is per phase only.
    output = np.zeros(length, np.float32)
    for phase in range(divide):
        phase_taps = taps[phase::divide]
        phase_samples = padded[phase::divide][: length + len(phase_taps) - 1]
        output += np.convolve(phase_samples, phase_taps[::-1], "valid")
    return output


def _taps(divide: int) -> int:
    """Of the filter from so many times 8 kHz: as long in time, and odd."""
    return _TAPS_TO_8K // 3 * divide | 1


class LiveDownsampler:
    """24 kHz, or `divide` times 8, -> 8 kHz, piece by piece without seams, by the same filter; the last 4 ms
    stay inside."""

    __slots__ = ("_divide", "_held", "_samples", "_taps")

    def __init__(self, divide: int = 3) -> None:
        self._divide, self._taps = divide, _taps(divide)
        self._held = b""  # half a sample
        self._samples = np.zeros(self._taps // 2, np.float32)

    def feed(self, data: bytes) -> bytes:
        """s16le mono at the higher rate in, in any pieces; s16le at 8 kHz out."""
        data = self._held + data
        whole = len(data) & ~1
        self._held = data[whole:]
        new = np.frombuffer(data[:whole], "<i2").astype(np.float32)
        samples = np.concatenate([self._samples, new])
        divide, taps = self._divide, self._taps
        count = max((len(samples) - taps) // divide + 1, 0)
        self._samples = samples[divide * count :]
        if not count:
            return b""
        output = _decimated(samples[: divide * (count - 1) + taps], count, divide)
        np.rint(output, out=output)
        np.clip(output, -32768, 32767, out=output)
        return bytes(output.astype("<i2").tobytes())


@functools.cache
def _half_band(taps: int, beta: float) -> Samples:
    """The taps that make the samples between the samples; the others pass unchanged."""
    n = np.arange(taps) - (taps - 1) / 2
    filtered = np.sinc(n) * np.kaiser(taps, beta)
    normalised: Samples = (filtered / filtered.sum()).astype(np.float32)
    return normalised


def to_16k_from_8k(samples: Samples) -> Samples:
    """8 kHz -> 16 kHz, twice as long, no delay."""
    if not len(samples):
        return samples
    half = _TAPS_TO_16K // 2
    padded = np.concatenate([np.zeros(half - 1, np.float32), samples, np.zeros(half, np.float32)])
    output = np.empty(2 * len(samples), np.float32)
    output[::2] = samples
    output[1::2] = np.convolve(padded, _half_band(_TAPS_TO_16K, 6.0), "valid")
    return output


class LiveUpsampler:
    """8 kHz -> 16 kHz, piece by piece without seams; 0.75 ms late. One per channel."""

    __slots__ = ("_history",)

    def __init__(self) -> None:
        self._history = np.zeros(_TAPS_LIVE - 1, np.float32)

    def push(self, pcm: bytes) -> NDArray[np.int16]:
        """s16le mono 8 kHz in, twice as many samples at 16 kHz out."""
        samples = np.concatenate([self._history, np.frombuffer(pcm, "<i2").astype(np.float32)])
        self._history = samples[len(samples) - (_TAPS_LIVE - 1) :]
        count = len(pcm) // 2
        half = _TAPS_LIVE // 2
        between = np.convolve(samples, _half_band(_TAPS_LIVE, 5.0), "valid")
        np.rint(between, out=between)
        np.clip(between, -32768, 32767, out=between)
        output = np.empty(2 * count, np.int16)
        output[::2] = samples[half - 1 : half - 1 + count]
        output[1::2] = between
        return output


class LiveStereo:
    """Two channels of 8 kHz -> both at 16 kHz, interleaved."""

    __slots__ = ("_left", "_right")

    def __init__(self) -> None:
        self._left, self._right = LiveUpsampler(), LiveUpsampler()

    def push(self, left: bytes, right: bytes) -> bytes:
        """s16le each, of one length."""
        both = np.column_stack([self._left.push(left), self._right.push(right)])
        return bytes(both.tobytes())
