"""How one caller pauses in the middle of a turn, learnt in the call."""

from __future__ import annotations

from collections import deque
from typing import Final

from offhook.conversation.turns.endpointing import Ending

KEPT: Final = 6
"""So many of the last pauses count."""
MARGIN: Final = 1.4
"""The next pause may be so much longer than one that was heard."""
MOST_SECONDS: Final = 3.0
MOST_BEHIND_WHOLE: Final = 1.2
"""However often a caller goes on behind what sounds whole, an answer does not take longer."""


class CallerRhythm:
    """`paused` after each pause that was none at the end of a turn."""

    __slots__ = ("_behind_whole", "_within")

    def __init__(self) -> None:
        self._within: deque[float] = deque(maxlen=KEPT)
        self._behind_whole: deque[float] = deque(maxlen=KEPT)

    def paused(self, seconds: float, ending: Ending) -> None:
        """`ending`: of what had been said before."""
        (self._behind_whole if ending is Ending.WHOLE else self._within).append(seconds)

    def wait(self, ending: Ending, seconds: float) -> float:
        """`seconds`, the usual wait behind such an ending, for this caller."""
        if ending is Ending.WHOLE:
            # Once is chance.
            again = sorted(self._behind_whole)[len(self._behind_whole) // 2] if self._behind_whole else 0.0
            return (
                max(seconds, min(again * MARGIN, MOST_BEHIND_WHOLE))
                if len(self._behind_whole) > 1
                else seconds
            )
        if ending is Ending.NUMBER:
            return seconds
        return max(seconds, min(max(self._within, default=0.0) * MARGIN, MOST_SECONDS))
