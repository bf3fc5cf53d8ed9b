"""What went wrong, for the owner of whatever failed."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 300

INTERNAL: Final = "an internal error, of which the log tells"
"""Of a mistake of ours: its own words would tell nobody but us anything."""


def words_of(error: BaseException) -> str:
    """An error of the network or of a library in one printable line, without the name of a class."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines = str(current).strip().splitlines()
        if lines:
            return "".join(char if char.isprintable() else " " for char in lines[0][:LONGEST])
        current = current.__cause__ or current.__context__
    return "it took too long" if isinstance(error, TimeoutError) else "it broke off without a word"
