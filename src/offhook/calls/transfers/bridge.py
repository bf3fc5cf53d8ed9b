"""Two legs joined: what one hears, the other says.

The clock ticks one leg after the other. What the first has heard the second says in the same tick; the way
back costs one tick, 20 ms. Each way holds one frame at most, so no delay can pile up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Press = Callable[[str, int], None]
"""Send a key (with its milliseconds) on a leg."""

_LONGEST: Final = 6000
_SHORTEST: Final = 40


class Side:
    """One leg's end of the bridge, its source and sink."""

    __slots__ = ("_heard", "_press", "other")

    other: Side

    def __init__(self, press: Press) -> None:
        self._heard: bytes | None = None
        self._press = press

    def next_frame(self) -> bytes | None:
        other = self.other
        frame, other._heard = other._heard, None
        return frame

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self._heard = heard

    def digit(self, digit: str, milliseconds: int) -> None:
        """Keys are passed on as keys: G.711 of the other codec would smear their tones."""
        self.other._press(digit, min(max(milliseconds, _SHORTEST), _LONGEST))


def join(press_first: Press, press_second: Press) -> tuple[Side, Side]:
    """The two sides; `press_first` sends keys on the leg that gets the first."""
    first, second = Side(press_first), Side(press_second)
    first.other, second.other = second, first
    return first, second
