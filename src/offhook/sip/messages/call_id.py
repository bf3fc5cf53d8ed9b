"""The Call-ID of a message that nobody has parsed: by it a message finds the process that has its call."""

from __future__ import annotations

import re
from typing import Final

from offhook.sip.messages.parser import MAX_HEAD, MAX_LINES

# Each run of white space is looked at once: a line that begins anywhere ends before the next one begins.
_CALL_ID: Final = re.compile(
    rb"\r\n(?:[Cc][Aa][Ll][Ll]-[Ii][Dd]|[Ii])(?:[ \t]|\r\n[ \t])*+:([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)"
)
_FOLD: Final = re.compile(rb"\r\n[ \t]+")
_EMPTY_LINES: Final = re.compile(rb"[\r\n]*+")


def call_id_in(data: bytes) -> bytes:
    """As `parse_message` would read it, also of most that it refuses: the first one of several, b"" where
    there is none. Looks at `MAX_HEAD` octets and `MAX_LINES` lines at most, and never into the body."""
    before = _EMPTY_LINES.match(data)
    start = 0 if before is None else before.end()
    last = start + MAX_HEAD
    end = data.find(b"\r\n\r\n", start, last)
    if end < 0:
        end = last
    if data.count(b"\r\n", start, end) > MAX_LINES:
        return b""
    found = _CALL_ID.search(data, start, end)
    if found is None:
        return b""
    value = found[1]
    return (_FOLD.sub(b" ", value) if b"\r" in value else value).strip(b" \t")
