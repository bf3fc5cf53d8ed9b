"""What an INVITE tells about the caller: `customer`, and the variables that its X- headers carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from offhook.schema.calls.call_document import CustomerDocument
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import Request
from offhook.sip.messages.telephone import e164, subscriber_of

MAX_VARIABLES: Final = 64
MAX_VALUE_CHARACTERS: Final = 2000
MAX_NAME: Final = 40
MAX_IDENTITIES: Final = 4
MAX_KEPT_CHARACTERS: Final = 8000
"""Characters of all variables together, with their names. The caller decides how many headers there are, and
all variables are stored with the call."""
MAX_URI: Final = 300
"""Characters of a SIP URI, or of a Call-ID, that are stored with the call."""


def customer(request: Request, *, trusted: bool = False) -> dict[str, Any]:
    """`customer` from the From header: display name, number (in E.164 where it is sure) or user, and the
    URI (vapi-wire §2.1). Of a tel URI the number alone; a user of more than 40 characters, the API's limit,
    is left to the URI. From P-Asserted-Identity instead where whoever brings the call is `trusted` to know
    (RFC 3325 §8), unless the caller has withheld it (RFC 3323 §4.2)."""
    caller = (_asserted(request) if trusted else None) or request.from_
    number = e164(caller.uri)
    return CustomerDocument(
        number=number if 0 < len(number) <= MAX_NAME else None,
        name=caller.display_name[:MAX_NAME] if caller.display_name else None,
        sip_uri=str(caller.uri)[:MAX_URI] if caller.uri.is_sip else None,
    ).given()


def _asserted(request: Request) -> NameAddr | None:
    """The identity that has a telephone number before one that has none (RFC 3325 §9.1)."""
    withheld = {part.strip().lower() for part in (request.headers.get("Privacy") or "").split(";")}
    if withheld & {"id", "user"}:
        return None
    found = []
    for text in request.headers.get_all("P-Asserted-Identity")[:MAX_IDENTITIES]:
        with suppress(SipError):
            found.append(NameAddr.parse(text))
    found.sort(key=lambda one: not e164(one.uri).startswith("+"))
    asserted = found[0] if found else None
    if asserted is None or asserted.display_name or not subscriber_of(asserted.uri):
        return asserted
    return replace(asserted, display_name=request.from_.display_name)


def header_variables(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """`X-` headers as variables: the name lower-cased, without the prefix, hyphens kept (vapi-wire §2.2).

    The first of several headers with one name wins."""
    variables: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered.startswith("x-") and len(lowered) > 2 and len(variables) < MAX_VARIABLES:
            variables.setdefault(lowered[2:], value.strip()[:MAX_VALUE_CHARACTERS])
    return variables


def kept(variables: Mapping[str, str]) -> dict[str, str]:
    """Those variables that are stored with a call, in their order. The last one may be cut."""
    cut: dict[str, str] = {}
    left = MAX_KEPT_CHARACTERS
    for name, value in variables.items():
        left -= len(name)
        if left <= 0:
            break
        cut[name] = value[:left]
        left -= len(cut[name])
    return cut
