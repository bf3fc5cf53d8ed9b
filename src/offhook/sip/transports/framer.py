"""Cutting a byte stream (TCP) into messages by Content-Length (RFC 3261 §18.3, RFC 5626 §3.5.1)."""

from __future__ import annotations

import re
from typing import Final, Protocol

from offhook.sip.messages.message import MessageError
from offhook.sip.messages.parser import MAX_HEAD, MAX_MESSAGE, broken_request

_CONTENT_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:(?:[ \t]|\r\n(?=[ \t]))*+([^\r\n]*+)(?=\r\n(?![ \t]))", re.IGNORECASE
)
_PING: Final = b"\r\n\r\n"
_PONG: Final = b"\r\n"
_LINE_ENDS: Final = re.compile(rb"(?:\r\n)*+")
_END_OF_HEAD: Final = b"\r\n\r\n"


class StreamFramingError(MessageError):
    """Nothing after this can be told apart: answer it if it is answerable, then close the connection.

    `messages` are those that came whole before it in the same read."""

    def __init__(self, error: MessageError, messages: list[bytes]) -> None:
        super().__init__(error.status, error.reason, error.request, error.headers)
        self.messages = messages


class Framer(Protocol):
    """How one connection carries messages."""

    @property
    def inside_message(self) -> bool:
        """Whether a message has begun and not ended: a peer may not leave it so for long."""
        ...

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes. StreamFramingError where no more can be told apart."""
        ...

    def take_answers(self) -> bytes:
        """What goes back at once for what was fed since the last call; mostly nothing."""
        ...

    def wrap(self, message: bytes) -> bytes:
        """One message as the peer takes it."""
        ...


class StreamFramer:
    """One connection's input. Holds at most one unfinished message."""

    __slots__ = ("_buffer", "_length", "_pings", "_searched")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._length: int | None = None
        self._pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes. StreamFramingError (400, 513) for a message without a usable
        Content-Length or beyond the bounds; the framer is of no use then."""
        self._buffer += data
        messages: list[bytes] = []
        try:
            while (message := self._next()) is not None:
                messages.append(message)
        except MessageError as error:
            self._buffer.clear()
            raise StreamFramingError(error, messages) from error
        return messages

    def take_answers(self) -> bytes:
        """One CRLF for each double-CRLF ping that came since the last call (RFC 5626 §4.4.1)."""
        pings, self._pings = self._pings, 0
        return _PONG * pings

    def wrap(self, message: bytes) -> bytes:
        """As it is: its Content-Length says where it ends."""
        return message

    @property
    def inside_message(self) -> bool:
        """Whether a message has begun and not ended: a peer may not leave it so for long."""
        return len(self._buffer) > 3

    def _next(self) -> bytes | None:
        if self._length is None:
            self._skip_keep_alives()
            self._length = self._message_length()
        if self._length is None or len(self._buffer) < self._length:
            return None
        message = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._length = None
        self._searched = 0
        return message

    def _skip_keep_alives(self) -> None:
        """Take CRLFs off the front. Four octets tell a ping from one CRLF (a pong, or a stray one)."""
        run = _LINE_ENDS.match(self._buffer)
        octets = run.end() if run is not None else 0
        self._pings += octets // len(_PING)
        if octets % len(_PING) and octets + 2 > len(self._buffer):
            octets -= 2  # it may become one
        del self._buffer[:octets]

    def _message_length(self) -> int | None:
        """Octets of the message that begins the buffer, None while its head is unfinished."""
        end = self._buffer.find(_END_OF_HEAD, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 3)
            if len(self._buffer) > MAX_HEAD:
                raise broken_request(bytes(self._buffer), 513)
            return None
        head_length = end + len(_END_OF_HEAD)
        if head_length > MAX_HEAD:
            raise broken_request(bytes(self._buffer[:head_length]), 513)
        lengths = _CONTENT_LENGTH.findall(self._buffer, 0, end + 2)
        if len(lengths) != 1:
            reason = "More Than One Content-Length" if lengths else "Missing Content-Length"
            raise broken_request(bytes(self._buffer[:head_length]), 400, reason)
        digits = lengths[0].strip()
        if not digits.isdigit():
            raise broken_request(bytes(self._buffer[:head_length]), 400, "Malformed Content-Length")
        if len(digits) > 9 or head_length + int(digits) > MAX_MESSAGE:
            raise broken_request(bytes(self._buffer[:head_length]), 513)
        return head_length + int(digits)
