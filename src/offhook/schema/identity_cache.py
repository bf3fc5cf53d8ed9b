"""What is worked out from documents that never change, once per document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

MOST: Final = 64


class IdentityCache(Generic[A, B]):
    """Calls `make` once for each object, and gives the same result when asked about that very object again;
    an equal one is another. At most `MOST` are remembered."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[A], B]) -> None:
        self._make = make
        self._made: dict[int, tuple[A, B]] = {}

    def __call__(self, thing: A) -> B:
        found = self._made.get(id(thing))
        if found is not None:
            return found[1]
        made = self._make(thing)
        if len(self._made) >= MOST:
            self._made.clear()
        # The thing is kept too: its id stays its own so long.
        self._made[id(thing)] = (thing, made)
        return made
