"""Packet loss concealment for one leg, after the idea of ITU-T G.711 Appendix I: go on with the last pitch
period, ever quieter, until there is silence; blend the first good frame in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, SILENCE

_INT16 = np.dtype("<i2")
_SHORTEST_PERIOD = SAMPLE_RATE // 200
"""Samples: 200 Hz, as in Appendix I. A higher voice repeats two or three periods at once."""
_LONGEST_PERIOD = SAMPLE_RATE * 3 // 200
"""Samples: 66 Hz."""
_COMPARED = FRAME_SAMPLES
"""Samples over which a period is looked for."""
_JOINT = SAMPLE_RATE // 400
"""Samples (2.5 ms) over which the end of the period is blended into its beginning."""
_BLEND = SAMPLE_RATE // 250
"""Samples (4 ms) over which the first good frame takes over."""
_FULL = SAMPLE_RATE // 100
"""Samples (10 ms) at full loudness; then it fades to nothing at the end of `_FADED`."""
_FADED = 3 * FRAME_SAMPLES
"""Samples (60 ms) after which only silence is given."""

_RISING = (np.arange(_JOINT, dtype=np.float32) + 0.5) / _JOINT
_TAKING_OVER = (np.arange(_BLEND, dtype=np.float32) + 0.5) / _BLEND
_GAIN = np.minimum(1.0, np.linspace(_FADED / (_FADED - _FULL), 0.0, _FADED, dtype=np.float32))


class Concealer:
    """Feed every frame that is played to `heard`; ask `conceal` for one where a frame is missing.

    While nothing is lost a frame costs two attribute writes; all the arithmetic happens at a loss."""

    __slots__ = ("_before", "_last", "_made", "_period")

    def __init__(self) -> None:
        self._last = SILENCE
        self._before = SILENCE
        self._period: NDArray[np.float32] | None = None
        self._made = 0

    def heard(self, frame: bytes) -> bytes:
        """Take a good frame and return what is to be played: the frame itself, or its
        beginning blended with the concealment that it ends."""
        if self._made:
            frame = self._blended(frame)
        self._before = self._last
        self._last = frame
        return frame

    def conceal(self) -> bytes:
        """One frame in the place of a lost one."""
        if self._made >= _FADED:
            return SILENCE
        if self._period is None:
            if self._last is SILENCE:
                return SILENCE
            self._period = _last_period(self._before + self._last)
        made = self._made
        self._made += FRAME_SAMPLES
        return _pcm(self._continued(made, FRAME_SAMPLES))

    def silent(self) -> bytes:
        """One frame of silence, where the peer sent nothing because there was nothing: forgets the past."""
        self._last = self._before = SILENCE
        self._period = None
        self._made = 0
        return SILENCE

    def _continued(self, start: int, count: int) -> NDArray[np.float32]:
        """`count` samples of the fading repetition, from sample `start` of it on."""
        period = self._period
        assert period is not None
        at = np.arange(start, start + count)
        samples: NDArray[np.float32] = period[at % len(period)] * _GAIN.take(at, mode="clip")
        return samples

    def _blended(self, frame: bytes) -> bytes:
        start = min(self._made, _FADED)
        samples = np.frombuffer(frame, _INT16).astype(np.float32)
        samples[:_BLEND] *= _TAKING_OVER
        samples[:_BLEND] += self._continued(start, _BLEND) * (1.0 - _TAKING_OVER)
        self._period = None
        self._made = 0
        return _pcm(samples)


def _pcm(samples: NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype(_INT16).tobytes()


def _last_period(history: bytes) -> NDArray[np.float32]:
    """The last pitch period of two frames of history, made so that its end runs into its beginning."""
    assert len(history) == 2 * FRAME_BYTES
    samples = np.frombuffer(history, _INT16).astype(np.float32)
    lag = _pitch(samples)
    period = samples[-lag:].copy()
    # What came just before the period leads into its beginning: let the period end with it.
    before = samples[-lag - _JOINT : -lag]
    period[-_JOINT:] = period[-_JOINT:] * (1.0 - _RISING) + before * _RISING
    return period


def _pitch(samples: NDArray[np.float32]) -> int:
    """The lag in samples at which the newest samples are most like the ones before (normalised
    cross-correlation)."""
    newest = samples[-_COMPARED:]
    earlier = samples[-_COMPARED - _LONGEST_PERIOD : -_SHORTEST_PERIOD]
    windows = np.lib.stride_tricks.sliding_window_view(earlier, _COMPARED)
    energy = np.einsum("ij,ij->i", windows, windows)
    likeness = (windows @ newest) / np.sqrt(np.maximum(energy, 1.0))
    # windows[0] begins _LONGEST_PERIOD before the newest ones.
    return _LONGEST_PERIOD - int(np.argmax(likeness))
