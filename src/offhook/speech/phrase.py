"""One phrase of the caller, cut into pieces while it is being said if it gets long."""

from __future__ import annotations

from array import array

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
            self._threshold = sum(map(_level, self._frames)) / count * _QUIET_SHARE
        self._quiet = self._quiet + 1 if _level(frame) <= self._threshold else 0
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
        levels = [_level(frame) for frame in self._frames[-_SEARCH_FRAMES:]]
        sums = [sum(levels[at : at + _QUIET_WINDOW]) for at in range(len(levels) - _QUIET_WINDOW + 1)]
        return len(self._frames) - len(levels) + sums.index(min(sums)) + _QUIET_WINDOW // 2


def _level(frame: bytes) -> float:
    """Mean amplitude."""
    samples = array("h", frame)
    return sum(map(abs, samples)) / len(samples)
