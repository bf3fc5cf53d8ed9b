"""Whether a caller may call a number: digest authentication (vapi-wire §1.3, RFC 3261 §22)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from offhook.calls.admission.caller import MAX_URI
from offhook.network import Address
from offhook.network.sources import PeerRate, Sources
from offhook.schema.number import StoredPhoneNumber
from offhook.sip.digest import Challenge, Credentials, Nonces, verify
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request
from offhook.sip.messages.telephone import subscriber_of
from offhook.sip.messages.uri import Uri

WRONG: Final = (1.0, 10)
WRONG_OF_SOURCE: Final = (5.0, 50)
"""Rate of wrong credentials, per second and in a burst, for one address and port, and for one source. Above
it the node checks no more credentials from there, except those of callers whose credentials were right
before."""

MOST_LET_IN: Final = 4096
"""How many callers are remembered because their credentials were right."""

RETRY_AFTER: Final = (("Retry-After", "10"),)

MOST_CREDENTIALS: Final = 8
"""How many Authorization lines of one request are read. There is one for each realm on the way, usually a
single one."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What to refuse an INVITE with until it brings the right credentials."""

    status: int
    headers: tuple[tuple[str, str], ...]


class Admission:
    """Checks INVITEs against a number's `authentication`. A number without one accepts every caller, whatever
    credentials the INVITE carries. `realm` is used for numbers that name none. `time` is the loop's clock."""

    def __init__(
        self, nonces: Nonces, realm: Callable[[], str], sources: Sources, time: Callable[[], float]
    ) -> None:
        self._nonces = nonces
        self._realm = realm
        self._time = time
        self._wrong = PeerRate(sources, WRONG, WRONG_OF_SOURCE)
        self._let_in: dict[tuple[Address, str, str], None] = {}

    def challenge(self, request: Request, peer: Address, number: StoredPhoneNumber) -> Demand | None:
        """Returns None if the call may come in, else the refusal to send."""
        authentication = number.authentication
        if authentication is None:
            return None
        realm = authentication.realm or self._realm()
        given = _credentials(request, realm)
        caller = peer, str(number.id), str(request.from_.uri)[:MAX_URI]
        if given and caller not in self._let_in and self._wrong.exhausted(peer, self._time()):
            return Demand(480, RETRY_AFTER)
        stale = False
        for credentials in given:
            genuine = (
                credentials.username == authentication.username
                and _is_for(credentials, request)
                and verify(credentials, password=authentication.password, method=request.method)
            )
            if genuine and self._nonces.check(credentials) is None:
                self._remember(caller)
                return None
            # Right password, spent nonce: the phone may answer the new one without asking its owner.
            stale = genuine
        if given and not stale:
            self._wrong.admits(peer, self._time())
        return Demand(401, self._challenges(realm, stale))

    def demand(self) -> Demand:
        """What nobody can satisfy: to who may not call, whatever password it has."""
        return Demand(401, self._challenges(self._realm(), False))

    def _remember(self, caller: tuple[Address, str, str]) -> None:
        self._let_in.pop(caller, None)
        if len(self._let_in) >= MOST_LET_IN:
            del self._let_in[next(iter(self._let_in))]
        self._let_in[caller] = None

    def _challenges(self, realm: str, stale: bool) -> tuple[tuple[str, str], ...]:
        """MD5 comes first, although RFC 8760 §2.4 wants the stronger algorithm first: some phones (SIPp among
        them) read only the first challenge and do not know SHA-256. Phones that choose for themselves take
        SHA-256."""
        nonce = self._nonces.issue()
        return tuple(
            ("WWW-Authenticate", str(Challenge(realm, nonce, algorithm=algorithm, stale=stale)))
            for algorithm in ("MD5", "SHA-256")
        )


def _credentials(request: Request, realm: str) -> list[Credentials]:
    """The credentials for `realm`."""
    lines = request.headers.lines("Authorization")[:MOST_CREDENTIALS]
    return [one for one in map(_parse, lines) if one is not None and one.realm == realm]


def _is_for(credentials: Credentials, request: Request) -> bool:
    """Whether the credentials were made for this number. Only the user part is compared: a proxy may have put
    another host into the request (RFC 7616 §3.4.6 allows that). SIPp, and phones that sign for the server as
    a whole, name no user."""
    try:
        user = subscriber_of(Uri.parse(credentials.uri))
    except SipError:
        return False
    return not user or _compared(user) == _compared(subscriber_of(request.uri))


def _compared(user: str) -> str:
    """The user part in the form in which numbers are looked up: a proxy may have added a plus or removed
    it."""
    return user.lower().removeprefix("+")


def _parse(text: str) -> Credentials | None:
    try:
        return Credentials.parse(text)
    except SipError:
        return None
