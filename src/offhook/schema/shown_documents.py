"""What leaves the node neither in a server message nor on the way to a custom engine: the secrets of servers,
and logins. (The original leaks them, vapi-wire §1.3.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from offhook.json_document import ResourceDocument
from offhook.schema.base import OWN_NAMES

_HIDDEN: Final = frozenset(
    {
        "authentication",
        "credentials",
        "headers",
        "secret",
        "serverUrlSecret",
        "twilioApiSecret",
        "twilioAuthToken",
    }
)


def without_secrets(document: ResourceDocument) -> dict[str, Any]:
    """A number, assistant, squad or tool without secrets, however deep a `server` lies in it."""
    return {
        name: value if name in OWN_NAMES else _shown(value)
        for name, value in document.items()
        if name not in _HIDDEN
    }


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    return [_shown(item) for item in value] if isinstance(value, list) else value
