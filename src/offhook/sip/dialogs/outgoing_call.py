"""A call that we place (RFC 3261 §13.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from offhook.sip.authentication import Login
from offhook.sip.core import Core
from offhook.sip.dialogs.dialog import Dialog
from offhook.sip.dialogs.exchange import InviteExchange
from offhook.sip.dialogs.extension import supported
from offhook.sip.dialogs.handler import HeaderItems, SessionHandler, usual_answer
from offhook.sip.dialogs.session import Session
from offhook.sip.dialogs.ways import Ways, replace_port
from offhook.sip.errors import SipError
from offhook.sip.messages.content import SDP
from offhook.sip.messages.headers import Headers, NameAddr
from offhook.sip.messages.message import Request, Response
from offhook.sip.messages.uri import Uri
from offhook.sip.request_sender import Sending, plain
from offhook.sip.screening import ALLOW
from offhook.sip.transactions.layer import ServerTransaction
from offhook.sip.transports.transport import Flow

log = logging.getLogger(__name__)

RING_LIMIT: Final = 180.0
"""Seconds that the called side may ring before the call is cancelled."""
MAX_FORKS: Final = 16
"""Dialogs, early or not, that one INVITE may make; what further branches say is not heard."""
_HOPS: Final = (("Max-Forwards", "70"),)


class EarlyDialog:
    """What a provisional response with a To tag has begun (RFC 3261 §12.1): until the final response the
    called side may send requests in it. An UPDATE that moves nothing but the Contact or the name of who is
    called is usual; one with an offer has to wait (RFC 3311 §5.2)."""

    __slots__ = ("_contact", "_core", "_dialog")

    def __init__(self, core: Core, dialog: Dialog, contact: str) -> None:
        self._core = core
        self._dialog = dialog
        self._contact = contact
        core.enter(dialog.key, self)

    @property
    def connection(self) -> Flow | None:
        return None  # that of the INVITE, which waits for its answer

    def received(self, request: Request, transaction: ServerTransaction) -> None:
        core = self._core
        try:
            self._dialog.accept(request)
        except SipError as refusal:
            core.answer(transaction, refusal.status, refusal.reason)
            return
        if request.method == "UPDATE" and not request.body:
            contact = ("Contact", core.sender.contact_for(request, self._contact, transaction.flow))
            core.answer(transaction, 200, headers=(contact, ("Allow", ALLOW)))
        elif request.method in ("INVITE", "UPDATE"):
            core.answer(transaction, 491)
        elif request.method == "BYE":
            core.answer(transaction, 481)  # only the caller ends an early dialog so (RFC 3261 §15)
        else:
            answer = usual_answer(request)
            status, headers, body = (answer, (), b"") if isinstance(answer, int) else answer
            core.answer(transaction, status, headers=headers, body=body)

    def acknowledged(self, request: Request) -> None:
        """Nothing was accepted."""

    def end(self) -> None:
        self._core.leave(self._dialog.key, self)


class OutgoingCall:
    """One INVITE of ours outside a dialog. `on_provisional` gets each 1xx above 100; `answer` is the 2xx
    that made the session, None until then."""

    def __init__(
        self,
        core: Core,
        invite: NewInvite,
        to: Uri,
        handler: SessionHandler,
        *,
        contact: str,
        flow: Flow | None = None,
        login: Login | None = None,
        ring_limit: float = RING_LIMIT,
    ) -> None:
        self.on_provisional: Callable[[Response], None] | None = None
        self.answer: Response | None = None
        self._core = core
        self._handler = handler
        self._contact = contact
        self._flow = flow
        self._login = login
        self._session: Session | None = None
        self._acks: dict[str | None, Sending] = {}
        self._early: dict[str, EarlyDialog] = {}
        self._exchange = InviteExchange(
            core,
            invite.build,
            to,
            on_provisional=self._provisional,
            on_success=self._succeeded,
            limit=ring_limit,
            revise=invite.revise,
            ways=(flow,),
            contact=contact,
            login=login,
        )
        self._exchange.outcome.add_done_callback(self._leave_early)

    @property
    def call_id(self) -> str:
        return self._exchange.request.call_id

    async def wait(self) -> Session:
        """The session, once the call is answered. Raises SipError with the final status of the peer (and
        its headers, Contact of a 3xx for one), 408 when nobody answers, 487 after `cancel`, 502 when
        the answer cannot be acknowledged, 503 when the peer cannot be reached."""
        response = await self._exchange.response()
        if response.status >= 300:
            raise SipError(response.status, None, response.headers.items())
        if self._session is None:
            raise SipError(487) if self._exchange.cancelled else SipError(502, "Answer Without Contact")
        return self._session

    def cancel(self) -> None:
        """Take the call back. If the peer answers all the same, the answer is acknowledged and hung up
        on at once. Nothing happens once the call is answered or refused."""
        self._exchange.cancel()

    def end(self) -> None:
        """The user agent closes."""
        self._exchange.end()

    def _provisional(self, response: Response) -> None:
        tag = response.to.tag
        if tag is not None and tag not in self._early and response.contact is not None:
            if len(self._early) >= MAX_FORKS:
                return
            try:
                dialog = Dialog.accepted(self._exchange.request, response)
            except SipError:
                return
            self._early[tag] = EarlyDialog(self._core, dialog, self._contact)
        if self.on_provisional is not None:
            self.on_provisional(response)

    def _succeeded(self, exchange: InviteExchange, response: Response) -> None:
        """Acknowledge each 2xx (RFC 3261 §13.2.2.4); every fork but the first is hung up on."""
        tag = response.to.tag
        if tag in self._acks:
            self._acks[tag].repeat()
            return
        if len(self._acks) >= MAX_FORKS:
            return
        try:
            dialog = Dialog.accepted(exchange.request, response)
        except SipError:
            log.warning("a 2xx without a Contact cannot be acknowledged sip-call=%s", self.call_id)
            return
        wanted = self._session is None and not exchange.cancelled
        session = Session(
            self._core,
            dialog,
            self._handler,
            ways=Ways(self._core.wires, exchange.sending.flow, self._way_of(exchange, dialog)),
            contact=self._contact,
            login=self._login,
        )
        self._acks[tag] = session.acknowledge(exchange.request)
        if wanted:
            session.heard(response)
            self.answer = response
            self._session = session
        else:
            session.bye()  # from now on its handler hears nothing of it

    def _leave_early(self, outcome: object) -> None:
        for dialog in self._early.values():
            dialog.end()

    def _way_of(self, exchange: InviteExchange, dialog: Dialog) -> Flow | None:
        """Where the INVITE went, if the Contact of the answer is there too; None to follow its routes."""
        flow, target = exchange.sending.flow, dialog.target
        if dialog.routes:
            return None
        if self._flow is not None:
            return self._flow
        if flow is None or target.host != flow.remote.host:
            return None
        return flow if flow.reliable else replace_port(flow, target.port or flow.transport.default_port)

    def when_done(self, told: Callable[[OutgoingCall], object]) -> None:
        """Call `told` once the INVITE has its outcome."""
        self._exchange.outcome.add_done_callback(lambda _: told(self))


class NewInvite:
    """An INVITE outside a dialog (RFC 3261 §8.1.1), made with the next sequence number each time. `headers`
    may bring a Max-Forwards of their own."""

    def __init__(
        self,
        core: Core,
        uri: Uri,
        from_: NameAddr,
        to: NameAddr | None,
        headers: HeaderItems,
        body: bytes,
    ) -> None:
        self._core = core
        self._target = plain(uri)
        self._caller = str(from_.with_tag(core.new_tag()))
        self._called = str(to or NameAddr(None, self._target))
        self._call_id = core.new_call_id()
        self._headers = tuple(headers)
        self._hops = () if any(name == "Max-Forwards" for name, _ in self._headers) else _HOPS
        self._asked = [extension.invites() for extension in core.extensions]
        self._body = body
        self._sequence = 0

    def build(self, authorization: HeaderItems) -> Request:
        self._sequence += 1
        items = [
            *self._hops,
            ("From", self._caller),
            ("To", self._called),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._sequence} INVITE"),
            ("Content-Type", SDP),
            ("Allow", ALLOW),
            *supported(self._core.extensions),
            *[item for asked in self._asked for item in asked],
            *self._headers,
            ("User-Agent", self._core.product),
            *authorization,
        ]
        return Request("INVITE", self._target, Headers(items), self._body)

    def revise(self, refusal: Response) -> bool:
        """Whether an extension has something else to ask for after `refusal`."""
        for place, extension in enumerate(self._core.extensions):
            instead = extension.invites_again(refusal)
            if instead is not None:
                self._asked[place] = instead
                return True
        return False
