"""Who is alone is so, and waits for nobody who comes later."""

from __future__ import annotations

import contextlib
import fcntl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.machine import PATIENCE

from .alone import TakingTurns

MakeProcess = Callable[[], TakingTurns]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[MakeProcess]:
    """`process()`: what one of several processes has of the two locks."""
    room, door = tmp_path / "room", tmp_path / "door"
    room.touch()
    door.touch()
    with contextlib.ExitStack() as made:

        def make() -> TakingTurns:
            return made.enter_context(contextlib.closing(TakingTurns(room, door)))

        yield make


def is_free(file: Path, how: int) -> bool:
    with file.open() as opened:
        try:
            fcntl.flock(opened, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Turn(threading.Thread):
    """A test in another process: waits for its turn, and then until it is told to end."""

    def __init__(self, process: TakingTurns, *, alone: bool) -> None:
        super().__init__(daemon=True)
        self._process, self._alone = process, alone
        self.has_begun, self._told = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self._process.turn(alone=self._alone):
            self.has_begun.set()
            self._told.wait()

    def end(self) -> None:
        self._told.set()
        self.join()


def test_others_run_side_by_side(process: MakeProcess) -> None:
    with process().turn(alone=False), process().turn(alone=False):
        pass  # it would not get here


@pytest.mark.parametrize("alone", [True, False])
def test_nobody_begins_while_one_is_alone(alone: bool, process: MakeProcess, tmp_path: Path) -> None:
    first = Turn(process(), alone=True)
    assert first.has_begun.wait(PATIENCE)
    assert not is_free(tmp_path / "room", fcntl.LOCK_SH)

    second = Turn(process(), alone=alone)
    first.end()

    assert second.has_begun.wait(PATIENCE)
    second.end()


def test_one_who_will_be_alone_waits_for_those_that_have_begun_and_for_no_others(
    process: MakeProcess, tmp_path: Path
) -> None:
    begun = Turn(process(), alone=False)
    assert begun.has_begun.wait(PATIENCE)
    waiting = Turn(process(), alone=True)
    while is_free(tmp_path / "door", fcntl.LOCK_EX):
        pass
    later = Turn(process(), alone=False)
    assert not waiting.has_begun.is_set()
    assert not later.has_begun.is_set()

    begun.end()
    assert waiting.has_begun.wait(PATIENCE)
    assert not is_free(tmp_path / "room", fcntl.LOCK_SH)
    waiting.end()

    assert later.has_begun.wait(PATIENCE)
    later.end()
