"""What a process of a node is started with: how it is started, and what it is told first.

Processes are started before anything is known, so that they load while the ports are bound; what they are to
do, and the sockets they do it on, they are sent."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

CALL: Final = "call"
API: Final = "api"


def names(processes: int) -> dict[str, str]:
    """The name of each process, and which plane it is: a call plane that is one of several has a number."""
    calls = [CALL] if processes == 1 else [f"{CALL}-{number}" for number in range(1, processes + 1)]
    return {**dict.fromkeys(calls, CALL), API: API}


LEFT_TO_THE_SUPERVISOR: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""They reach a whole process group (Ctrl-C) or unit (systemd); the supervisor alone heeds them."""

STEPS_BACK: Final = {CALL: 2, API: 4}
"""Of nice(2), from where the node was started: sound has its time, so the media plane takes no step back; the
speech workers take more of them. Where all cores are busy a step is a fifth less of one."""

DRAIN_SECONDS: Final = 30.0
"""For calls to end by themselves after Ctrl-C or SIGTERM; then they are hung up on."""

_MOST_SOCKETS: Final = 128
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Spec:
    """`name` is that of the process; a call plane is `number` of `processes`, which share `key` (hexadecimal)
    and `max_calls`. `flags` are those of the command line, `http`, `sip` and `sip_tls` where the sockets
    listen (host, port); of those of SIP, the last `secured` are for TLS. All else each process reads from the
    environment, as the command does."""

    name: str
    number: int
    processes: int
    key: str
    node: str
    flags: dict[str, str]
    http: tuple[str, int]
    sip: tuple[str, int]
    max_calls: int
    sip_tls: tuple[str, int] | None = None
    secured: int = 0


def start(plane: str) -> tuple[int, socket.socket]:
    """A process for the plane; returns its number and our end of its socket. It does nothing until `hand`."""
    ours, theirs = socket.socketpair()
    theirs.set_inheritable(True)
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", "offhook.planes.child", plane, str(theirs.fileno()), str(os.getpid())],
        os.environ,
        setsigmask=[],
        setsigdef=LEFT_TO_THE_SUPERVISOR,
    )
    theirs.close()
    return pid, ours


def hand(link: socket.socket, spec: Spec, sockets: Sequence[int]) -> None:
    """What the process is to do, and the sockets and files (by number) that it holds from now on. Raises
    OSError when it is gone."""
    text = json.dumps(asdict(spec)).encode()
    socket.send_fds(link, [_LENGTH.pack(len(text)) + text], list(sockets))


def taken(link: socket.socket) -> tuple[Spec, list[int]] | None:
    """What `hand` gave; None when the supervisor is gone. Waits for it."""
    head, numbers, _, _ = socket.recv_fds(link, _LENGTH.size, _MOST_SOCKETS)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    given: dict[str, Any] = json.loads(link.recv(length, socket.MSG_WAITALL))
    for name in ("http", "sip", "sip_tls"):
        given[name] = given[name] and tuple(given[name])
    return Spec(**given), numbers
