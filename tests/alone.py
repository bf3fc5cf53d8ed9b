"""Tests marked `alone` have the machine to themselves, in however many processes the others run."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

import pytest

HERE = Path(__file__)
ROOM, DOOR = HERE, HERE.with_name("conftest.py")
"""Two files that are there anyway: locked, never written, and the same for every run in this checkout."""


@contextlib.contextmanager
def locked(file: IO[str], how: int) -> Iterator[None]:
    """`how`: LOCK_SH or LOCK_EX. The lock of a process that dies is gone with it."""
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


class TakingTurns:
    """A plugin of each process that runs a part of the tests beside others."""

    def __init__(self, room: Path = ROOM, door: Path = DOOR) -> None:
        self._room, self._door = room.open(), door.open()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """With the setup, which may start the node of a module, and before its time begins to count."""
        with self.turn(alone=item.get_closest_marker("alone") is not None):
            return (yield)

    @contextlib.contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        with contextlib.ExitStack() as inside:
            # Who waits to be alone holds the door: it waits for tests that have begun, and for no others.
            with locked(self._door, fcntl.LOCK_EX):
                inside.enter_context(locked(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
            yield

    def pytest_unconfigure(self) -> None:
        self.close()

    def close(self) -> None:
        self._room.close()
        self._door.close()
