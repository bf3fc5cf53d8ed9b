"""The echo of what was said taken out of what was heard, for all legs in one go at each tick.

A leg costs nothing while nothing is said to it, next to nothing while it is silent as something is said, and
gets a filter only once an echo was found on it. What is heard of one without stays as it was, bit for bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_SAMPLES
from offhook.media.echo.ear import Deliver, EchoEar
from offhook.media.echo.filters import EchoFilters
from offhook.media.echo.path import Samples

LOOKS: Final = 2
"""In one tick; a look for an echo takes about half a millisecond."""
_NOISE_SAMPLES: Final = 16381
_NOISE_STEP: Final = 1009
"""Where the next frame of noise begins: it is long until one begins there again."""
WRONG: Final = 2.0
"""So many times as strong as what was heard, what is left is what the filter has added."""
_RISE: Final = np.linspace(0, 1, FRAME_SAMPLES, dtype=np.float32)


class EchoCanceller:
    """`open` an ear for each talk; `run` after all legs at each tick, before voices are judged."""

    def __init__(self) -> None:
        self._filters = EchoFilters()
        self._due: list[EchoEar] = []
        self._noise = np.random.default_rng(1).standard_normal(_NOISE_SAMPLES + FRAME_SAMPLES, np.float32)
        self._at = 0
        self._looking: deque[EchoEar] = deque()

    def open(self, deliver: Deliver) -> EchoEar:
        """`deliver` gets what is heard without the echo, what of it may be a voice, and what was said."""
        return EchoEar(self._filters, deliver, self._due.append, self._looking.append)

    def run(self) -> None:
        due, self._due[:] = self._due[:], ()
        if not due:
            return
        filtered = [ear for ear in due if ear.row is not None]
        plain = [ear for ear in due if ear.row is None]
        if plain:
            powers = _power(_samples([ear.heard for ear in plain])).tolist()
            for ear, power in zip(plain, powers, strict=True):
                ear.listen(power)
        if filtered:
            self._filter(filtered)
        for _ in range(min(LOOKS, len(self._looking))):
            self._looking.popleft().look()
        for ear in due:
            ear.tell()

    def _filter(self, ears: list[EchoEar]) -> None:
        said = _samples([ear.delayed for ear in ears])
        heard = _samples([ear.heard for ear in ears])
        left, echo = self._filters.run([ear.row for ear in ears if ear.row is not None], said, heard)
        strength = _power(left)
        wrong = strength > WRONG * _power(heard)
        if wrong.any():  # no echo comes any more: the handset is up, the phone or the line gives silence
            left[wrong] = heard[wrong]
            strength = _power(left)
        powers = zip(strength.tolist(), _power(echo).tolist(), strict=True)
        gains = np.array([ear.weigh(*power) for ear, power in zip(ears, powers, strict=True)], np.float32)
        factors = gains[:, :1] + (gains[:, 1:2] - gains[:, :1]) * _RISE
        left *= factors
        left += (1 - factors) * gains[:, 2:] * self._noise[self._at : self._at + FRAME_SAMPLES]
        self._at = (self._at + _NOISE_STEP) % _NOISE_SAMPLES
        np.clip(left, -32768, 32767, out=left)
        clean = left.astype("<i2")
        for ear, frame in zip(ears, clean, strict=True):
            ear.heard_as(frame.tobytes())


def _samples(frames: Sequence[bytes]) -> Samples:
    return np.frombuffer(b"".join(frames), "<i2").astype(np.float32).reshape(-1, FRAME_SAMPLES)


def _power(frames: Samples) -> NDArray[np.float32]:
    """Mean square of each, but for what is constant in it."""
    mean = frames.mean(axis=1)
    power: NDArray[np.float32] = np.einsum("ij,ij->i", frames, frames) / FRAME_SAMPLES - mean * mean
    return power
