"""Outlives a test run that is killed, and ends what the run had started.

A program of its own: each line of its input is a process group, as a negative number once it has ended. The
end of the input is the end of the run, however it came about."""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    alive: set[int] = set()
    for line in sys.stdin:
        group = int(line)
        if group > 0:
            alive.add(group)
        else:
            alive.discard(-group)
    for group in alive:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
