"""What goes in and never comes out: vendors' keys and passwords (vapi-wire §2.3, docs/security.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from offhook.json_document import ResourceDocument
from offhook.schema.base import OWN_NAMES

# By the end of its name, so that a credential that the API gets tomorrow is safe too.
_SECRET: Final = re.compile(r"(key|secret|token|password|webhookUrl|sasUrl|connectionString)$", re.IGNORECASE)
_PUBLIC: Final = "publicKey"


def is_secret(name: str) -> bool:
    return name != _PUBLIC and _SECRET.search(name) is not None


def without_secrets(credential: ResourceDocument) -> dict[str, Any]:
    """A credential without its secrets; what is left says which account it is."""
    return {name: _shown(value) for name, value in credential.items() if not is_secret(name)}


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    return [_shown(item) for item in value] if isinstance(value, list) else value


def without_keys(document: ResourceDocument) -> dict[str, Any]:
    """An assistant, a squad or a tool, in which however deep an assistant may bring its own `credentials`:
    those are shown without their secrets, and all else as it is."""
    return {name: _without_keys(name, value) for name, value in document.items()}


def _without_keys(name: str, value: Any) -> Any:
    if name in OWN_NAMES:
        return value
    if name == "credentials":
        return _shown(value)
    if isinstance(value, Mapping):
        return without_keys(value)
    return [_without_keys("", item) for item in value] if isinstance(value, list) else value
