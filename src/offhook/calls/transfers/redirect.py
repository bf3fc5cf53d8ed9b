"""Where to call next: where a redirection leads (RFC 3261 §8.1.3.4), and whether another address of the same
host may do better (RFC 3263 §4.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from offhook.sip.errors import SipError
from offhook.sip.messages.headers import Headers, NameAddr
from offhook.sip.messages.uri import Uri

FOLLOWED: Final = frozenset({300, 301, 302})
"""305 names a proxy and 380 another service (RFC 3261 §21.3.4, §21.3.5): neither is another address of the
called."""
MOST_TARGETS: Final = 5
"""Addresses that are tried for one transfer, including the first."""


def contacts_of(error: SipError) -> list[Uri]:
    """The SIP URIs in the Contacts of a redirection, those with the highest `q` first, at most MOST_TARGETS.
    Empty for any other response. Contacts that cannot be read, and other schemes, are left out."""
    if error.status not in FOLLOWED:
        return []
    found: list[tuple[float, Uri]] = []
    for text in Headers(error.headers).get_all("Contact")[: 4 * MOST_TARGETS]:
        try:
            contact = NameAddr.parse(text)
        except SipError:
            continue
        if contact.uri.scheme == "sip":
            found.append((_likelihood(contact.param("q")), replace(contact.uri, headers=())))
    found.sort(key=lambda pair: -pair[0])
    return [uri for _, uri in found[:MOST_TARGETS]]


def nobody_there(error: SipError) -> bool:
    """Whether the address failed and not the called party: 503, or no response at all (which, unlike a 408
    from the party, has no headers)."""
    return error.status == 503 or (error.status == 408 and not error.headers)


def _likelihood(q: str | None) -> float:
    """The `q` of a Contact, 0 to 1. It is 1 if there is none, or if it is no such number."""
    try:
        value = float(q or 1)
    except ValueError:
        return 1.0
    return value if 0 <= value <= 1 else 1.0
