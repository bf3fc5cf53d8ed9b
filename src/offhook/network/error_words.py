"""What went wrong, for the owner of whatever failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 300
SHORTEST_SECRET: Final = 8
"""Characters. What is shorter stands in other words too."""

INTERNAL: Final = "an internal error, of which the log tells"
"""Of a mistake of ours: its own words would tell nobody but us anything."""

_WORDS = re.compile(r"[\x21-\x7e]+")


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


def without(secrets: Iterable[str], text: str) -> str:
    """The text without the words of these: whoever was sent a key may quote it. To be asked before the text
    is cut."""
    words = {word for secret in secrets for word in _WORDS.findall(secret) if len(word) >= SHORTEST_SECRET}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "***")
    return text
