"""Sessions: the INVITE usage of a dialog (RFC 3261 §13-15, RFC 3311)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final

from offhook.log_context import CALL, working_for
from offhook.network import Address
from offhook.sip.authentication import Login
from offhook.sip.core import Core
from offhook.sip.dialogs.awaited import AwaitedAck, AwaitedAcks
from offhook.sip.dialogs.dialog import Dialog
from offhook.sip.dialogs.dialog_requests import DialogRequests
from offhook.sip.dialogs.exchange import InviteExchange
from offhook.sip.dialogs.extension import supported
from offhook.sip.dialogs.handler import Answer, HeaderItems, SessionHandler, usual_answer
from offhook.sip.dialogs.offers import Offers
from offhook.sip.dialogs.session_table import LIVE, TABLE, SessionAct, SessionSignal, SessionState
from offhook.sip.dialogs.ways import Ways
from offhook.sip.errors import SipError
from offhook.sip.messages.content import described
from offhook.sip.messages.message import Request, Response
from offhook.sip.request_sender import Sending
from offhook.sip.transactions.layer import ServerTransaction
from offhook.sip.transports.transport import Flow

log = logging.getLogger(__name__)

_REFRESHING: Final = ("INVITE", "UPDATE")
"""Requests that say anew what we support, and whose 2xx do."""


class Session:
    """One established call. `closed` is set when it is over: BYE received, our BYE answered, or lost.

    `peer` is where the last request of the peer came from; None before the first. `secure`, of the offer that
    the handler is asked for or answers: nobody on the way reads it. `state` changes by the table alone."""

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
        self.secure = False
        self.closed = asyncio.Event()
        self.state = SessionState.CONFIRMED if dialog.caller else SessionState.ACCEPTED
        self._core = core
        self._handler = handler
        self._requests = DialogRequests(core, dialog, ways, contact, login, self._added_to_request)
        self._awaited = AwaitedAcks(core, handler.octets_heard, self._unacknowledged)
        self._offers = Offers(core, self._requests, handler, self._awaited, self, caller=dialog.caller)
        self._extensions = [extension(self) for extension in core.extensions]
        self._call = CALL.get()
        core.enter(dialog.key, self)

    @property
    def connection(self) -> Flow | None:
        return self._requests.ways.connection

    @property
    def is_live(self) -> bool:
        """Whether the peer is heard, and may be asked something."""
        return self.state in LIVE

    def must_live(self) -> None:
        if not self.is_live:
            raise SipError(481)

    # Towards the peer

    def bye(self) -> None:
        """Hang up. Before the ACK of the call has come the BYE waits for it (RFC 3261 §15), for 64*T1 at
        the most. May be called again."""
        self._happened(SessionSignal.HANG_UP)

    async def request(
        self, method: str, headers: HeaderItems = (), body: bytes = b"", content_type: str | None = None
    ) -> Response:
        """Send a request within the dialog and wait for its final response, whatever its status. Raises
        SipError 408 when none comes, 503 when it cannot be sent, 481 when the session is over."""
        self.must_live()
        items = list(headers)
        if content_type is not None:
            items.append(("Content-Type", content_type))
        if method == "UPDATE":
            return await self._offers.update(items, body)
        return await self.exchange(method, items, body)

    async def reinvite(self, body: bytes) -> Response:
        """Offer `body` anew and wait for the final response, whose body is the answer if it is a 2xx (it
        is acknowledged already). When the peer's re-INVITE crosses ours, ours is repeated after the pause
        of RFC 3261 §14.1. Raises SipError as `request` does; a refusal leaves the session as it was."""
        return await self._offers.reinvite(lambda: body)

    def _offer(self) -> bytes:
        self.secure = self._requests.secure
        return self._handler.reoffered(None)

    async def reoffer(self) -> Response:
        """The same with what the handler offers when it is this one's turn; it gets the answer."""
        response = await self._offers.reinvite(self._offer)
        if response.status < 300:
            self._handler.acknowledged(described(response))
        return response

    def acknowledge(self, invite: Request) -> Sending:
        """Send the ACK for the 2xx to our `invite` (RFC 3261 §13.2.2.4)."""
        return self._requests.acknowledge(invite)

    def lost(self, reason: str) -> None:
        """The peer does not answer any more: hang up on it, and tell the handler."""
        self._happened(SessionSignal.NO_ANSWER, reason=reason)

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do it beside all else, until the user agent closes."""
        return self._core.spawn(work)

    async def exchange(self, method: str, headers: HeaderItems, body: bytes) -> Response:
        """`request`, without a look at offers that are under way."""
        try:
            response = await self._requests.start(method, headers, body).response()
        except SipError as error:
            if error.status == 408:
                self.lost("no answer")
            elif error.status == 503:
                self._happened(SessionSignal.GONE, reason="transport failed")
            raise
        self._weigh(response)
        return response

    async def invite_response(self, exchange: InviteExchange) -> Response:
        """The same for a re-INVITE that was sent; one that could not be sent ends nothing."""
        try:
            response = await exchange.response()
        except SipError as error:
            if error.status == 408:
                self.lost("no answer")
            raise
        self._weigh(response)
        return response

    def _weigh(self, response: Response) -> None:
        """These two say of the dialog, not of the request, that it has failed (RFC 3261 §12.2.1.2)."""
        if response.status == 481:
            self._happened(SessionSignal.GONE, reason="the peer does not know the dialog")
        elif response.status == 408:
            self.lost("no answer")
        self.heard(response)

    # From the user agent

    def established(self, transaction: ServerTransaction, number: int, late: bool) -> None:
        """Our 2xx to INVITE `number` was sent on `transaction`; `late` when it made the offer."""
        self._requests.answered(transaction)
        self._offers.await_ack(transaction, number, late)

    def acknowledged(self, request: Request) -> None:
        """An ACK: ends the repetition of its 2xx and of all earlier ones."""
        self._requests.proven()
        found = self._awaited.came(request.cseq.number)
        if found is not None:
            with working_for(self._call):
                self._offers.quieten()
                self._happened(SessionSignal.ACK, request, found)

    def received(self, request: Request, transaction: ServerTransaction) -> None:
        """A new request of the peer in this dialog."""
        with working_for(self._call):
            self._received(request, transaction)

    def _received(self, request: Request, transaction: ServerTransaction) -> None:
        ways = self._requests.ways
        ways.heard(transaction.flow)
        self._requests.proven()
        if ways.signals_from(transaction.flow):
            transaction.allowance = None
        try:
            self.dialog.accept(request)
            self.peer = transaction.flow.remote
            self.secure = transaction.flow.transport.secure
            if request.method == "BYE":
                self._core.answer(transaction, 200)
                self._happened(SessionSignal.BYE, request)
                return
            self.must_live()
            self.heard(request)
            if request.method == "INVITE":
                self._offers.reinvited(request, transaction)
            elif request.method == "UPDATE":
                self._offers.updated(request, transaction)
            else:
                self._answer(transaction, self._handler.requested(request) or usual_answer(request))
        except SipError as refusal:
            self._core.answer(transaction, refusal.status, refusal.reason, headers=refusal.headers)
        except Exception:
            log.exception("a %s could not be handled sip-call=%s", request.method, self.dialog.call_id)
            self._core.answer(transaction, 500)

    def _answer(self, transaction: ServerTransaction, answer: Answer) -> None:
        if isinstance(answer, int):
            self._core.answer(transaction, answer)
        else:
            status, headers, body = answer
            self._core.answer(transaction, status, headers=headers, body=body)

    def _unacknowledged(self) -> None:
        self._offers.quieten()
        with working_for(self._call):
            self._happened(SessionSignal.NO_ACK)

    def end(self) -> None:
        """Forget everything at once; the peer and the handler hear nothing."""
        self._awaited.stop()
        self._happened(SessionSignal.CLOSED)
        self._requests.end()

    # By the table

    def _happened(
        self,
        signal: SessionSignal,
        request: Request | None = None,
        acknowledged: AwaitedAck | None = None,
        reason: str = "",
    ) -> None:
        row = TABLE.get((self.state, signal))
        if row is None:
            return
        was_live, self.state = self.is_live, row.state
        if was_live and not self.is_live:
            for extension in self._extensions:
                extension.ended()
        for act in row.acts:
            self._do(act, request, acknowledged, reason)

    def _do(
        self, act: SessionAct, request: Request | None, acknowledged: AwaitedAck | None, reason: str
    ) -> None:
        match act:
            case SessionAct.SEND_BYE:
                bye = self._requests.start("BYE")
                bye.outcome.add_done_callback(lambda _: self._happened(SessionSignal.BYE_DONE))
            case SessionAct.CLOSE:
                self.closed.set()
            case SessionAct.SETTLE:
                self._settle()
            case SessionAct.TELL_CONNECTED:
                self._tell_acknowledged(request)
            case SessionAct.TELL_ANSWER:
                if acknowledged is not None and acknowledged.late:
                    self._tell_acknowledged(request)
            case SessionAct.TELL_UNACKNOWLEDGED:
                log.info("no ACK came sip-call=%s", self.dialog.call_id)
                self._handler.unacknowledged()
            case SessionAct.TELL_HUNG_UP:
                assert request is not None
                self._handler.hung_up(request)
            case SessionAct.TELL_GONE:
                log.info("dialog lost: %s sip-call=%s", reason, self.dialog.call_id)
                self._handler.gone(reason)

    def _settle(self) -> None:
        """Leave the registry once nothing more can come that is ours."""
        self.closed.set()
        self._offers.end()
        if not self._awaited:
            self._core.leave(self.dialog.key, self)

    def _tell_acknowledged(self, request: Request | None) -> None:
        assert request is not None
        self._handler.acknowledged(described(request))

    # Extensions

    def _added_to_request(self, method: str) -> HeaderItems:
        return self._added_headers(method, answering=False)

    def accepting(self, request: Request) -> HeaderItems:
        """An INVITE or UPDATE of the peer gets its 2xx now: what the extensions add to that."""
        for extension in self._extensions:
            extension.accepted(request)
        return self._added_headers(request.method, answering=True)

    def _added_headers(self, method: str, *, answering: bool) -> HeaderItems:
        if not self._extensions:
            return ()
        added = [
            item for extension in self._extensions for item in extension.headers(method, answering=answering)
        ]
        return [*supported(self._core.extensions), *added] if method in _REFRESHING else added

    def heard(self, message: Request | Response) -> None:
        """Let the extensions look at what came. Raises SipError for a request that one of them refuses."""
        for extension in self._extensions:
            extension.heard(message)
