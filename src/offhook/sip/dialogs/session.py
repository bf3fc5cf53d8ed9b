"""Sessions: the INVITE usage of a dialog (RFC 3261 §13-15, RFC 3311)."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from offhook.log_context import CALL, working_for
from offhook.network import Address
from offhook.sip.allowance import Allowance
from offhook.sip.authentication import Login
from offhook.sip.core import Core
from offhook.sip.dialogs.awaited import AwaitedAck, AwaitedAcks
from offhook.sip.dialogs.dialog import Dialog
from offhook.sip.dialogs.exchange import Exchange, InviteExchange
from offhook.sip.dialogs.handler import Answer, HeaderItems, SessionHandler, usual_answer
from offhook.sip.dialogs.ways import Ways
from offhook.sip.errors import SipError
from offhook.sip.messages.content import SDP, session_description
from offhook.sip.messages.message import Request, Response
from offhook.sip.screening import ALLOW
from offhook.sip.sender import Sending
from offhook.sip.transactions.layer import ServerTransaction
from offhook.sip.transports.transport import Flow

log = logging.getLogger(__name__)

REINVITE_LIMIT: Final = 60.0
"""Seconds that a peer may think about a re-INVITE before it is cancelled."""
GLARE_ATTEMPTS: Final = 4
"""How often a re-INVITE is repeated when the peer's crosses it each time."""


class Session:
    """One established call. `closed` is set when it is over: BYE received, our BYE answered, or lost.

    `peer` is where the last request of the peer came from; None before the first."""

    def __init__(
        self,
        core: Core,
        dialog: Dialog,
        handler: SessionHandler,
        *,
        ways: Ways,
        contact: str,
        login: Login | None = None,
    ) -> None:
        self.dialog = dialog
        self.peer: Address | None = None
        self.closed = asyncio.Event()
        self._core = core
        self._handler = handler
        self._ways = ways
        # Of an INVITE that nobody has vouched for yet: its sender may be forged.
        self._unproven: ServerTransaction | None = None
        self._contact = contact
        self._login = login
        self._over = False  # nothing more is told to the handler
        self._awaited = AwaitedAcks(core, handler.octets_heard, self._unacknowledged)
        self._first_ack = dialog.caller
        self._bye_due = False  # a BYE of ours is to be sent, if it was not
        self._bye: Exchange | None = None
        self._inviting: InviteExchange | None = None
        self._offering = False  # an UPDATE of ours with an offer is under way
        self._quiet = asyncio.Event()  # no INVITE is under way in either direction
        self._quiet.set()
        self._exchanges: set[Exchange] = set()
        self._call = CALL.get()
        core.enter(dialog.key, self)

    @property
    def connection(self) -> Flow | None:
        return self._ways.connection

    # Towards the peer

    def bye(self) -> None:
        """Hang up. Before the ACK of the call has come the BYE waits for it (RFC 3261 §15), for 64*T1 at
        the most. May be called again."""
        if self._over:
            return
        self._over = True
        self._bye_due = True
        if self._first_ack:
            self._send_bye()

    async def request(
        self, method: str, headers: HeaderItems = (), body: bytes = b"", content_type: str | None = None
    ) -> Response:
        """Send a request within the dialog and wait for its final response, whatever its status. Raises
        SipError 408 when none comes, 503 when it cannot be sent, 481 when the session is over."""
        self._must_live()
        items = list(headers)
        if content_type is not None:
            items.append(("Content-Type", content_type))
        if method != "UPDATE":
            contact = self._contact if method in _WITH_CONTACT else None
            return await self._exchange(method, items, body, contact)
        if body and (self._offering or self._inviting is not None):
            raise SipError(491)
        self._offering = bool(body)
        try:
            response = await self._exchange(method, items, body, self._contact)
        finally:
            self._offering = False
        if response.status < 300:
            self._refresh(response, None)
        return response

    async def reinvite(self, body: bytes) -> Response:
        """Offer `body` anew and wait for the final response, whose body is the answer if it is a 2xx (it
        is acknowledged already). When the peer's re-INVITE crosses ours, ours is repeated after the pause
        of RFC 3261 §14.1. Raises SipError as `request` does; a refusal leaves the session as it was."""
        for attempt in range(GLARE_ATTEMPTS):
            await self._until_quiet()
            self._must_live()
            response = await self._invite(body)
            if response.status != 491 or attempt == GLARE_ATTEMPTS - 1:
                break
            await asyncio.sleep(self._glare_pause())
        return response

    # From the user agent

    def established(self, transaction: ServerTransaction, number: int, late: bool) -> None:
        """Our 2xx to INVITE `number` was sent on `transaction`; `late` when it made the offer."""
        self._unproven = transaction if transaction.allowance is not None else None
        self._await_ack(transaction, number, late)

    def acknowledged(self, request: Request) -> None:
        """An ACK: ends the repetition of its 2xx and of all earlier ones."""
        self._proven()
        found = self._awaited.came(request.cseq.number)
        if found is None:
            return
        with working_for(self._call):
            self._acknowledged(request, found)

    def _acknowledged(self, request: Request, found: AwaitedAck) -> None:
        self._quieten()
        first, self._first_ack = not self._first_ack, True
        if self._over:
            if self._bye_due and self._bye is None:
                self._send_bye()
            self._settle()
        elif first or found.late:
            self._tell_acknowledged(request)

    def received(self, request: Request, transaction: ServerTransaction) -> None:
        """A new request of the peer in this dialog."""
        with working_for(self._call):
            self._received(request, transaction)

    def _received(self, request: Request, transaction: ServerTransaction) -> None:
        self._ways.heard(transaction.flow)
        self._proven()
        if self._ways.signals_from(transaction.flow):
            transaction.allowance = None
        try:
            self.dialog.accept(request)
            self.peer = transaction.flow.remote
            if request.method == "BYE":
                self._hung_up(request, transaction)
            elif self._over:
                raise SipError(481)
            elif request.method == "INVITE":
                self._reinvited(request, transaction)
            elif request.method == "UPDATE":
                self._updated(request, transaction)
            else:
                self._answer(transaction, self._handler.requested(request) or usual_answer(request))
        except SipError as refusal:
            self._core.answer(transaction, refusal.status, refusal.reason, headers=refusal.headers)
        except Exception:
            log.exception("a %s could not be handled sip-call=%s", request.method, self.dialog.call_id)
            self._core.answer(transaction, 500)

    def _proven(self) -> None:
        """Somebody has read our 2xx: its tag is known."""
        if self._unproven is not None:
            self._unproven.allowance = None
            self._unproven = None

    def end(self) -> None:
        """Forget everything at once; the peer and the handler hear nothing."""
        self._over = True
        self._awaited.stop()
        for exchange in tuple(self._exchanges):
            exchange.end()
        self._bye = None
        self._settle()

    # BYE

    def _hung_up(self, request: Request, transaction: ServerTransaction) -> None:
        self._core.answer(transaction, 200)
        # After our own BYE this is one that crossed it; before the ACK, the one of a caller who has not
        # seen our 2xx, which goes on until it is acknowledged.
        first, self._over = not self._over, True
        self._bye_due = False
        self._settle()
        self.closed.set()
        if first:
            self._handler.hung_up(request)

    def _send_bye(self) -> None:
        self._bye = self._start("BYE", (), b"", None)
        self._bye.outcome.add_done_callback(self._bye_done)

    def _bye_done(self, outcome: object) -> None:
        self._bye = None
        self._settle()

    def _settle(self) -> None:
        """Leave the registry once nothing more can come that is ours."""
        if not self._over or self._bye is not None:
            return
        if not self._bye_due or self._first_ack:
            self.closed.set()
            self._quiet.set()
        if not self._awaited:
            self._core.leave(self.dialog.key, self)

    def _lost(self, reason: str, *, bye: bool) -> None:
        if self._over:
            return
        self._over = True
        if bye:
            self._bye_due = True
            self._send_bye()
        else:
            self._settle()
        log.info("dialog lost: %s sip-call=%s", reason, self.dialog.call_id)
        self._handler.gone(reason)

    # The peer's re-INVITE and UPDATE

    def _reinvited(self, request: Request, transaction: ServerTransaction) -> None:
        if self._inviting is not None or self._offering:
            raise SipError(491)
        if self._awaited.late:
            raise self._not_now()
        number, offer = request.cseq.number, session_description(request)
        body = self._handler.reoffered(offer)
        self._refresh(request, transaction.flow)
        self._core.answer(transaction, 200, headers=self._media_headers(transaction.flow), body=body)
        self._await_ack(transaction, number, late=offer is None)

    def _updated(self, request: Request, transaction: ServerTransaction) -> None:
        offer = session_description(request)
        if offer is None:
            self._refresh(request, transaction.flow)
            contact = ("Contact", self._core.sender.contact(self._contact, transaction.flow))
            self._core.answer(transaction, 200, headers=(contact, ("Allow", ALLOW)))
            return
        # RFC 3311 §5.2: our offer is under way, or theirs waits for our answer.
        if self._inviting is not None or self._offering:
            raise SipError(491)
        if self._awaited.late:
            raise SipError(491)
        body = self._handler.reoffered(offer)
        self._refresh(request, transaction.flow)
        self._core.answer(transaction, 200, headers=self._media_headers(transaction.flow), body=body)

    def _refresh(self, message: Request | Response, flow: Flow | None) -> None:
        """Take over the Contact of a target refresh, and another way to the peer if it has moved."""
        before = self.dialog.target
        self.dialog.refresh(message)
        target = self.dialog.target
        moved = (target.host, target.port) != (before.host, before.port)
        if self.dialog.routes:
            return
        if isinstance(message, Request) and flow is not None:
            self._ways.refreshed(message, flow, target, moved=moved)
        elif moved:
            self._ways.forget()

    def _await_ack(self, transaction: ServerTransaction, number: int, late: bool) -> None:
        self._quiet.clear()
        self._awaited.add(transaction, number, late)
        # An RFC 2543 peer, or a careless one, acknowledges on the branch of its INVITE.
        transaction.on_ack = self._core.acknowledged

    def _unacknowledged(self) -> None:
        self._quieten()
        first_missing, self._first_ack = not self._first_ack, True
        if self._over:
            if first_missing and self._bye_due:
                self._send_bye()
            self._settle()
            return
        self._over = True
        self._bye_due = True
        self._send_bye()
        with working_for(self._call):
            log.info("no ACK came sip-call=%s", self.dialog.call_id)
            self._handler.unacknowledged()

    def _tell_acknowledged(self, request: Request) -> None:
        try:
            body = session_description(request) or b""
        except SipError:
            body = b""
        self._handler.acknowledged(body)

    # Our requests

    async def _exchange(
        self, method: str, headers: HeaderItems, body: bytes, contact: str | None
    ) -> Response:
        exchange = self._start(method, headers, body, contact)
        try:
            response = await exchange.response()
        except SipError as error:
            if error.status == 408:
                self._lost("no answer", bye=True)
            elif error.status == 503:
                self._lost("transport failed", bye=False)
            raise
        self._weigh(response)
        return response

    def _weigh(self, response: Response) -> None:
        """These two say of the dialog, not of the request, that it has failed (RFC 3261 §12.2.1.2)."""
        if response.status == 481:
            self._lost("the peer does not know the dialog", bye=False)
        elif response.status == 408:
            self._lost("no answer", bye=True)

    def _start(self, method: str, headers: HeaderItems, body: bytes, contact: str | None) -> Exchange:
        items = (*headers, ("User-Agent", self._core.product))

        def build(authorization: tuple[tuple[str, str], ...]) -> Request:
            return self.dialog.request(method, (*items, *authorization), body)

        ways, allowance = self._ways.in_order(), self._ways.allowance
        if self._unproven is not None:
            # Contact and Record-Route may name anybody: only where the answer went, and no more than that.
            ways, allowance = (self._unproven.flow,), self._allowance_of_invite
        exchange = Exchange(
            self._core,
            build,
            self.dialog.next_hop,
            ways=ways,
            contact=contact,
            login=self._login,
            allowance=allowance,
        )
        return self._own(exchange)

    def _allowance_of_invite(self, flow: Flow) -> Allowance | None:
        return None if self._unproven is None else self._unproven.allowance

    def _own(self, exchange: Exchange) -> Exchange:
        self._exchanges.add(exchange)
        exchange.outcome.add_done_callback(lambda _: self._exchanges.discard(exchange))
        return exchange

    async def _invite(self, body: bytes) -> Response:
        items = (("Content-Type", SDP), ("Allow", ALLOW), ("User-Agent", self._core.product))
        acks: list[Sending] = []

        def build(authorization: tuple[tuple[str, str], ...]) -> Request:
            return self.dialog.request("INVITE", (*items, *authorization), body)

        def succeeded(exchange: InviteExchange, response: Response) -> None:
            if acks:
                acks[0].repeat()
                return
            self._refresh(response, None)
            acks.append(self.acknowledge(exchange.request))

        exchange = InviteExchange(
            self._core,
            build,
            self.dialog.next_hop,
            on_provisional=None,
            on_success=succeeded,
            limit=REINVITE_LIMIT,
            ways=self._ways.in_order(),
            allowance=self._ways.allowance,
            contact=self._contact,
            login=self._login,
        )
        self._own(exchange)
        self._inviting = exchange
        self._quiet.clear()
        try:
            response = await exchange.response()
        except asyncio.CancelledError:
            exchange.cancel()
            raise
        except SipError as error:
            if error.status == 408:
                self._lost("no answer", bye=True)
            raise
        finally:
            self._inviting = None
            self._quieten()
        self._weigh(response)
        return response

    def acknowledge(self, invite: Request) -> Sending:
        """Send the ACK for the 2xx to our `invite` (RFC 3261 §13.2.2.4)."""
        headers = [("User-Agent", self._core.product)]
        headers += [item for item in invite.headers.items() if item[0] in _CREDENTIALS]
        ack = self.dialog.ack(invite.cseq.number, headers)
        flow, *others = self._ways.in_order()
        return self._core.sender.send(
            ack,
            self.dialog.next_hop,
            None,
            flow=flow,
            allowance=self._ways.allowance,
            otherwise=others[-1] if others else None,
        )

    def _media_headers(self, flow: Flow) -> tuple[tuple[str, str], ...]:
        contact = self._core.sender.contact(self._contact, flow)
        return (("Contact", contact), ("Allow", ALLOW), ("Content-Type", SDP))

    def _answer(self, transaction: ServerTransaction, answer: Answer) -> None:
        if isinstance(answer, int):
            self._core.answer(transaction, answer)
        else:
            status, headers, body = answer
            self._core.answer(transaction, status, headers=headers, body=body)

    def _quieten(self) -> None:
        if not self._awaited and self._inviting is None:
            self._quiet.set()

    async def _until_quiet(self) -> None:
        """Wait until no INVITE is under way (RFC 3261 §14.1). SipError 491 when one does not end."""
        try:
            async with asyncio.timeout(REINVITE_LIMIT + 2 * self._core.timings.timeout):
                while not self._quiet.is_set():
                    await self._quiet.wait()
        except TimeoutError:
            raise SipError(491) from None

    def _must_live(self) -> None:
        if self._over:
            raise SipError(481)

    def _not_now(self) -> SipError:
        """RFC 3261 §14.2: try again in up to ten seconds."""
        return SipError(500, "Offer Pending", (("Retry-After", str(self._core.rng.randrange(11))),))

    def _glare_pause(self) -> float:
        """Seconds, in units of 10 ms: 2.1 to 4 for the Call-ID's owner, else up to 2 (RFC 3261 §14.1)."""
        if self.dialog.caller:
            return self._core.rng.randrange(210, 401) / 100
        return self._core.rng.randrange(0, 201) / 100


_WITH_CONTACT: Final = ("REFER", "NOTIFY")
"""Requests besides INVITE and UPDATE that must have one (RFC 3515 §2, RFC 6665 §8.2.1)."""
_CREDENTIALS: Final = ("Authorization", "Proxy-Authorization")
