"""What may be given to Liquid's parser at all: looked at in one pass over the text.

The library's lexer looks for the end of what is open from each place where something opens, so that a text
with nothing but openings takes it minutes; and a parsed template is a hundred times as large as its text."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MOST_MARKS: Final = 500
"""Outputs and tags of one template."""
MOST_CODE: Final = 12_000
"""Characters inside of them, all in all: what is read for the first time takes four microseconds each."""
LONGEST_MARK: Final = 4000

_OPEN: Final = re.compile(r"\{\{|\{%-?\s{0,20}(raw|doc)?\b|\{%")
_ENDS: Final = {
    "raw": re.compile(r"\{%-?\s{0,20}endraw\s{0,20}-?%\}"),
    "doc": re.compile(r"\{%-?\s{0,20}enddoc\s{0,20}-?%\}"),
}


class Code(NamedTuple):
    """Characters in all outputs and tags, and in the longest of them."""

    length: int
    longest: int


def code_of(text: str) -> Code:
    """Raises ValueError for what is no template, or too much of one."""
    at = marks = code = longest = 0
    while (opening := _OPEN.search(text, at)) is not None:
        end = text.find("}}" if opening[0] == "{{" else "%}", opening.end())
        if end < 0:
            raise ValueError("something is opened and not closed")
        marks += 1
        code += end - opening.start()
        longest = max(longest, end - opening.start())
        if longest > LONGEST_MARK or marks > MOST_MARKS or code > MOST_CODE:
            raise ValueError("there is too much code in it")
        at = end + 2
        if (kind := opening[1]) is not None:
            closing = _ENDS[kind].search(text, at)
            if closing is None:
                raise ValueError(f"{kind} is opened and not closed")
            at = closing.end()
    return Code(code, longest)
