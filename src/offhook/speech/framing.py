"""What goes over the socket between the node and a worker process.

A frame is `length: u32, head length: u32` (big-endian; `length` counts what follows it), a JSON object, and
raw bytes (audio). From the node: `{"job": n, "kind": ..., ...}` and `{"cancel": n}`. From the worker:
`{"ready": true}` once, `{"alive": true}` all the time from then on, and per job any number of
`{"job": n, ...}` and one `{"job": n, "end": true}` or `{"job": n, "error": "..."}`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

MAX_FRAME = 16 * 1024 * 1024

_LENGTHS = struct.Struct(">II")
_PREFIX = 4

Value = str | int | float | bool | None
Head = dict[str, Value]

Reply = tuple[Mapping[str, Value], bytes]
Handler = Callable[[Head, bytes], Iterator[Reply]]
"""One kind of job: its head and bytes -> heads and bytes of the replies, as they come. What it raises
is the job's failure."""


class FramingError(Exception):
    """The other side does not speak this protocol; the connection is of no more use."""


class Frame(NamedTuple):
    head: Head
    blob: bytes


def pack(head: Mapping[str, Value], blob: bytes = b"") -> bytes:
    """Raises FramingError if it were longer than MAX_FRAME."""
    text = json.dumps(head, separators=(",", ":")).encode()
    length = _PREFIX + len(text) + len(blob)
    if length > MAX_FRAME:
        raise FramingError(f"a frame of {length} bytes")
    return _LENGTHS.pack(length, len(text)) + text + blob


class FrameReader:
    """Bytes in any pieces -> frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Raises FramingError."""
        self._buffer += data
        while len(self._buffer) >= _LENGTHS.size:
            length, text_length = _LENGTHS.unpack_from(self._buffer)
            if not _PREFIX + text_length <= length <= MAX_FRAME:
                raise FramingError(f"a frame of {length} bytes with a head of {text_length}")
            if len(self._buffer) < _PREFIX + length:
                return
            yield self._take(length, text_length)

    def _take(self, length: int, text_length: int) -> Frame:
        start = _LENGTHS.size
        text = bytes(self._buffer[start : start + text_length])
        blob = bytes(self._buffer[start + text_length : _PREFIX + length])
        del self._buffer[: _PREFIX + length]
        try:
            head = json.loads(text)
        except ValueError as error:
            raise FramingError(f"a head that is not JSON: {error}") from None
        if not isinstance(head, dict):
            raise FramingError("a head that is not an object")
        return Frame(head, blob)
