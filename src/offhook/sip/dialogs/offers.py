"""Offers in a session that goes on: re-INVITE and UPDATE, one at a time (RFC 3261 §14, RFC 3311)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from offhook.sip.core import Core
from offhook.sip.dialogs.awaited import AwaitedAcks
from offhook.sip.dialogs.dialog_requests import REINVITE_LIMIT, DialogRequests
from offhook.sip.dialogs.exchange import InviteExchange
from offhook.sip.dialogs.handler import HeaderItems, SessionHandler
from offhook.sip.errors import SipError
from offhook.sip.messages.content import SDP, session_description
from offhook.sip.messages.message import Request, Response
from offhook.sip.screening import ALLOW
from offhook.sip.transactions.layer import ServerTransaction

GLARE_ATTEMPTS: Final = 4
"""How often a re-INVITE is repeated when the peer's crosses it each time."""


class OurOffer(StrEnum):
    """What of ours is under way that may bring an offer."""

    NONE = "none"
    INVITE = "re-INVITE"
    UPDATE = "UPDATE"


class OffersOwner(Protocol):
    """The session."""

    def must_live(self) -> None:
        """SipError 481 once it is over."""

    async def exchange(self, method: str, headers: HeaderItems, body: bytes) -> Response:
        """As `Session.request`, for any method."""

    async def invite_response(self, exchange: InviteExchange) -> Response:
        """The final response; what it says of the dialog is taken account of."""

    def accepting(self, request: Request) -> HeaderItems:
        """As `Session.accepting`."""


class Offers:
    """Who has offered, and who is to answer. `awaited`: 2xx of ours without their ACKs; some of these are to
    bring the answer to an offer of ours."""

    def __init__(
        self,
        core: Core,
        requests: DialogRequests,
        handler: SessionHandler,
        awaited: AwaitedAcks,
        owner: OffersOwner,
        *,
        caller: bool,
    ) -> None:
        self._core = core
        self._requests = requests
        self._handler = handler
        self._awaited = awaited
        self._owner = owner
        self._caller = caller
        self._ours = OurOffer.NONE
        self._quiet = asyncio.Event()  # no INVITE is under way in either direction, and no offer of ours
        self._quiet.set()

    # Ours

    async def update(self, headers: HeaderItems, body: bytes) -> Response:
        """Send an UPDATE. SipError 491 for one with an offer while another of ours is under way."""
        if body:
            if self._ours is not OurOffer.NONE:
                raise SipError(491)
            self._begin(OurOffer.UPDATE)
        try:
            response = await self._owner.exchange("UPDATE", headers, body)
        finally:
            if body:
                self._done()
        if response.status < 300:
            self._requests.refresh(response, None)
        return response

    async def reinvite(self, offer: Callable[[], bytes]) -> Response:
        """See `Session.reinvite`. `offer` gives the body of each attempt. One that is refused for its session
        interval is repeated with what the refusal asks for (RFC 4028 §7.3)."""
        longer = False
        for attempt in range(GLARE_ATTEMPTS):
            await self._until_quiet()
            self._owner.must_live()
            response = await self._invite(offer())
            if response.status == 422 and not longer:
                longer = True
                continue
            if response.status != 491 or attempt == GLARE_ATTEMPTS - 1:
                break
            await asyncio.sleep(self._glare_pause())
        return response

    async def _invite(self, body: bytes) -> Response:
        exchange = self._requests.invite(body)
        self._begin(OurOffer.INVITE)
        try:
            return await self._owner.invite_response(exchange)
        except asyncio.CancelledError:
            exchange.cancel()
            raise
        finally:
            self._done()

    def _begin(self, ours: OurOffer) -> None:
        self._ours = ours
        self._quiet.clear()

    def _done(self) -> None:
        self._ours = OurOffer.NONE
        self.quieten()

    async def _until_quiet(self) -> None:
        """Wait until nothing is under way (RFC 3261 §14.1). SipError 491 when it does not end."""
        try:
            async with asyncio.timeout(REINVITE_LIMIT + 2 * self._core.timings.timeout):
                while not self._quiet.is_set():
                    await self._quiet.wait()
        except TimeoutError:
            raise SipError(491) from None

    def _glare_pause(self) -> float:
        """Seconds, in units of 10 ms: 2.1 to 4 for the Call-ID's owner, else up to 2 (RFC 3261 §14.1)."""
        if self._caller:
            return self._core.rng.randrange(210, 401) / 100
        return self._core.rng.randrange(0, 201) / 100

    # The peer's

    def reinvited(self, request: Request, transaction: ServerTransaction) -> None:
        """Answer a re-INVITE. Raises SipError for one that comes at the wrong time, or that the handler does
        not want."""
        if self._ours is not OurOffer.NONE:
            raise SipError(491)
        if self._awaited.late:
            raise self._not_now()
        number, offer = request.cseq.number, session_description(request)
        self._accept(request, transaction, offer)
        self.await_ack(transaction, number, late=offer is None)

    def updated(self, request: Request, transaction: ServerTransaction) -> None:
        """The same for an UPDATE."""
        offer = session_description(request)
        if offer is None:
            self._requests.refresh(request, transaction.flow)
            headers = (self._requests.contact_for(request, transaction.flow), ("Allow", ALLOW))
            added = self._owner.accepting(request)
            self._core.answer(transaction, 200, headers=(*headers, *added))
            return
        # RFC 3311 §5.2: our offer is under way, or theirs waits for our answer.
        if self._ours is not OurOffer.NONE or self._awaited.late:
            raise SipError(491)
        self._accept(request, transaction, offer)

    def _accept(self, request: Request, transaction: ServerTransaction, offer: bytes | None) -> None:
        body = self._handler.reoffered(offer)
        self._requests.refresh(request, transaction.flow)
        headers = (
            self._requests.contact_for(request, transaction.flow),
            ("Allow", ALLOW),
            ("Content-Type", SDP),
            *self._owner.accepting(request),
        )
        self._core.answer(transaction, 200, headers=headers, body=body)

    def _not_now(self) -> SipError:
        """RFC 3261 §14.2: try again in up to ten seconds."""
        return SipError(500, "Offer Pending", (("Retry-After", str(self._core.rng.randrange(11))),))

    # Their ends

    def await_ack(self, transaction: ServerTransaction, number: int, late: bool) -> None:
        """Our 2xx to INVITE `number` was sent on `transaction`; `late` when it made the offer."""
        self._quiet.clear()
        self._awaited.add(transaction, number, late)
        # An RFC 2543 peer, or a careless one, acknowledges on the branch of its INVITE.
        transaction.on_ack = self._core.acknowledged

    def quieten(self) -> None:
        """An ACK came, or will not come."""
        if not self._awaited and self._ours is OurOffer.NONE:
            self._quiet.set()

    def end(self) -> None:
        """Whoever waits for quiet may look whether the session lives."""
        self._quiet.set()
