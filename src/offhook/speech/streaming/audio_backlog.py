"""A caller's sound on its way to a transcriber that lives elsewhere."""

from __future__ import annotations

from collections import deque
from typing import Final

MOST_FRAMES: Final = 250
"""Five seconds: of what waits, and of what may have to be sent again."""


class AudioBacklog:
    """Frames in the order in which they were heard, numbered from 0. Those that were sent are kept until the
    transcriber has answered for them, so that another connection can be given them again; what is too old is
    left out."""

    __slots__ = ("_next", "_sent", "_waiting", "dropped")

    def __init__(self) -> None:
        self._sent: deque[bytes] = deque(maxlen=MOST_FRAMES)
        self._waiting: deque[bytes] = deque()
        self._next = 0  # the number of the first that waits
        self.dropped = 0
        """Frames that were never sent."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def next(self) -> int:
        """The number of the frame that is taken next."""
        return self._next

    def push(self, frame: bytes) -> None:
        self._waiting.append(frame)
        self._limit()

    def take(self, most: int) -> list[bytes]:
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._sent.extend(taken)
        self._next += len(taken)
        return taken

    def settle(self, before: int | None = None) -> None:
        """The frames before this number, or all that were sent, need not be sent again."""
        keep = 0 if before is None else max(self._next - before, 0)
        while len(self._sent) > keep:
            self._sent.popleft()

    def rewind(self) -> None:
        """What was sent and not settled is to be sent again."""
        self._next -= len(self._sent)
        self._waiting.extendleft(reversed(self._sent))
        self._sent.clear()
        self._limit()

    def _limit(self) -> None:
        while len(self._waiting) > MOST_FRAMES:
            self._waiting.popleft()
            self._next += 1
            self.dropped += 1
