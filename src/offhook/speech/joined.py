"""Pieces of what was said, put together as one would write them."""

from __future__ import annotations

import re

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
