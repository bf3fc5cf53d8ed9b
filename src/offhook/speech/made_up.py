"""What a transcriber makes up: caught in a loop, it writes the same words over and over."""

from __future__ import annotations

import re
from typing import Final

MOST_REPEATS: Final = 3
"""Nobody says a word more often in a row than this ("no, no, no")."""
MOST_DIGITS: Final = 8
"""Digits are said so often: 0000 0000."""
_DIGITS: Final = frozenset(
    ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double", "triple")
)
_WORD = re.compile(r"[\w'’]+")


def without_loops(text: str) -> str:
    """`Fort, Fort, Fort, Fort.` is one `Fort.`"""
    words = _WORD.findall(text.lower())
    if len(words) <= MOST_REPEATS:
        return text
    places = [found.span() for found in _WORD.finditer(text)]
    kept: list[int] = []
    at = 0
    while at < len(words):
        length, times = _loop_at(words, at)
        at += length * times
        kept += range(at - length, at)
    if len(kept) == len(words):
        return text
    pieces = [text[places[place][0] : _end(places, place, text)] for place in kept]
    return "".join(pieces).strip()


def _end(places: list[tuple[int, int]], place: int, text: str) -> int:
    """With the marks and the space behind it."""
    return places[place + 1][0] if place + 1 < len(places) else len(text)


def _loop_at(words: list[str], at: int) -> tuple[int, int]:
    """How many words are said over and over from here on, and how often; (1, 1): none."""
    for length in range(1, 5):
        first, times = words[at : at + length], 1
        while words[at + times * length : at + (times + 1) * length] == first:
            times += 1
        spoken = all(word in _DIGITS or word.isdecimal() or len(word) == 1 for word in first)
        if times > (MOST_DIGITS if spoken else MOST_REPEATS):
            return length, times
    return 1, 1
