"""What an INVITE tells about the caller: `customer`, and the variables that its X- headers carry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from offhook.sip.message import Request

MAX_VARIABLES: Final = 64
MAX_VALUE_CHARACTERS: Final = 2000
MAX_NAME: Final = 40


def customer(request: Request) -> dict[str, Any]:
    """`customer` from the From header: display name, user part, and the URI (wire-facts §2.1)."""
    caller = request.from_
    found: dict[str, Any] = {}
    if caller.uri.user:
        found["number"] = caller.uri.user[:MAX_NAME]
    if caller.display_name:
        found["name"] = caller.display_name[:MAX_NAME]
    found["sipUri"] = str(caller.uri)
    return found


def header_variables(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """`X-` headers as variables: the name lower-cased, without the prefix, hyphens kept (wire-facts §2.2).

    The first of several headers with one name wins."""
    variables: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered.startswith("x-") and len(lowered) > 2 and len(variables) < MAX_VARIABLES:
            variables.setdefault(lowered[2:], value.strip()[:MAX_VALUE_CHARACTERS])
    return variables
