"""What a server says about its refusal: its own words, and nothing of the request. Frameworks that validate
requests quote them in their errors, and with them what callers have said."""

from __future__ import annotations

import json
from typing import Any, Final

_NAMES: Final = ("error", "message", "msg", "err_msg", "detail", "status")
"""The properties in which servers give their words, whatever is around them."""
_DEEPEST: Final = 4


def explained(body: bytes) -> str:
    """The words in a JSON text, or a text that is not JSON. Empty for JSON without these properties, or for
    the beginning of a JSON text."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip()[:1] in ("{", "[") else text
    return _words(value, _DEEPEST)


def _words(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and depth:
        return ", ".join(filter(None, (_words(one, depth - 1) for one in value)))
    if isinstance(value, dict) and depth:
        found = (_words(value[name], depth - 1) for name in _NAMES if name in value)
        return next(filter(None, found), "")
    return ""
