"""The data folder: fit to be written to, held by one node at a time, and the name that node goes by."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from offhook.json_document import PlaneMessage
from offhook.process import StartError

LEAST_FREE: Final = 16 * 1024 * 1024
"""Bytes. Less is a quarter of an hour of recordings: not worth starting with."""

_LONGEST: Final = 65_536
"""Bytes of what a node tells of itself and of its processes, more than a hundred of them."""

LET_GO_SECONDS: Final = 3.0
"""For the processes of a node that was killed to let go of its folder."""

LOCK: Final = "lock"
NODE: Final = "node"

PLANES: Final = "planes"
"""Beside the settings, what a node tells of its processes: see `planes/supervisor.py`."""

_NAME = re.compile(r"[\w.:-]{1,200}")


class DataFolder:
    """A folder that this node holds until `close`. Made by `take`."""

    def __init__(self, lock: int, node: str) -> None:
        self.node = node
        """The same after a restart, on whatever host; another for every folder."""
        self._lock = lock

    @property
    def lock(self) -> int:
        """The open file that holds it: whoever has it open holds the folder too."""
        return self._lock

    @classmethod
    def take(cls, path: Path, new_name: Callable[[], str]) -> Self:
        """Make the folder if need be, and hold it; `new_name` names the node if it has no name yet.

        Raises StartError: it cannot be written to, the disk is full, or another node holds it. The kernel
        lets go of it when the process dies, however it dies."""
        path = path.absolute()
        check(path)
        lock = -1
        try:
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.fchmod(lock, 0o600)
            _hold(lock)
            _write_pid(lock)
            return cls(lock, _name(path / NODE, new_name))
        except BlockingIOError as error:
            process = _written_pid(lock)
            os.close(lock)
            raise StartError(
                f"another offhook (process {process}) is using the data folder {path}: stop that one, or"
                " choose another folder with --data or OFFHOOK_DATA"
            ) from error
        except OSError as error:
            if lock >= 0:
                os.close(lock)
            raise StartError(_unusable(path, error)) from error

    def tell(self, what: PlaneMessage) -> None:
        """Write down what others on this machine, who may read the folder, can know of the node."""
        process = _written_pid(self._lock)
        os.pwrite(self._lock, f"{process}\n{json.dumps(what)}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._lock)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a folder, by its own words. `told` is empty until it has started, `planes` are the processes
    that it has started."""

    process: str
    told: PlaneMessage
    planes: Sequence[PlaneMessage] = ()


def holder(path: Path) -> Holder | None:
    """None if nobody holds the folder, or it cannot be seen."""
    try:
        lock = os.open(path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(lock)
    except OSError:
        return None
    finally:
        os.close(lock)
    return None


def _holder(lock: int) -> Holder:
    process, *rest = _written(lock)
    try:
        told = json.loads(rest[0]) if rest else {}
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    planes = told.pop(PLANES, ())
    return Holder(process or "unknown", told, planes)


def check(path: Path, *, make: bool = True) -> None:
    """The folder can be made and written to, and so can that of the recordings. Raises StartError.

    Only its owner may read a folder that is made here: it holds what was said, and servers' secrets. What
    root makes belongs to the owner of what it is in, or a command would lock out the service. Without `make`
    nothing is: what is there already is tried."""
    path = path.absolute()
    try:
        for folder in (path, path / "recordings"):
            if make:
                _make(folder)
            else:
                folder = next(one for one in (folder, *folder.parents) if one.exists())
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(bytes(4096))
                probe.flush()
        disk = os.statvfs(folder)
    except OSError as error:
        raise StartError(_unusable(path, error)) from error
    free = disk.f_bavail * disk.f_frsize
    if free < LEAST_FREE:
        raise StartError(
            f"the disk of the data folder {path} has only {free // 1_000_000} MB left: make room, or choose"
            " another folder with --data or OFFHOOK_DATA"
        )


def _hold(lock: int) -> None:
    """Raises BlockingIOError. The processes of a node that was killed end a moment after it."""
    until = time.monotonic() + LET_GO_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if _is_there(_written_pid(lock)) or time.monotonic() >= until:
                raise
        time.sleep(0.02)


def _is_there(process: str) -> bool:
    return not process.isdigit() or os.path.exists(f"/proc/{process}") or not os.path.exists("/proc/self")


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        around = folder.parent.stat()
        os.chown(folder, around.st_uid, around.st_gid)


def _unusable(path: Path, error: OSError) -> str:
    return (
        f"the data folder {path} cannot be used ({error.strerror}): make it writable and leave it"
        " some space, or choose another with --data or OFFHOOK_DATA"
    )


def _written_pid(lock: int) -> str:
    return _written(lock)[0] or "unknown"


def _written(lock: int) -> list[str]:
    """The process, then what it told of itself."""
    lines = os.pread(lock, _LONGEST, 0).decode("utf-8", "replace").split("\n")
    return [line.strip() for line in lines]


def _write_pid(lock: int) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def _name(file: Path, new_name: Callable[[], str]) -> str:
    """The node's name as it was once written down. Nobody else writes meanwhile: the folder is held."""
    if file.exists():
        file.chmod(0o600)
        name = file.read_text("utf-8", "replace").strip()
        if _NAME.fullmatch(name):
            return name
    name = new_name()
    beside = file.with_suffix(".new")
    beside.touch(0o600)
    beside.write_text(f"{name}\n", "utf-8")
    beside.replace(file)
    return name
