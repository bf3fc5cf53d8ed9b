"""From one rate to another, frame by frame without seams."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_SECONDS

_HALF = 16
"""Crossings of zero of the filter on each side, at the lower of the two rates: 2 ms of delay at 8 kHz."""
_PASSED = 0.92
"""Of the lower rate's band that is kept; the rest is the filter's slope."""
_BETA = 7.0


class RateConverter:
    """Takes 20 ms of s16le mono at one rate, gives as much at another. Both are multiples of 50 Hz.

    A frame always has as many samples as the one before, so that each output sample is the same sum of input
    samples each time: the whole of it is one product with a matrix."""

    __slots__ = ("_history", "_matrix", "_octets")

    def __init__(self, given: int, wanted: int) -> None:
        self._matrix = _matrix(given, wanted)
        samples = round(given * FRAME_SECONDS)
        self._octets = 2 * samples
        self._history = np.zeros(self._matrix.shape[1] - samples, np.float32)

    def convert(self, pcm: bytes) -> bytes:
        """Raises ValueError for anything but 20 ms."""
        if len(pcm) != self._octets:
            raise ValueError(f"20 ms have {self._octets} bytes, not {len(pcm)}")
        samples = np.concatenate([self._history, np.frombuffer(pcm, "<i2").astype(np.float32)])
        self._history = samples[len(samples) - len(self._history) :]
        made = self._matrix @ samples
        return bytes(np.clip(np.rint(made), -32768, 32767).astype("<i2").tobytes())


@lru_cache(maxsize=16)
def _matrix(given: int, wanted: int) -> NDArray[np.float32]:
    """A windowed sinc around each output sample, over what came before and the frame itself."""
    samples, made = round(given * FRAME_SECONDS), round(wanted * FRAME_SECONDS)
    if (samples, made) != (given * FRAME_SECONDS, wanted * FRAME_SECONDS):
        raise ValueError(f"{given} and {wanted} Hz do not both have whole samples in 20 ms")
    lower = min(given, wanted)
    half = _HALF * given / lower  # input samples on each side
    before = 2 * int(np.ceil(half))
    # Output sample m lies at the input sample m * given / wanted, `half` samples late.
    centres = np.arange(made) * given / wanted - half + before
    distance = np.arange(before + samples)[None, :] - centres[:, None]
    cutoff = _PASSED * lower / given
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None))) / np.i0(_BETA)
    taps = np.where(np.abs(distance) <= half, np.sinc(cutoff * distance) * window, 0.0)
    matrix: NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix
