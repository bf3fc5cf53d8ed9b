"""The audio sockets of a process that does nothing but carry sound: read at each tick, all in one go.

Nothing that comes between two ticks is heard before the next one, so nobody wakes for it. When it came is
known by the kernel's stamp."""

from __future__ import annotations

import logging
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Final

from offhook.log_context import CALL
from offhook.network import Address, Receive, bound_datagrams, socket_address
from offhook.network.datagrams import MAX_PAYLOAD, ip_version

ROUNDS: Final = 64
"""Datagrams of one socket in a tick. What floods it beyond that waits in the kernel, or is dropped there."""

READ_SECONDS: Final = 0.004
"""For reading in one tick. Each round takes one datagram of every socket that has some, so that those who are
flooded wait and others do not."""

LONGEST: Final = 4096
"""Bytes of a datagram: more than 200 ms of any sound, and than any report. What is longer is no packet."""

_SO_TIMESTAMPNS: Final = 35
"""socket(7); Python has no name for it."""
_TRUNCATED: Final = int(socket.MSG_TRUNC)
_TIMESPEC: Final = struct.Struct("=qq")
_STAMP_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)

log = logging.getLogger(__name__)


class PolledDatagrams:
    """The `Datagrams` of `Sockets`. `unsent` counts what was dropped here, `errors` what the kernel reported
    and what `receive` raised."""

    __slots__ = (
        "_call", "_sendable", "_sender", "_sockets", "_version", "errors", "local", "receive", "socket",
        "unsent",
    )  # fmt: skip

    def __init__(self, sockets: Sockets, bound: socket.socket, receive: Receive) -> None:
        self._sockets = sockets
        self._call = CALL.get()  # whose socket it is, for the log
        self.socket: socket.socket | None = bound
        self.receive = receive
        self.local = Address(*bound.getsockname()[:2])
        self._version = ip_version(self.local.host)
        # The last ones, since a socket for media has the same peer all the time.
        self._sender = self._sendable = Address("", 0)
        self.unsent = self.errors = 0

    def send(self, data: bytes, to: Address) -> None:
        bound = self.socket
        if bound is None or not (to is self._sendable or self._takes(to)) or len(data) > MAX_PAYLOAD:
            self.unsent += 1
            return
        try:
            bound.sendto(data, to)
        except OSError:  # the kernel has no room, or knows no way
            self.unsent += 1

    def _takes(self, to: Address) -> bool:
        if not 0 < to.port < 65536 or ip_version(to.host) != self._version:
            return False
        self._sendable = to
        return True

    def close(self) -> None:
        bound, self.socket = self.socket, None
        if bound is not None:
            self._sockets.forget(bound)
            bound.close()

    def take(self, data: bytes, source: tuple[str, int]) -> None:
        """`source` as the kernel names it."""
        sender = self._sender
        if source[:2] != sender:
            sender = self._sender = Address(*source[:2])
        CALL.set(self._call)
        try:
            self.receive(data, sender)
        except Exception:
            # A flood of such datagrams must not fill the log: the first, second, fourth, eighth... is told.
            self.errors += 1
            if self.errors & (self.errors - 1) == 0:
                log.exception("a datagram from %s could not be handled", sender)


class Sockets:
    """`open` is a `DatagramOpener`. A `Ticked`, which is ticked before all that was opened by it, if `begin`
    adds it to the clock: `begin` is told when there is a first socket, `end` when there is none any more."""

    call = ""

    def __init__(
        self, begin: Callable[[Sockets], None], end: Callable[[Sockets], None], loop_time: Callable[[], float]
    ) -> None:
        self._begin = begin
        self._end = end
        self._loop_time = loop_time
        self._poll = select.epoll()
        self._open: dict[int, PolledDatagrams] = {}
        self._arrived: float | None = None

    def time(self) -> float:
        """When the datagram that is being handed on arrived; at other times loop.time()."""
        return self._loop_time() if self._arrived is None else self._arrived

    async def open(self, host: str, port: int, receive: Receive) -> PolledDatagrams:
        """Raises OSError."""
        bound = bound_datagrams(*await socket_address(host, port))
        try:
            bound.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._poll.register(bound, select.EPOLLIN)
        except BaseException:
            bound.close()
            raise
        if not self._open:
            self._begin(self)
        datagrams = self._open[bound.fileno()] = PolledDatagrams(self, bound, receive)
        return datagrams

    def forget(self, bound: socket.socket) -> None:
        del self._open[bound.fileno()]
        self._poll.unregister(bound)
        if not self._open:
            self._end(self)

    def tick(self) -> None:
        """Hand on what has come, in time's order for each socket. Takes at most READ_SECONDS and what one
        round takes."""
        until = time.monotonic() + READ_SECONDS
        behind = time.time() - time.monotonic()
        before = CALL.get()
        try:
            for _ in range(ROUNDS):
                ready = self._poll.poll(0)
                if not ready:
                    break
                for number, _ in ready:
                    datagrams = self._open.get(number)
                    if datagrams is not None:
                        self._read(datagrams, behind)
                if time.monotonic() > until:
                    break
        finally:
            self._arrived = None
            CALL.set(before)

    def failed(self, error: Exception) -> None:
        """`tick` raises nothing that could be mended."""

    def close(self) -> None:
        for datagrams in list(self._open.values()):
            datagrams.close()
        self._poll.close()

    def _read(self, datagrams: PolledDatagrams, behind: float) -> None:
        """One datagram."""
        bound = datagrams.socket
        if bound is None:
            return
        try:
            data, extra, flags, source = bound.recvmsg(LONGEST, _STAMP_BYTES)
        except OSError:  # the kernel reports what became of an earlier one, or it was damaged
            datagrams.errors += 1
            return
        if extra:
            seconds, nanoseconds = _TIMESPEC.unpack(extra[0][2])
            self._arrived = seconds + nanoseconds / 1e9 - behind
        else:
            self._arrived = None
        if flags & _TRUNCATED:
            datagrams.errors += 1
        else:
            datagrams.take(data, source)
