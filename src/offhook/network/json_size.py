"""How many values a JSON text has, before an object is made of each. A megabyte of `1,` takes 40 ms to read,
in one go, and nothing else runs meanwhile."""

from __future__ import annotations

import re
from typing import Final

LONGEST_NUMBER: Final = 400
"""Digits of a whole number. Python takes longer for each digit, the more digits there are."""

# Each stands before a name or a value. What is deep and not wide the parser itself gives up at once.
_MARKS: Final = b",:"
# One that is not closed runs to the end, so that many of them cost one pass.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def holds_more(text: bytes, most: int) -> bool:
    """Whether a JSON text has more than `most` names and values. The first ones of lists and objects are not
    counted. It stops counting at `most`."""
    if _marks(text) <= most:
        return False
    # Some of the marks may be in strings.
    seen = at = 0
    for string in _STRING.finditer(text):
        seen += _marks(text[at : string.start()])
        at = string.end()
        if seen > most:
            return True
    return seen + _marks(text[at:]) > most


def _marks(text: bytes) -> int:
    return len(text) - len(text.translate(None, _MARKS))


def whole_number(digits: str) -> int:
    """For `json.loads(parse_int=...)`. Raises ValueError."""
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")
    return int(digits)
