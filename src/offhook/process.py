"""What a node asks of its process: files enough for its calls, no pauses for the garbage collector, and short
turns of its threads."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import re
import resource
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

THRESHOLDS: Final = (20_000, 20, 50)
"""Python's own (700, 10, 10) look through everything alive about once a second under load, and hold the audio
clock for it. What calls leave behind is almost all freed at once, without the collector."""

TURN_SECONDS: Final = 0.0005
"""Of Python in one thread while another one waits for it. The usual 5 ms hold up a caller: the commit that
comes before the 200 needs four turns from the loop. They hold up the audio clock too, whenever the database's
thread or a recording's has just begun its own."""

FILES_PER_CALL: Final = 6
"""Two sockets and two files of the recording, and two sockets more for webhooks, engines or a transfer."""

FILES_BESIDE: Final = 464
"""For the database, the workers, the 256 connections that the API may have, and `LEAST_SIP_CONNECTIONS`."""

LEAST_SIP_CONNECTIONS: Final = 64
MOST_SIP_CONNECTIONS: Final = 2048
"""Of phones and peers that speak SIP over TCP: how many there are room for beside all calls, within these."""

RAISE_FILES: Final = "raise the limit (`ulimit -n`, LimitNOFILE= of systemd, --ulimit nofile= of Docker)"

RESTARTS: Final = 5
WITHIN_SECONDS: Final = 60.0
"""A process of the node that ends more often than that within so long ends the node."""

Started = TypeVar("Started")

_log = logging.getLogger(__name__)


class StartError(Exception):
    """The node cannot start. One line that says what to do."""


class Ends:
    """When a process has ended that is started anew each time."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=RESTARTS + 1)

    def too_many(self, now: float) -> bool:
        """It has ended once more: whether that is more often than it may."""
        self._times.append(now)
        return len(self._times) > RESTARTS and now - self._times[0] < WITHIN_SECONDS


CORES_A_CALL_PROCESS: Final = 2
"""A call plane takes one at the most, its media plane and the speech workers another."""

MOST_CALL_PROCESSES: Final = 64

_OWN_GROUP: Final = Path("/proc/self/cgroup")
_GROUPS: Final = Path("/sys/fs/cgroup")


def cores() -> int:
    """How many cores this process may use: those that it may run on, within what its container or unit is
    given (cgroups(7), cpu.max)."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        own = _OWN_GROUP.read_text().rpartition("0::/")[2].strip()
        quota, period = (_GROUPS / own / "cpu.max").read_text().split()
        return max(1, min(here, int(quota) // int(period)))
    except (OSError, ValueError):  # no such group, or one without a limit ("max")
        return here


def call_processes(text: str) -> int:
    """How many call planes OFFHOOK_PROCESSES asks for: a number, or `auto` for what the cores allow. Raises
    ValueError with a sentence."""
    if text.strip().lower() == "auto":
        return min(MOST_CALL_PROCESSES, max(1, cores() // CORES_A_CALL_PROCESS))
    try:
        processes = int(text)
    except ValueError:
        processes = 0
    if not 1 <= processes <= MOST_CALL_PROCESSES:
        raise ValueError(f"write a number from 1 to {MOST_CALL_PROCESSES}, or auto")
    return processes


def raise_file_limit() -> None:
    """As many open files as the system lets us have: the usual 1024 end at some 100 calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def file_limit() -> int:
    """How many files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def file_limit_of(process: str) -> int | None:
    """The same of another process of this machine, by its number; None if that cannot be seen."""
    try:
        limits = Path(f"/proc/{int(process)}/limits").read_text()
    except (OSError, ValueError):
        return None
    found = re.search(r"^Max open files +(\d+)", limits, re.MULTILINE)
    return int(found[1]) if found else None


def room_for_calls(files: int) -> int:
    """How many calls at once so many open files are enough for."""
    return max(0, files - FILES_BESIDE) // FILES_PER_CALL


def calls_within(files: int, wanted: int) -> int:
    """As many of the `wanted` calls at once as so many open files are enough for: a call without its files
    would lose its recording. Says so when that is not all of them. Raises StartError for none."""
    room = room_for_calls(files)
    if room < 1:
        raise StartError(f"only {files} files may be open at once, too few for a call: {RAISE_FILES}")
    if room < wanted:
        _log.warning("only %d files may be open, enough for %d calls at once: %s", files, room, RAISE_FILES)
    return min(room, wanted)


def sip_connections_within(files: int, calls: int) -> int:
    """How many connections of SIP may be open beside so many calls, so that no crowd of them takes a call its
    files."""
    left = files - FILES_BESIDE - calls * FILES_PER_CALL
    return min(MOST_SIP_CONNECTIONS, LEAST_SIP_CONNECTIONS + max(0, left))


def share_python() -> None:
    """Let threads take turns as often as a node needs."""
    sys.setswitchinterval(TURN_SECONDS)


class Lowered:
    """This process, which takes its turns at the processor after others from now on, by so many steps of
    nice(2). What it starts by `start` has the turns that it had itself before: a thread is kept for that,
    since on Linux each has its own, and nobody may take back a step without a privilege."""

    def __init__(self, steps: int) -> None:
        self._as_before = ThreadPoolExecutor(1, "starter")
        self._as_before.submit(int).result()  # it is there now, and stays as it is
        with contextlib.suppress(OSError):
            os.nice(steps)

    def start(self, make: Callable[[], Started]) -> Started:
        return self._as_before.submit(make).result()


def settle_memory() -> None:
    """Call it once, when everything is loaded: what is there now stays until the end, and the collector need
    not look at it again. What loading took beyond that is given back."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # a C library other than glibc
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
