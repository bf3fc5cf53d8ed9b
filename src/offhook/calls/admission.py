"""Whether a caller may call a number: digest authentication (wire-facts §1.3, RFC 3261 §22)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from offhook.sip.digest import Challenge, Credentials, Nonces, verify
from offhook.sip.errors import SipError
from offhook.sip.message import Request
from offhook.sip.telephone import subscriber_of
from offhook.sip.uri import Uri

MOST_CREDENTIALS: Final = 8
"""Authorization lines that are looked at: one for each realm on the way, as a rule one."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What to refuse an INVITE with until it brings the right credentials."""

    status: int
    headers: tuple[tuple[str, str], ...]


class Admission:
    """Checks INVITEs against a number's `authentication`; a number without one takes every caller,
    whatever credentials come along. `realm` is the one of numbers that name none."""

    def __init__(self, nonces: Nonces, realm: Callable[[], str]) -> None:
        self._nonces = nonces
        self._realm = realm

    def challenge(self, request: Request, number: Mapping[str, Any]) -> Demand | None:
        """None to let the call in, else how to refuse it."""
        authentication = number.get("authentication")
        if not authentication:
            return None
        realm = authentication.get("realm") or self._realm()
        stale = False
        for text in request.headers.lines("Authorization")[:MOST_CREDENTIALS]:
            credentials = _parse(text)
            if credentials is None or credentials.realm != realm:
                continue
            genuine = (
                credentials.username == authentication["username"]
                and _is_for(credentials, request)
                and verify(credentials, password=authentication["password"], method=request.method)
            )
            if genuine and self._nonces.check(credentials) is None:
                return None
            # Right password, spent nonce: the phone may answer the new one without asking its owner.
            stale = genuine
        return Demand(401, self._challenges(realm, stale))

    def _challenges(self, realm: str, stale: bool) -> tuple[tuple[str, str], ...]:
        """MD5 first, though RFC 8760 §2.4 wants the stronger one there: phones in the field (SIPp among them)
        look at the first challenge only, and know no SHA-256. Those that choose for themselves can."""
        nonce = self._nonces.issue()
        return tuple(
            ("WWW-Authenticate", str(Challenge(realm, nonce, algorithm=algorithm, stale=stale)))
            for algorithm in ("MD5", "SHA-256")
        )


def _is_for(credentials: Credentials, request: Request) -> bool:
    """Whether they were made for this number. Only whom it names is compared: on the way to us a proxy may
    have put another host into the request (RFC 7616 §3.4.6 leaves room for that). SIPp, and phones that sign
    for the server as a whole, name no user."""
    try:
        user = subscriber_of(Uri.parse(credentials.uri))
    except SipError:
        return False
    return not user or user.lower() == subscriber_of(request.uri).lower()


def _parse(text: str) -> Credentials | None:
    try:
        return Credentials.parse(text)
    except SipError:
        return None
