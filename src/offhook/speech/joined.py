"""Pieces of what was said, put together as one would write them, without what a transcriber makes up: caught
in a loop, it writes the same words over and over."""

from __future__ import annotations

import re
from typing import Final

# Scripts that put no space between words: CJK signs and their punctuation, kana, Thai, Lao, Khmer, Burmese.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u303f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
"""A word, with the marks at it; where words have no space between them, a sign."""

_CLINGS = re.compile(r"[.,!?;:%…)\]}»”،؟۔।॥]+(?!\w)|['’](?:s|t|d|m|ll|re|ve)\b", re.IGNORECASE)
_SIGN = re.compile(f"[{_UNSPACED}]")
_CLOSED = re.compile("[\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]")
_OPENING = "([{«“¿¡"

MOST_REPEATS: Final = 3
"""Nobody says a word more often in a row than this ("no, no, no")."""
MOST_DIGITS: Final = 8
"""Digits are said so often: 0000 0000."""
_DIGITS: Final = frozenset(
    ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double", "triple")
)
_BARE_WORD = re.compile(r"[\w'’]+")


def joined(*parts: str) -> str:
    """The parts in one line, a space between them where the script has one: not between Chinese, Japanese or
    Thai signs, nor before a full stop that comes by itself. Space around the parts is dropped, as are empty
    ones."""
    whole = ""
    for part in parts:
        text = part.strip()
        if not text:
            continue
        whole += f"{'' if not whole or _clings(whole, text) else ' '}{text}"
    return whole


def _clings(left: str, right: str) -> bool:
    last = left[-1]  # `left` may be long, and is looked at for each part
    if _CLINGS.match(right) or _CLOSED.match(right) or _CLOSED.match(last) or last in _OPENING:
        return True
    return _SIGN.match(last) is not None and _SIGN.match(right) is not None


def without_loops(text: str) -> str:
    """`Fort, Fort, Fort, Fort.` is one `Fort.`"""
    found = list(_BARE_WORD.finditer(text))
    words, places = [word[0].lower() for word in found], [word.span() for word in found]
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
