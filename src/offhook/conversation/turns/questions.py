"""Does what the assistant says end with a question that a nod answers?"""

from __future__ import annotations

import re
from typing import Final

_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")
_OPEN: Final = re.compile(
    r"(?:so|and|then|okay|now|well|alright)?,?\s*(?:what|how|when|where|who|which|why|whose)\b", re.IGNORECASE
)
_LONGEST: Final = 400


def asks_whether(text: str) -> bool:
    """ "Is that right?", but not "How can I help you?"."""
    text = text[-_LONGEST:].rstrip(" \"'”’)")
    return text.endswith("?") and _OPEN.match(_SENTENCE.split(text)[-1]) is None
