"""Where a transfer goes and how (wire-facts §2.4): a destination's document, read once, its address checked.

How the caller gets there:
  `bye`    hung up on, nothing is dialled;
  `refer`  sent there by a REFER inside the dialog: the default;
  `dial`   called from here and joined with the caller: when `sipVerb` says so, in every warm mode (there is
           somebody to speak to first), and, unless `sipVerb` asks for a REFER, for an `extension`, which
           nobody could dial after one.
A phone that refuses the REFER is served by `dial` when the owner asked for neither a REFER nor a
fallbackPlan: whoever wrote one of those has said what is to happen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from offhook.conversation.tools import content_of
from offhook.network import Address
from offhook.network.guard import AddressGuard, AddressRefused
from offhook.schema.destination import CallDestination, TransferDestinationNumber, TransferPlan
from offhook.sip.errors import SipError
from offhook.sip.flow import TransportName
from offhook.sip.uri import Uri

Way = Literal["refer", "dial", "bye"]
Headers = list[tuple[str, str]]

FAILED: Final = "call.in-progress.error-transfer-failed"
DIAL_SECONDS: Final = 60.0
"""`dialTimeout` and `timeout` when the plan has none."""

MOST_HOPS: Final = 70
HOPS_A_TRANSFER: Final = 10
"""What a call from here takes off the caller's Max-Forwards. Numbers whose callers are sent on to each other
would otherwise call for ever (RFC 7332); so it ends at the sixth leg."""

BLIND: Final = ("blind-transfer", "blind-transfer-add-summary-to-sip-header")
SUMMARY_HEADER: Final = "X-Transfer-Summary"
MAX_HEADERS: Final = 32
MAX_HEADER_CHARACTERS: Final = 1000

_ADAPTER: Final[TypeAdapter[Any]] = TypeAdapter(CallDestination)
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!%*_+`'~.-]{1,64}")
_OURS: Final = frozenset(
    """
    accept allow authorization call-id contact content-encoding content-length content-type cseq event from
    max-forwards proxy-authorization proxy-require record-route refer-to replaces require route
    session-expires supported to via c e f i k l m o r s t u v x
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
"""Headers that make the message work; an owner's `sipHeaders` may not replace them."""


class TransferFailed(Exception):
    """The caller is still here. `status` is the one of `artifact.transfers[]`, `ended_reason` the call's if
    it ends for it."""

    def __init__(self, detail: str, status: str = "failed", ended_reason: str = FAILED) -> None:
        super().__init__(detail)
        self.status = status
        self.ended_reason = ended_reason


@dataclass(frozen=True, slots=True)
class Peer:
    """Where the caller's signalling comes from, and how many hops its INVITE had left (Max-Forwards)."""

    address: Address
    transport: TransportName = "udp"
    hops: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """`uri` is what a request or a Refer-To names, `address` where it is sent: both checked."""

    uri: Uri
    address: Address
    transport: TransportName


class Destination:
    """One destination of type number or sip. Raises TransferFailed for a document that is neither."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        try:
            self._settings = _ADAPTER.validate_python(document)
        except ValidationError as error:
            raise TransferFailed(f"the destination is not valid: {error.errors()[0]['msg']}") from error
        self._document = document
        self.plan: TransferPlan = self._settings.transfer_plan or TransferPlan(mode="blind-transfer")
        self.caller_id: str | None = self._settings.caller_id

    @property
    def warm(self) -> bool:
        return self.plan.mode not in BLIND

    @property
    def way(self) -> Way:
        verb = self.plan.sip_verb
        if verb == "bye":
            return "bye"
        if self.warm or verb == "dial" or (verb is None and self.extension):
            return "dial"
        return "refer"

    @property
    def dialled_when_refused(self) -> bool:
        """Whether to call the destination from here if the phone does not take the REFER."""
        return self.plan.sip_verb is None and self.plan.fallback_plan is None

    @staticmethod
    def hops_left(peer: Peer) -> int:
        """Max-Forwards of a call to the destination. Raises TransferFailed when there have been too many."""
        given = MOST_HOPS if peer.hops is None else min(peer.hops, MOST_HOPS)
        if given <= HOPS_A_TRANSFER:
            raise TransferFailed("the call has been transferred too often")
        return given - HOPS_A_TRANSFER

    @property
    def extension(self) -> str | None:
        """Keys to press once a number has answered."""
        settings = self._settings
        return settings.extension if isinstance(settings, TransferDestinationNumber) else None

    @property
    def message(self) -> str | None:
        """`transferPlan.message`: for the one who is called, not for the caller."""
        return content_of((self._document.get("transferPlan") or {}).get("message"))

    @property
    def headers(self) -> Headers:
        """`sipHeaders`, each on one line, without those that are ours to set."""
        given: Mapping[str, str] = getattr(self._settings, "sip_headers", None) or {}
        return [
            (name, one_line(value))
            for name, value in list(given.items())[:MAX_HEADERS]
            if _HEADER_NAME.fullmatch(name) and name.lower() not in _OURS
        ]

    async def target(self, peer: Peer, guard: AddressGuard) -> Target:
        """The SIP URI at an address that may be reached, or the number at `peer`, who sent us the call.
        Raises TransferFailed."""
        if isinstance(self._settings, TransferDestinationNumber):
            return self._number_at(self._settings, peer)
        try:
            uri = Uri.parse(self._settings.sip_uri)
        except SipError as error:
            raise TransferFailed(f"not a SIP URI: {error}") from error
        if uri.scheme != "sip" or not uri.host:
            raise TransferFailed("only sip: URIs can be reached")
        try:
            addresses = await guard.resolve(uri.host, uri.port or 5060)
        except (AddressRefused, OSError) as error:
            raise TransferFailed(f"the destination may not be reached: {error}") from error
        transport: TransportName = "tcp" if (uri.param("transport") or "").lower() == "tcp" else "udp"
        return Target(replace(uri, headers=()), addresses[0], transport)

    @staticmethod
    def _number_at(settings: TransferDestinationNumber, peer: Peer) -> Target:
        if settings.number_e164_check_enabled is not False and not _E164.fullmatch(settings.number):
            raise TransferFailed("the number is not in E.164 form (+14155550123)")
        address = peer.address
        host = f"[{address.host}]" if ":" in address.host else address.host
        port = "" if address.port == 5060 or peer.transport != "udp" else f":{address.port}"
        uri = Uri.parse(f"sip:{quote(settings.number, safe='+')}@{host}{port}")
        return Target(uri, address, peer.transport)


def fallback_of(document: Mapping[str, Any]) -> tuple[str | None, bool]:
    """What the caller is told when the transfer fails (None: the usual), and whether the call ends then."""
    fallback = (document.get("transferPlan") or {}).get("fallbackPlan") or {}
    return content_of(fallback.get("message")), fallback.get("endCallEnabled") is not False


def failure_of(status: int) -> TransferFailed:
    """What a final SIP status of the destination means."""
    detail = f"the destination answered {status}"
    if status in (486, 600, 603):
        return TransferFailed(detail, "busy", "call.forwarding.operator-busy")
    if status in (408, 480, 487):
        return TransferFailed(detail, "no-answer", "call.forwarding.no-answer")
    return TransferFailed(detail)


def one_line(value: str) -> str:
    """Fit for a header."""
    text = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(text.split())[:MAX_HEADER_CHARACTERS]
