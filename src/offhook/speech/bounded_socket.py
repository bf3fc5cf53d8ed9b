"""A WebSocket to an owner's server, whose frames are taken a few at a time.

The library makes an object of each frame, and of what one read brings all at once: of 64 kB of pongs 32,000,
which nobody asks for and nothing else comes between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from offhook.network import turns
from offhook.speech.token_bucket import TokenBucket

PIECE: Final = 256
"""Bytes that are taken in one go: 128 frames at most."""
PIECE_COST: Final = 300
"""Microseconds, about, where they are nothing but frames."""

FRAMES: Final = (2000, 300)
"""At once, and a second; pings and pongs count as all others."""


class BoundedConnection(ClientConnection):
    """`is_flooded`: more frames came than are taken, and the connection was closed for it."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.is_flooded = False
        self._lane = turns.lane("engines")
        self._unread = bytearray()
        self._in_line = False
        self._is_full = False  # the messages that wait to be received
        self._frames = TokenBucket(*FRAMES, self.loop.time())
        self._then: list[Callable[[], object]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.recv_messages.pause = lambda: self._set_full(True)
        self.recv_messages.resume = lambda: self._set_full(False)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._advance()

    def eof_received(self) -> bool:  # type: ignore[override]
        """What came before is read first."""

        def end() -> None:
            super(BoundedConnection, self).eof_received()
            self.transport.close()

        self._finally(end)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._finally(lambda: super(BoundedConnection, self).connection_lost(exc))

    def process_event(self, event: Any) -> None:
        if not self._frames.take(1, self.loop.time()):
            self.is_flooded = True
            self._unread.clear()
            self.transport.abort()
        if not self.is_flooded:
            super().process_event(event)

    def _advance(self) -> None:
        if not self._in_line and self._unread:
            self._in_line = True
            self._lane.put(PIECE_COST, self._take_piece)
        self._mind_reading()

    def _take_piece(self) -> None:
        self._in_line = False
        piece = bytes(self._unread[:PIECE])
        del self._unread[:PIECE]
        if piece:
            super().data_received(piece)
        if self._unread:
            self._advance()
            return
        self._mind_reading()
        while self._then:
            self._then.pop(0)()

    def _finally(self, act: Callable[[], object]) -> None:
        self._then.append(act)
        if not self._in_line:
            self._take_piece()

    def _set_full(self, is_full: bool) -> None:
        self._is_full = is_full
        self._mind_reading()

    def _mind_reading(self) -> None:
        if self.transport.is_closing():
            return
        if self._unread or self._is_full:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
