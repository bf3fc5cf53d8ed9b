"""Where a transfer goes and how (vapi-wire §2.4): what a destination says, its address checked.

How the caller gets there:
  `bye`    hung up on, nothing is dialled;
  `refer`  sent there by a REFER inside the dialog: the default;
  `dial`   called from here and joined with the caller: when `sipVerb` says so, in every warm mode (there is
           somebody to speak to first), and, unless `sipVerb` asks for a REFER, for an `extension`, which
           nobody could dial after one, and through the trunk, where the caller's phone has no login.
A phone that refuses the REFER is served by `dial` when the owner asked for neither a REFER nor a
fallbackPlan: whoever wrote one of those has said what is to happen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from offhook.calls.owners_headers import Headers, owners_headers
from offhook.calls.transfers.trunk import Trunk, Trunks
from offhook.conversation.tools.tool_messages import content_of
from offhook.network import Address
from offhook.network.guard import AddressGuard, AddressRefused
from offhook.schema.number import E164
from offhook.schema.tools.destination import (
    BLIND_TRANSFER,
    CallDestination,
    TransferDestinationNumber,
    TransferPlan,
)
from offhook.sip.errors import SipError
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.table import TRANSPORTS, transport_of
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.udp import UDP

FAILED: Final = "call.in-progress.error-transfer-failed"
DIAL_SECONDS: Final = 60.0
"""`dialTimeout` and `timeout` when the plan has none."""

MOST_HOPS: Final = 70
HOPS_A_TRANSFER: Final = 10
"""What a call from here takes off the caller's Max-Forwards. Without this, numbers whose callers are
transferred to each other would call for ever (RFC 7332); with it the chain ends at the sixth leg."""

ADD_SUMMARY: Final = "blind-transfer-add-summary-to-sip-header"
BLIND: Final = ("blind-transfer", ADD_SUMMARY)
EXPERIMENTAL: Final = "warm-transfer-experimental"
TWIML: Final = "warm-transfer-twiml"
SUMMARY_HEADER: Final = "X-Transfer-Summary"


class TransferFailed(Exception):
    """The transfer failed and the caller is still here. `status` goes into `artifact.transfers[]`;
    `ended_reason` is the call's, if the call ends for it."""

    def __init__(self, detail: str, status: str = "failed", ended_reason: str = FAILED) -> None:
        super().__init__(detail)
        self.status = status
        self.ended_reason = ended_reason


@dataclass(frozen=True, slots=True)
class Peer:
    """Where the caller's signalling comes from, and how many hops its INVITE had left (Max-Forwards)."""

    address: Address
    transport: Transport = UDP
    hops: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """`uri` is what a request or a Refer-To names, `address` where it is sent, `others` the addresses to try
    next. All are checked. `trunk`: the trunk that the URI leads to, if it leads to one.
    `otherwise`: another way to the same party, after all of these."""

    uri: Uri
    address: Address
    transport: Transport
    trunk: Trunk | None = None
    others: tuple[Address, ...] = ()
    otherwise: Target | None = None


class Destination:
    """What the settings of one destination mean."""

    def __init__(self, settings: CallDestination) -> None:
        self._settings = settings
        self.plan: TransferPlan = settings.transfer_plan or BLIND_TRANSFER
        self.caller_id: str | None = settings.caller_id

    @property
    def warm(self) -> bool:
        return self.plan.mode not in BLIND

    @property
    def hangs_up(self) -> bool:
        return self.plan.sip_verb == "bye"

    def refers(self, target: Target, peer: Peer) -> bool:
        """Whether the phone itself is asked to call the destination, by REFER."""
        verb = self.plan.sip_verb
        if self.warm or verb == "dial":
            return False
        stranger = target.trunk is not None and target.address.host != peer.address.host
        return verb == "refer" or not (self.extension or stranger)

    @property
    def dialled_when_refused(self) -> bool:
        """Whether the node calls the destination if the phone refuses the REFER."""
        return self.plan.sip_verb is None and self.plan.fallback_plan is None

    @staticmethod
    def hops_left(peer: Peer) -> int:
        """Max-Forwards for a call to the destination. Raises TransferFailed if the call has been transferred
        too often."""
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
        return content_of(self.plan.message)

    @property
    def summarised(self) -> bool:
        """Whether the party that answers gets a summary of the call."""
        mode, plan = self.plan.mode, self.plan
        if plan.summary_plan is not None and plan.summary_plan.enabled is False:
            return False
        if mode == EXPERIMENTAL:
            return self.message is None and not plan.transfer_assistant
        return mode == ADD_SUMMARY or mode.endswith("say-summary")

    @property
    def headers(self) -> Headers:
        """`sipHeaders`, each on one line, without the headers that only we may set."""
        return owners_headers(getattr(self._settings, "sip_headers", None) or {})

    async def target(self, peer: Peer, guard: AddressGuard, trunks: Trunks) -> Target:
        """A SIP URI with its address looked up and checked; a number at a trunk if there is one, else at
        `peer`, which sent us the call. Raises TransferFailed."""
        settings = self._settings
        if not isinstance(settings, TransferDestinationNumber):
            return await target_of(_parsed(settings.sip_uri), guard, trunks)
        number = settings.number
        if settings.number_e164_check_enabled is not False and not E164.fullmatch(number):
            raise TransferFailed("the number is not in E.164 form (+14155550123)")
        if trunks.for_numbers:
            return await _through(trunks, number, guard)
        address = peer.address
        # The far end of a connection is no port that it listens on.
        usual = peer.transport.reliable or address.port == peer.transport.default_port
        port = None if usual else address.port
        return Target(Uri("sip", user=number, host=address.host, port=port), address, peer.transport)


async def _through(trunks: Trunks, number: str, guard: AddressGuard) -> Target:
    """A number at the first gateway that may be reached, with those to try next. Raises TransferFailed."""
    ways = [target_of(one.uri_of(number), guard, trunks) for one in trunks.for_numbers if not one.is_down]
    failed: BaseException = TransferFailed("no gateway of the trunk answers")
    found: Target | None = None
    # Beside each other: a name that nobody answers for must not keep the caller waiting for the next one.
    for looked_up in reversed(await asyncio.gather(*ways, return_exceptions=True)):
        if isinstance(looked_up, Target):
            found = replace(looked_up, otherwise=found)
        elif isinstance(looked_up, TransferFailed):
            failed = looked_up
        else:
            raise looked_up
    if found is None:
        raise failed
    return found


async def target_of(uri: Uri, guard: AddressGuard, trunks: Trunks) -> Target:
    """Looks up where a SIP URI leads, and checks the address. Raises TransferFailed."""
    try:
        transport = transport_of(uri)
    except SipError as error:
        raise TransferFailed(
            f"only sip: URIs over {' and '.join(one.protocol for one in TRANSPORTS.values())} can be reached"
        ) from error
    if not uri.host:
        raise TransferFailed("the SIP URI names no host")
    node = trunks.node
    judge = node.guard if node is not None and node.is_named_by(uri) else guard
    try:
        addresses = await judge.resolve(uri.host, uri.port or transport.default_port)
    except (AddressRefused, OSError) as error:
        raise TransferFailed(f"the destination may not be reached: {error}") from error
    trunk = await trunks.at(uri, addresses)
    if trunk is not None and not trunk.allows(uri.user):
        raise TransferFailed("the trunk may not call this number")
    return Target(replace(uri, headers=()), addresses[0], transport, trunk, tuple(addresses[1:]))


def _parsed(text: str) -> Uri:
    try:
        return Uri.parse(text)
    except SipError as error:
        raise TransferFailed(f"not a SIP URI: {error}") from error


def not_answered(seconds: float) -> TransferFailed:
    detail = f"the destination did not answer within {seconds:g} s"
    return TransferFailed(detail, "no-answer", "call.forwarding.no-answer")


def failure_of(status: int) -> TransferFailed:
    """The failure that a final SIP status of the destination means."""
    detail = f"the destination answered {status}"
    if status in (486, 600, 603):
        return TransferFailed(detail, "busy", "call.forwarding.operator-busy")
    if status in (408, 480, 487):
        return TransferFailed(detail, "no-answer", "call.forwarding.no-answer")
    return TransferFailed(detail)
