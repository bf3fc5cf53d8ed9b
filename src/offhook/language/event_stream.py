"""The body of a model's answer, in any pieces -> the JSON objects in it.

Asked for is a stream of server-sent events (WHATWG HTML §9.2.6). Servers end its lines as they like, leave
out the space behind `data:`, the empty lines between events or `[DONE]` at the end, send one JSON object a
line, or the whole answer as one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from offhook.network.json_size import holds_more, whole_number

LONGEST_EVENT = 1024 * 1024
"""Bytes of one event, or of an answer in one piece."""
MOST_BYTES = 8 * 1024 * 1024
"""Of one answer, with all that is not its words."""
MOST_PARTS = 100_000
"""Lines, and pieces of them as they come from the network, in one answer."""
MOST_VALUES = 20_000
"""Names and values in one event."""

_DONE = b"[DONE]"
_BOM = b"\xef\xbb\xbf"
_CR = ord("\r")
_LINE_END = re.compile(rb"(?:\r\n|\n|\r)+")
_ENDS = frozenset({b"\r\n", b"\n", b"\r"})
_DATA_FIELDS = frozenset({b"data", b"error"})  # llama.cpp's server has sent errors in a field of that name
_OTHER_FIELDS = frozenset({b"", b"event", b"id", b"retry"})

Object = dict[str, Any]


class EventStream:
    """`feed` what comes, `end` when nothing more does. Both raise ValueError for what is no JSON object, and
    for more than the limits. `done`: the server has said that this was all."""

    __slots__ = ("_begun", "_data", "_framed", "_held", "_parts", "_scanned", "_taken", "done")

    def __init__(self) -> None:
        self.done = False
        self._begun = False
        self._held = bytearray()  # a line that has not ended
        self._scanned = 0  # no line end before this position of it
        self._data = bytearray()  # an object that has not ended
        self._framed = True  # in lines that begin with `data:`
        self._taken = 0
        self._parts = 0

    def feed(self, data: bytes) -> Iterator[Object]:
        self._taken += len(data)
        if self._taken > MOST_BYTES:
            raise ValueError(f"an answer of more than {MOST_BYTES} bytes")
        self._count()
        self._held += data
        yield from self._lines()
        if len(self._held) > LONGEST_EVENT:
            raise ValueError(f"a line of more than {LONGEST_EVENT} bytes")

    def end(self) -> Iterator[Object]:
        line, self._held = bytes(self._held), bytearray()
        if not self.done:
            yield from self._line(line)
        if not self.done:
            yield from self._event()

    def _lines(self) -> Iterator[Object]:
        held, start = self._held, 0
        try:
            while not self.done:
                found = _LINE_END.search(held, max(start, self._scanned))
                if found is None:
                    break
                end, after = found.span()
                if after == len(held) and held[-1] == _CR:
                    break  # its LF may be still to come
                line, empty = bytes(held[start:end]), found[0] not in _ENDS
                found = None  # the buffer cannot be shortened under it
                start = after
                self._count()
                yield from self._line(line)
                if empty and not self.done:
                    yield from self._line(b"")
        finally:
            found = None
            del held[:start]
            self._scanned = max(len(held) - 1, 0)

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise ValueError(f"an answer in more than {MOST_PARTS} lines and pieces")

    def _line(self, line: bytes) -> Iterator[Object]:
        if not self._begun:
            line = line.removeprefix(_BOM)
            self._begun = bool(line)
        if not line.strip():
            if self._framed:
                yield from self._event()
            return
        text, framed = _data_of(line)
        if framed and text.strip() == _DONE:
            yield from self._event()
            self.done = True
        elif not self._data and (whole := _object(text)) is not None:
            yield whole
        elif text or framed:
            self._framed = framed
            self._data += text + b"\n"
            if len(self._data) > LONGEST_EVENT:
                raise ValueError(f"an event of more than {LONGEST_EVENT} bytes")

    def _event(self) -> Iterator[Object]:
        """What is left of an event must be an object."""
        text = bytes(self._data)
        self._data.clear()
        self._framed = True
        if text.strip():
            whole = _parsed(text)
            if not isinstance(whole, dict):
                raise ValueError("not an object")
            yield whole


def _data_of(line: bytes) -> tuple[bytes, bool]:
    """The data in a line, and whether it is in a field; nothing for another field and for a comment. A line
    that is no field belongs to a JSON object without any framing."""
    name, colon, value = line.partition(b":")
    if name.strip() in _DATA_FIELDS:
        return value.removeprefix(b" "), True
    if colon and name.strip() in _OTHER_FIELDS:
        return b"", False
    return line, False


def _object(text: bytes) -> Object | None:
    """None if that is not all of one, yet."""
    stripped = text.strip()
    if not (stripped.startswith(b"{") and stripped.endswith(b"}")):
        return None
    try:
        found = _parsed(stripped)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _parsed(text: bytes) -> object:
    """Raises ValueError."""
    if holds_more(text, MOST_VALUES):
        raise ValueError(f"an event of more than {MOST_VALUES} names and values")
    return json.loads(text, parse_int=whole_number)
