"""Where the keys of a leg go that is being transferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.calls.pressed_keys import KeySink

_LONGEST: Final = 6000
_SHORTEST: Final = 40


class Ignored:
    """Drops keys: nobody is there who could use them."""

    def digit(self, digit: str, milliseconds: int) -> None: ...


IGNORED: Final[KeySink] = Ignored()


class Passed:
    """Passes keys on as keys: G.711 on the other leg would distort their tones."""

    def __init__(self, press: Callable[[str, int], None]) -> None:
        """`press` sends a key, with its length in milliseconds, on the other leg."""
        self._press = press

    def digit(self, digit: str, milliseconds: int) -> None:
        self._press(digit, min(max(milliseconds, _SHORTEST), _LONGEST))
