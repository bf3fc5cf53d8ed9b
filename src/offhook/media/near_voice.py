"""Whose voice is it? The caller's is near; a television's, or somebody's behind them, is much softer.

No level is too soft by itself. How loud the caller is is learnt from what they say, anew from each of their
speeches. A voice far below that is another's while it goes on where the caller has just ended, while the
assistant speaks, or once such a voice is known; one that begins after a silence is the caller's own, who
speaks softly now."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import numpy as np

from offhook.speech.gate import STOP_PROBABILITY, WINDOW_SECONDS

FAR: Final = 14.0
"""dB below the loudest of the caller's speech."""
UNSURE: Final = 3.0
"""dB more, as long as it is not known that there is such a voice..."""
UNSURE_WINDOWS: Final = 8
"""... and so long what is softer is the end of the caller's own word."""
UNKNOWN: Final = -19.0
"""dBov, taken for the caller's level over the assistant until they have said something."""
KNOWN_SECONDS: Final = 0.7
"""Of a far voice, after which it is known that there is one."""
FORGOTTEN_SECONDS: Final = 2.0
"""Without any voice, after which it is not known any more."""
REST_SECONDS: Final = 0.6
"""Without any voice, after which the next one begins anew."""
FALLS: Final = 1.0 * WINDOW_SECONDS
"""dB for each window by which the loudest of a speech is forgotten."""
ABOVE_FAR: Final = 8.0
"""dB above a far voice, a caller of whom nothing is known yet is near; FAR, one who was louder before."""
RISES: Final = 1.0
"""dB for each window by which a far voice that is known becomes louder at most: the first sounds of a caller
who has become softer are not its own."""
HUSHED: Final = 0.05
"""What is heard of a far voice while the caller does not speak."""
_LEVEL_FRAMES: Final = 4
_FULL_SCALE: Final = 32768.0**2


class NearVoice:
    """One talk's. `weigh` each window of voice activity, `heed` each frame."""

    __slots__ = ("_begun_anew", "_far", "_far_loudest", "_loudest", "_near", "_recent", "_rest", "_softer")

    def __init__(self) -> None:
        self._near: float | None = None  # dBov of the caller's speech at its loudest
        self._loudest = -math.inf  # of the speech that goes on
        self._far = 0.0  # seconds of a far voice
        self._far_loudest = -math.inf  # dBov
        self._rest = math.inf  # seconds without any voice
        self._softer = 0  # windows in a row that are far below it
        self._begun_anew = True  # what is heard began after a silence
        self._recent: deque[bytes] = deque(maxlen=_LEVEL_FRAMES)

    @property
    def far_known(self) -> bool:
        return self._far >= KNOWN_SECONDS

    def heed(self, frame: bytes, speaking: bool) -> bytes:
        """The next 20 ms, as they are to be heard. `speaking`: the caller does."""
        self._recent.append(frame)
        if speaking or not self.far_known or _level((frame,)) >= self._least():
            return frame
        return (np.frombuffer(frame, "<i2") * np.float32(HUSHED)).astype("<i2").tobytes()

    def weigh(self, probability: float, speaking: bool, over: bool) -> float:
        """How likely it is that these 32 ms are the caller's voice, if they are one with that probability.
        `over`: the assistant is heard."""
        if probability < STOP_PROBABILITY:
            self._be_still(speaking)
            return probability
        if self._rest:
            self._begun_anew = self._begun_anew or self._rest >= REST_SECONDS
            self._rest = 0.0
        level = _level(self._recent)
        if level == -math.inf:
            return probability
        if speaking:
            return probability if self._goes_on(level) else 0.0
        self._learn()
        doubted = over or self.far_known or not self._begun_anew
        if not doubted or level >= self._least():
            return probability
        if self.far_known and self._near is not None:
            level = min(level, self._far_loudest + RISES)
        self._far_loudest = max(level, self._far_loudest - FALLS)
        self._far = min(self._far + WINDOW_SECONDS, 2 * KNOWN_SECONDS)
        return 0.0

    def _goes_on(self, level: float) -> bool:
        """Is it still who began the speech?"""
        self._loudest = max(level, self._loudest - FALLS)
        self._softer = self._softer + 1 if level < self._loudest - FAR else 0
        return self._softer <= (0 if self.far_known else UNSURE_WINDOWS)

    def _least(self) -> float:
        """dBov, of a voice that need not be doubted."""
        if not self.far_known:
            return UNKNOWN - FAR if self._near is None else self._near - FAR - UNSURE
        if self._near is None:
            return min(UNKNOWN - FAR, self._far_loudest + ABOVE_FAR)
        return min(self._near - FAR, self._far_loudest + FAR)

    def _be_still(self, speaking: bool) -> None:
        self._rest += WINDOW_SECONDS
        if not speaking:
            self._learn()
        if self._rest >= FORGOTTEN_SECONDS:
            self._far, self._far_loudest = 0.0, -math.inf

    def _learn(self) -> None:
        """From the speech that is over."""
        if self._loudest > -math.inf:
            near = self._loudest if self._near is None else (self._near + self._loudest) / 2
            self._near, self._loudest, self._begun_anew = near, -math.inf, False


def _level(frames: deque[bytes] | tuple[bytes]) -> float:
    """dBov; that of silence has no bounds."""
    samples = np.frombuffer(b"".join(frames), "<i2").astype(np.float32)
    power = float(samples @ samples)
    return 10 * math.log10(power / len(samples) / _FULL_SCALE) if power else -math.inf
