"""SIP headers that an owner has written: `sipHeaders` of a destination, `headers` of a sipRequest tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from offhook.sip.messages.headers import canonical_name

Headers = list[tuple[str, str]]

MOST: Final = 32
MOST_CHARACTERS: Final = 1000

MOST_NAME: Final = 64

_OURS: Final = frozenset(
    """
    accept allow authorization call-id contact content-encoding content-length content-type cseq event from
    max-forwards proxy-authorization proxy-require record-route refer-to replaces require route
    session-expires supported to via
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
"""What makes the message and the dialog work (RFC 3261 §20): not an owner's to set."""


def owners_headers(given: Mapping[str, object], also: frozenset[str] = frozenset()) -> Headers:
    """The headers that may go out, each on one line, at most MOST. `also` names (in lower case) some of ours
    that an owner may set as well."""
    found: Headers = []
    for name, value in list(given.items())[:MOST]:
        known = canonical_name(name) if len(name) <= MOST_NAME else None
        if known is not None and known.lower() not in _OURS - also:
            found.append((name, one_line(str(value))))
    return found


def one_line(value: str) -> str:
    """Text in a form that fits on one header line."""
    text = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(text.split())[:MOST_CHARACTERS]
