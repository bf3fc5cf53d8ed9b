"""Who gets the keys of a leg that is being handed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.calls.pressed_keys import KeySink

_LONGEST: Final = 6000
_SHORTEST: Final = 40


class Ignored:
    """Nobody is there who could mean something by a key."""

    def digit(self, digit: str, milliseconds: int) -> None: ...


IGNORED: Final[KeySink] = Ignored()


class Passed:
    """Keys are passed on as keys: G.711 of the other codec would smear their tones."""

    def __init__(self, press: Callable[[str, int], None]) -> None:
        """`press` sends a key (with its milliseconds) on the other leg."""
        self._press = press

    def digit(self, digit: str, milliseconds: int) -> None:
        self._press(digit, min(max(milliseconds, _SHORTEST), _LONGEST))
