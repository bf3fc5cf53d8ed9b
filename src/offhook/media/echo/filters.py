"""Adaptive filters of all legs that have an echo, computed in one batch.

Each is a partitioned-block frequency-domain Kalman filter (G. Enzner and P. Vary, Signal Processing 86, 2006;
partitioned by F. Kuech, E. Mabande and G. Enzner, ICASSP 2014): the step of each bin follows from how
uncertain its weight is and how much of what is heard is not echo, so that it adapts within a few words and a
caller who speaks over it hardly moves it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_SAMPLES
from offhook.media.echo.path import Samples

PARTITIONS: Final = 5
"""Of 20 ms each: the room, from the first sound that comes back."""
_SIZE: Final = 2 * FRAME_SAMPLES
_BINS: Final = FRAME_SAMPLES + 1
_KEEPS: Final = np.float32(0.9985)
"""How much of a way is still the same after a frame (squared)."""
_SMOOTH: Final = np.float32(0.8)
_UNCERTAIN: Final = np.float32(0.3)
"""Of a way that has just been found, beside its own power."""
_QUIET: Final = np.float32(_SIZE * 16.0)
"""Least power of a bin: that of what G.711 makes of silence."""

Rows = list[int]


class EchoFilters:
    """`open` gives the row of a leg. `run` takes 20 ms of several."""

    def __init__(self, rows: int = 8) -> None:
        self._free = list(range(rows))
        self._weights = np.zeros((rows, PARTITIONS, _BINS), np.complex64)
        self._doubt = np.zeros((rows, PARTITIONS, _BINS), np.float32)
        self._source = np.zeros((rows, PARTITIONS, _BINS), np.complex64)
        self._before = np.zeros((rows, FRAME_SAMPLES), np.float32)
        self._rest = np.zeros((rows, _BINS), np.float32)
        self._constrained = 0

    def open(self) -> int:
        if not self._free:
            self._grow()
        return self._free.pop()

    def close(self, row: int) -> None:
        self._free.append(row)

    def begin(self, row: int, taps: Samples) -> None:
        """Go on from a way whose first taps are known."""
        weights = np.fft.rfft(taps, _SIZE)
        power = np.float32(np.mean(np.abs(weights) ** 2))
        self._weights[row] = 0
        self._weights[row, 0] = weights
        self._doubt[row] = (_UNCERTAIN * power) * np.geomspace(1, 0.1, PARTITIONS, dtype=np.float32)[:, None]
        self.rest(row)

    def rest(self, row: int) -> None:
        """Nothing was said for longer than the way is."""
        self._source[row] = 0
        self._before[row] = 0
        self._rest[row] = _QUIET

    def run(self, rows: Rows, said: Samples, heard: Samples) -> tuple[Samples, Samples]:
        """What is left of `heard`, and the echo that was in it; each one row of 160 samples for each of
        `rows`."""
        weights, doubt, source = self._weights[rows], self._doubt[rows], self._source[rows]
        source[:, 1:] = source[:, :-1]
        source[:, 0] = np.fft.rfft(np.concatenate([self._before[rows], said], axis=1))
        echo = np.fft.irfft((weights * source).sum(axis=1))[:, FRAME_SAMPLES:]
        left = heard - echo
        spectrum = np.fft.rfft(np.pad(left, ((0, 0), (FRAME_SAMPLES, 0))))
        power = source.real**2 + source.imag**2
        rest = self._rest[rows]
        now = spectrum.real**2 + spectrum.imag**2
        rest += (1 - _SMOOTH) * (now - rest)
        np.maximum(rest, _QUIET, out=rest)
        gain = doubt / ((power * doubt).sum(axis=1) + 2 * rest)[:, None]
        weights += gain * np.conj(source) * spectrum[:, None]
        self._constrain(weights)
        doubt *= 1 - 0.5 * gain * power
        doubt *= _KEEPS
        doubt += (1 - _KEEPS) * (weights.real**2 + weights.imag**2)
        self._weights[rows], self._doubt[rows], self._source[rows] = weights, doubt, source
        self._before[rows], self._rest[rows] = said, rest
        return left.astype(np.float32, copy=False), echo.astype(np.float32, copy=False)

    def _constrain(self, weights: NDArray[np.complex64]) -> None:
        """Taps beyond a partition's own are not its business; one partition in each tick."""
        at = self._constrained = (self._constrained + 1) % PARTITIONS
        taps = np.fft.irfft(weights[:, at])
        taps[:, FRAME_SAMPLES:] = 0
        weights[:, at] = np.fft.rfft(taps)

    def _grow(self) -> None:
        rows = len(self._rest)
        self._free.extend(range(rows, 2 * rows))
        for name in ("_weights", "_doubt", "_source", "_before", "_rest"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
