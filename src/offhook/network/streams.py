"""TCP connections for the HTTP client: httpcore's streams, straight on the loop's transports."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, cast

import httpcore2

from offhook.network import turns

READ_AHEAD = 256 * 1024
"""Bytes that may wait to be read before the peer is told to pause."""

READ_AT_ONCE = 1024
READ_COST = 250
"""Bytes that are checked in one go while the amount is limited, since thousands of tiny pieces fit into more;
and what that costs in microseconds, roughly."""

HOLD = 64 * 1024
"""Bytes of a request that are held back, so that head and body are sent in one piece."""


class TcpStream(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """A connected TCP connection. What is written is sent when it is long enough, or when something is read.

    `received` counts all bytes that have arrived. `most` is how many may still be read, `most_lines` how many
    line ends may be among them: more is an error."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._held = bytearray()
        self._ended = False
        self._broken: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.received = 0
        self.most: int | None = None
        self.most_lines: int | None = None
        self._lane = turns.lane("answers")

    @classmethod
    async def over(cls, sock: socket.socket) -> TcpStream:
        """The stream over a connected non-blocking socket, which it owns from now on."""
        _, stream = await asyncio.get_running_loop().create_connection(cls, sock=sock)
        return stream

    # -- httpcore's side ------------------------------------------------------------------------

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At least one byte of what has arrived; empty at the end. Raises ReadError, ReadTimeout, or
        RemoteProtocolError for more than is allowed."""
        await self._flush(timeout)
        if self.most is not None:
            max_bytes = min(max_bytes, READ_AT_ONCE)
            await self._lane.turn(READ_COST)
        if not self._buffer and not self._ended:
            self._reader = self._loop.create_future()
            try:
                await _within(self._reader, timeout)
            except TimeoutError:
                raise httpcore2.ReadTimeout(f"nothing came for {timeout:g} s") from None
            finally:
                self._reader = None
        if self._broken is not None and not self._buffer:
            raise httpcore2.ReadError(str(self._broken)) from self._broken
        data = bytes(self._buffer[:max_bytes])
        if self.most is not None:
            self.most -= len(data)
            if self.most < 0:
                raise httpcore2.RemoteProtocolError("the answer is longer than is taken")
        if self.most_lines is not None:
            self.most_lines -= data.count(b"\n")
            if self.most_lines < 0:
                raise httpcore2.RemoteProtocolError("the head of the answer has too many lines")
        del self._buffer[:max_bytes]
        if not self._ended and len(self._buffer) < READ_AHEAD <= len(self._buffer) + len(data):
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises WriteError or WriteTimeout."""
        if self._ended:
            raise httpcore2.WriteError("the server has closed the connection")
        self._held += buffer
        if len(self._held) >= HOLD:
            await self._flush(timeout)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> TcpStream:
        """Raises ConnectError with the ssl.SSLError as its cause, or ConnectTimeout."""
        try:
            async with asyncio.timeout(timeout):
                secured = await self._loop.start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError:
            self._transport.abort()
            raise httpcore2.ConnectTimeout(f"no TLS within {timeout:g} s") from None
        except OSError as error:
            self._transport.abort()
            raise httpcore2.ConnectError(str(error)) from error
        except BaseException:
            self._transport.abort()
            raise
        if secured is None:
            raise httpcore2.ConnectError("the connection was closed before there was TLS")
        self._transport = secured
        return self

    async def aclose(self) -> None:
        self._transport.close()
        # Nobody waits for a peer that does not take what is left, or does not say goodbye.
        try:
            await asyncio.sleep(0)
        finally:
            self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # Of an idle connection: the server has closed it, or talks out of turn.
            return self._ended or bool(self._buffer)
        return self._transport.get_extra_info(info)

    # -- the loop's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._buffer += data
        if len(self._buffer) >= READ_AHEAD > len(self._buffer) - len(data):
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def pause_writing(self) -> None:
        self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        _wake(self._writer)
        self._writer = None

    def _end(self, error: Exception | None) -> None:
        self._broken = self._broken or error
        self._ended = True
        _wake(self._reader)
        _wake(self._writer)

    async def _flush(self, timeout: float | None) -> None:
        if self._held and not self._ended:
            self._transport.write(self._held)
            self._held = bytearray()
        if self._writer is not None and not self._ended:
            try:
                await _within(self._writer, timeout)
            except TimeoutError:
                raise httpcore2.WriteTimeout(f"nothing was taken for {timeout:g} s") from None


async def _within(waiting: asyncio.Future[None], seconds: float | None) -> None:
    """Raises TimeoutError."""
    if seconds is None:
        await waiting
        return
    async with asyncio.timeout(seconds):
        await waiting


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
