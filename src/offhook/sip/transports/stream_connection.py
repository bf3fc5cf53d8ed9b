"""One connection, made by either side, and the messages cut out of what comes over it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final, Protocol, cast

from offhook.network import Address
from offhook.network.sources import Source
from offhook.network.turns import Lane
from offhook.sip.limits import cost
from offhook.sip.transports.framer import Framer, StreamFramingError
from offhook.sip.transports.places import ConnectionLimits
from offhook.sip.transports.transport import Flow, Transport, TransportContext

log = logging.getLogger(__name__)

PAUSE: Final = 0.05
"""Seconds that a connection waits whose source has sent too much."""


class ConnectionOwner(Protocol):
    """The endpoint that a connection belongs to."""

    transport: Transport
    context: TransportContext
    lane: Lane
    closed: bool

    def admit(self, connection: StreamConnection) -> bool:
        """Whether a connection that was made may stay."""
        ...

    def release(self, connection: StreamConnection) -> None:
        """It is gone."""
        ...


class ByteStream(Protocol):
    """What a connection needs of what carries it: a socket's transport, or what stands before one."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class StreamConnection(asyncio.Protocol):
    """`framer` cuts and wraps messages, `patience` is how many seconds the peer has for its first one."""

    __slots__ = (
        "_arrived", "_broken", "_deadline", "_framer", "_handling", "_loop", "_owner", "_patience", "_spoke",
        "_stream", "_timer", "flow", "source",
    )  # fmt: skip

    flow: Flow
    source: Source
    _stream: ByteStream

    def __init__(self, owner: ConnectionOwner, framer: Framer, patience: float) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._framer = framer
        self._patience = patience
        self._spoke = False
        self._arrived: deque[bytes] = deque()
        self._broken: StreamFramingError | None = None
        self._handling = False
        self._deadline = 0.0
        self._timer: asyncio.Handle | None = None

    def send(self, message: bytes) -> None:
        """One whole message."""
        self._write(self._framer.wrap(message))

    def _write(self, data: bytes) -> None:
        if self._stream.get_write_buffer_size() > self._limits.unsent:
            log.info("%s does not read what it is sent; closing the connection", self.flow.remote)
            self._stream.abort()
        elif not self._stream.is_closing():
            self._stream.write(data)

    @property
    def _limits(self) -> ConnectionLimits:
        return self._owner.context.places.limits

    def touch(self) -> None:
        """It is used: others of its source go first."""
        self._owner.context.places.touch(self.flow.far_end, self.source)

    def give_way(self) -> None:
        self._stream.abort()
        self._owner.release(self)

    def close(self) -> None:
        self._stream.close()

    def abort(self) -> None:
        self._stream.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._stream = cast(ByteStream, transport)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not peer or not own:  # reset before it was accepted
            self.flow = Flow(self._owner.transport, Address("", 0))
            self._stream.abort()
            return
        self.flow = Flow(self._owner.transport, Address(peer[0], peer[1]), Address(own[0], own[1]))
        if not self._owner.admit(self):
            self._stream.abort()
            return
        self._deadline = self._loop.time() + self._patience
        self._rearm()

    def data_received(self, data: bytes) -> None:
        began_inside = self._framer.inside_message
        try:
            messages = self._framer.feed(data)
        except StreamFramingError as error:
            self._broken = error
            self._take(error.messages)
            return
        answers = self._framer.take_answers()
        if answers:
            self._write(answers)
        self._spoke = self._spoke or bool(messages)
        if not self._framer.inside_message:
            # Pings alone do not keep a stranger's connection.
            if self._spoke:
                self._deadline = self._loop.time() + self._limits.idle
        elif messages or not began_inside:
            self._deadline = self._loop.time() + self._limits.message
            self._rearm()
        self._take(messages)

    def _take(self, messages: list[bytes]) -> None:
        self._arrived += messages
        if self._handling:
            return
        self._handling = True
        self._next()
        if self._handling:  # while messages wait, nothing is read
            self._stream.pause_reading()

    def _next(self) -> None:
        """Pass on the next message at its turn, if its source may send so much; then the one after it."""
        if not self._arrived:
            self._handling = False
            if self._broken is not None:
                self._owner.context.broken(self._broken, self.flow)
                self._stream.close()
            else:
                self._stream.resume_reading()
        elif self._owner.context.arrivals.admits(self._arrived[0], self.flow.remote):
            self._owner.lane.put(cost(self._arrived[0]), self._pass_on)
        elif self._stream.is_closing():
            # Nobody counts it any more: who sends too much and leaves, again and again, would have all of it
            # wait.
            self._arrived.clear()
            self._handling = False
        else:
            self._loop.call_later(PAUSE, self._next)

    def _pass_on(self) -> None:
        if self._arrived:  # unless it was closed meanwhile
            self.touch()
            self._owner.context.received(self._arrived.popleft(), self.flow)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._owner.closed:
            self._arrived.clear()
        self._owner.release(self)

    def _look(self) -> None:
        """The time may be up, or have been prolonged since the timer was set."""
        if self._loop.time() >= self._deadline:
            self._stream.close()
        else:
            self._rearm()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)
