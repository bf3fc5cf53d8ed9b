"""Ports for programs that have to be told one before they bind it."""

from __future__ import annotations

import atexit
import contextlib
import random
import socket

FIRST, LAST = 10_000, 29_999
"""Below those that the system gives out by itself, and those that calls have for their sound."""

TRIES = 1000

_kept = contextlib.ExitStack()
"""What this process was given, for as long as it lives."""
atexit.register(_kept.close)


def free_port(host: str = "127.0.0.1", count: int = 2) -> int:
    """An even port that is free for UDP and for TCP, and those after it: some phones take two, and one with
    video four. Nobody else is given any of them, in whichever process of whichever run, until this process
    has ended: a program takes its time between being told a port and binding it."""
    for _ in range(TRIES):
        ports = range(port := random.randrange(FIRST, LAST - count + 2, 2), port + count)
        with contextlib.suppress(OSError), contextlib.ExitStack() as given:
            for number in ports:
                given.enter_context(_mark(number))
            with contextlib.ExitStack() as probes:
                for number in ports:
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        probes.enter_context(_bound(host, number, kind))
            _kept.push(given.pop_all())
            return port
    raise AssertionError("no free port")


def _mark(port: int) -> socket.socket:
    """A name that the kernel has once only, and frees with this process (unix(7), the abstract namespace)."""
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0offhook-tests-port-{port}")
    except OSError:
        mark.close()
        raise
    return mark


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        probe.bind((host, port))
    except OSError:
        probe.close()
        raise
    return probe
