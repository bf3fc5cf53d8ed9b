"""Which requests are refused before anybody looks at them (RFC 3261 §8.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from offhook.sip.errors import BadSyntax, SipError
from offhook.sip.messages.content import SDP, session_description
from offhook.sip.messages.grammar import token
from offhook.sip.messages.headers import MediaType
from offhook.sip.messages.message import METHODS, Request
from offhook.sip.transports.table import default_port

ALLOWED: Final = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "MESSAGE",
    "NOTIFY",
    "REFER",
)
"""The methods that we take, the last five within a dialog only."""
ALLOW: Final = ", ".join(ALLOWED)

SIPS_NOT_ALLOWED: Final = ("Warning", '380 offhook "SIPS Not Allowed"')
"""Of a `sips:` request that came over a transport on which it was no secret (RFC 5630 §6.1): `sip:` is."""

IsOurs = Callable[[str, int], bool]
"""Whether a host and port are ours."""


def allow_without(method: str) -> tuple[str, str]:
    """The Allow header of a 405 for `method`."""
    return "Allow", ", ".join([name for name in ALLOWED if name != method])


def screen(
    request: Request, is_ours: IsOurs, options: Sequence[str] = (), *, secure: bool = False
) -> SipError | None:
    """The refusal of a request (never an ACK or CANCEL), None when it may go on. `secure`: it came over a
    transport that nobody reads along on."""
    try:
        _hops(request, is_ours)
        _method(request)
        if not (request.uri.is_sip or request.uri.scheme == "tel"):
            raise SipError(416)
        if request.uri.scheme == "sips" and not secure:
            raise SipError(480, "SIPS Not Allowed", (SIPS_NOT_ALLOWED,))
        _extensions(request, options)
        if request.method in ("INVITE", "UPDATE"):
            session_description(request)
            _accepts_sdp(request)
    except SipError as error:
        return error
    return None


def _hops(request: Request, is_ours: IsOurs) -> None:
    """The top Via is not asked: peers behind translations may have our own private address."""
    if request.max_forwards == 0 and request.method != "OPTIONS":
        raise SipError(483)
    for via in request.vias[1:]:
        if is_ours(via.host, via.port or default_port(via)):
            raise SipError(483, "Loop Detected")


def _method(request: Request) -> None:
    method = request.method
    if method in ALLOWED:
        return
    if method in METHODS:
        raise SipError(405, headers=(allow_without(method),))
    raise SipError(501, headers=(("Allow", ALLOW),))


def _accepts_sdp(request: Request) -> None:
    """RFC 3261 §8.2.3: who does not take SDP cannot have a call of us."""
    try:
        accepted = request.headers.all("accept", MediaType.parse)
    except BadSyntax:
        return  # as if it were not there (RFC 3261 §8.2.2)
    if accepted and not any(one.accepts(SDP) for one in accepted):
        raise SipError(406)


def _extensions(request: Request, options: Sequence[str]) -> None:
    """RFC 3261 §8.2.2.3: a peer can only insist on what we have."""
    missing = [one for one in request.headers.all("require", _option_tag) if one.lower() not in options]
    if missing:
        raise SipError(420, headers=(("Unsupported", ", ".join(missing)),))


def _option_tag(text: str) -> str:
    if not token(text):
        raise BadSyntax("Malformed Require")
    return text
