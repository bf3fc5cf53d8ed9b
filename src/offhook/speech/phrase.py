"""One phrase of the caller, cut into pieces while it is being said if it gets long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_BYTES

Piece = bytes

# Ten seconds take the transcriber more than twice as long as five, but a cut without a pause costs words.
_SOFT_FRAMES = 300  # 6 s: from here on a pause is taken as a place to cut
_HARD_FRAMES = 600  # 12 s: here it is cut at the quietest place of the last four seconds
_SEARCH_FRAMES = 200
_PAUSE_FRAMES = 8  # 160 ms
_QUIET_WINDOW = 5
_QUIET_SHARE = 0.12  # of the phrase's mean level


class Phrase:
    """Collects frames (320 bytes); the cost of one is an append until the phrase is 6 s long."""

    __slots__ = ("_frames", "_quiet", "_threshold")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._quiet = 0
        self._threshold: float | None = None

    def add(self, frame: bytes) -> Piece | None:
        """A piece to transcribe now, if this frame completes one."""
        self._frames.append(frame)
        count = len(self._frames)
        if count < _SOFT_FRAMES:
            return None
        if self._threshold is None:
            self._threshold = float(_levels(self._frames).mean()) * _QUIET_SHARE
        level = float(_levels([frame])[0])
        self._quiet = self._quiet + 1 if level <= self._threshold else 0
        if self._quiet >= _PAUSE_FRAMES:
            return self._cut(count - _PAUSE_FRAMES // 2)
        if count >= _HARD_FRAMES:
            return self._cut(self._quietest())
        return None

    def end(self) -> Piece:
        """What has not been given yet."""
        return b"".join(self._frames)

    def _cut(self, at: int) -> Piece:
        piece = b"".join(self._frames[:at])
        del self._frames[:at]
        self._quiet = 0
        self._threshold = None
        return piece

    def _quietest(self) -> int:
        levels = _levels(self._frames[-_SEARCH_FRAMES:])
        smooth = np.convolve(levels, np.ones(_QUIET_WINDOW), "valid")
        return len(self._frames) - len(levels) + int(smooth.argmin()) + _QUIET_WINDOW // 2


def _levels(frames: list[bytes]) -> NDArray[np.float32]:
    """Mean amplitude of each frame."""
    samples = np.frombuffer(b"".join(frames), "<i2").reshape(len(frames), FRAME_BYTES // 2)
    levels: NDArray[np.float32] = np.abs(samples.astype(np.float32)).mean(axis=1)
    return levels
