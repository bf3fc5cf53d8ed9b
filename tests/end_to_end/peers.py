"""Programs that tests start: found or asked for by name, ended by their id."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.machine import PATIENCE

T = TypeVar("T")

AHEAD = -10
"""The niceness of what is started: sound has its time, and most tests beside it have none."""

LOOPBACK = "127.0.0.1"


def soon(what: Callable[[], T | None], seconds: float = PATIENCE, why: str = "it did not happen") -> T:
    """The first true thing that `what` returns. Fails with `why` after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, why
        time.sleep(0.03)


class Reaper:
    """See reaper.py. A session of its own, so that what ends the run by its group does not end it too."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("reaper.py"))],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        atexit.register(self._process.communicate)

    def started(self, group: int) -> None:
        self._tell(group)

    def left(self, group: int) -> None:
        self._tell(-group)

    def _tell(self, group: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{group}\n")
        self._process.stdin.flush()


@functools.cache
def reaper() -> Reaper:
    """The one of this run."""
    return Reaper()


class Peer:
    """A child process with its output in a file. Ended, by its id, with the block."""

    def __init__(self, *command: str, folder: Path, name: str, **environment: str) -> None:
        self.folder = folder
        self.output = folder / f"{name}.log"
        self._log = self.output.open("ab")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        reaper().started(self.process.pid)
        with contextlib.suppress(PermissionError):  # who is not root may not
            os.setpriority(os.PRIO_PROCESS, self.process.pid, AHEAD)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def text(self) -> str:
        """All it has written so far."""
        return self.output.read_text(errors="replace")

    def say(self, line: str) -> None:
        """A line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, seconds: float) -> int:
        """Its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {seconds} s:\n{self.text[-3000:]}") from None

    def kill(self) -> None:
        """As a crash does: without a word, and its children with it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        reaper().left(self.process.pid)
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self._log.close()

    def stop(self) -> None:
        """Politely first."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
        self.kill()
