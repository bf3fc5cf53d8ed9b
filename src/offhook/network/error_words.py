"""Error messages for the owner of what has failed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 300
SHORTEST_SECRET: Final = 8
"""Characters. A shorter secret would also be part of other words."""

INTERNAL: Final = "an internal error, of which the log tells"
"""For a defect of ours: its own text would help nobody but us."""

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
    """The text without these secrets: a server may quote the key that it was sent. To be called before the
    text is cut."""
    words = {word for secret in secrets for word in _WORDS.findall(secret) if len(word) >= SHORTEST_SECRET}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "***")
    return text
