"""An INVITE that asks for a new call, until it is answered, refused or taken back (RFC 3261 §13.3, §9.2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from offhook.network import Address
from offhook.sip.core import Core
from offhook.sip.dialogs.dialog import Dialog
from offhook.sip.dialogs.handler import SessionHandler
from offhook.sip.dialogs.session import Session
from offhook.sip.dialogs.ways import Ways, direct_flow
from offhook.sip.errors import SipError
from offhook.sip.messages.content import SDP, session_description
from offhook.sip.messages.message import Request
from offhook.sip.messages.telephone import subscriber_of
from offhook.sip.screening import ALLOW
from offhook.sip.transactions.layer import ServerTransaction
from offhook.sip.transports.transport import Flow, Transport

log = logging.getLogger(__name__)

HeaderItems = Iterable[tuple[str, str]]

PROVISIONAL_EVERY: Final = 60.0
"""Seconds after which a provisional response is repeated, or proxies give up (RFC 3261 §13.3.1.1)."""
TRYING_AFTER: Final = 0.2
"""Seconds without another response after which 100 is sent (RFC 3261 §17.2.1). Not sooner: who has it does
not repeat its INVITE any more, so that a refusal right after it could not be forgotten at once."""
ANSWER_WITHIN: Final = 180.0
"""Seconds that an INVITE may stay unanswered: the time a proxy grants at least (timer C, RFC 3261 §16.6)."""


class Invitation:
    """One incoming INVITE outside a dialog. `offer` is its SDP, None when we are to make the offer.

    `on_cancelled` is called once when the caller takes the INVITE back (487 is sent already), hangs up the
    early dialog, or cannot be reached any more, or when nobody answered in `ANSWER_WITHIN` (480)."""

    def __init__(
        self,
        core: Core,
        transaction: ServerTransaction,
        flow: Flow,
        on_finished: Callable[[], object],
    ) -> None:
        request = transaction.request
        self.request: Request = request
        self.source: Address = flow.remote
        self.transport: Transport = flow.transport
        self.call_id: str = request.call_id
        self.offer: bytes | None = session_description(request)
        self.on_cancelled: Callable[[], None] | None = None
        self.finished = False
        self._core = core
        self._on_finished = on_finished
        self._transaction = transaction
        self._flow = flow
        self.tag = core.new_tag()
        self._dialog = Dialog.accepting(request, self.tag)
        self.contact = subscriber_of(request.uri)
        """The user part that the caller is told to reach us by, within the call."""
        self._repeating: asyncio.Handle | None = None
        self._trying = core.later(TRYING_AFTER, self.trying)
        self._deadline = core.later(ANSWER_WITHIN, self._unanswered)
        transaction.on_failed = self._unreachable

    @property
    def connection(self) -> Flow | None:
        return None  # that of the INVITE, which waits for its answer

    def trying(self) -> None:
        """Send 100, if nothing was sent yet: the INVITE is not repeated from now on."""
        self._trying.cancel()
        if not self.finished and self._transaction.silent:
            self._core.answer(self._transaction, 100)

    def provisional(
        self,
        status: int = 180,
        *,
        body: bytes = b"",
    ) -> None:
        """Send a 1xx with our To tag; nothing happens when the INVITE is finished."""
        if self.finished:
            return
        if not 100 < status < 200:
            raise ValueError(f"{status} is not a provisional status with a dialog")
        self._core.enter(self._dialog.key, self)
        self._respond(status, body)
        self._repeat_later()

    def answer(self, body: bytes, handler: SessionHandler) -> Session:
        """Accept the call with 200. `body` is the SDP answer, or our offer if the INVITE had none; its
        answer then comes with `handler.acknowledged`. Raises SipError 487 when it is too late, and what an
        extension refuses the call with."""
        if self.finished:
            raise SipError(487)
        session = Session(
            self._core,
            self._dialog,
            handler,
            ways=Ways(self._core.wires, self._flow, self._direct()),
            contact=self.contact,
        )
        try:
            session.heard(self.request)
        except SipError as refusal:
            session.end()
            self.reject(refusal.status, refusal.headers)
            raise
        self._finish()
        number = self.request.cseq.number
        self._respond(200, body, session.accepting(self.request))
        session.established(self._transaction, number, late=self.offer is None)
        return session

    def _direct(self) -> Flow | None:
        return direct_flow(self.request, self._flow, self._dialog.next_hop)

    def reject(self, status: int, headers: HeaderItems = ()) -> None:
        """Refuse with 300-699; nothing happens when the INVITE is finished."""
        if self.finished:
            return
        if not 300 <= status < 700:
            raise ValueError(f"{status} refuses nothing")
        self._finish()
        self._core.answer(self._transaction, status, to_tag=self.tag, headers=headers)

    def dismiss(self, status: int, headers: HeaderItems = ()) -> None:
        """Refuse a stranger and forget it (RFC 3261 §8.2.7): nothing is repeated, its ACK belongs to nothing,
        and the same INVITE is a new one when it comes again. After a provisional response it would not come
        again; then this is `reject`."""
        if self.finished:
            return
        if not self._transaction.silent:
            self.reject(status, headers)
            return
        self._finish()
        tag = self._core.derived_tag(self.request)
        self._core.answer(self._transaction, status, to_tag=tag, headers=headers)
        self._transaction.end()

    # From the user agent

    def cancelled(self) -> None:
        """The caller's CANCEL; without effect once there is a final answer (RFC 3261 §9.2)."""
        self._withdraw(487)

    def received(self, request: Request, transaction: ServerTransaction) -> None:
        """A request in the early dialog: only BYE has a meaning before the answer (RFC 3261 §15)."""
        try:
            self._dialog.accept(request)
            if request.method != "BYE":
                retry = str(self._core.rng.randrange(11))
                raise SipError(500, "Not Answered Yet", (("Retry-After", retry),))
        except SipError as refusal:
            self._core.answer(transaction, refusal.status, refusal.reason, headers=refusal.headers)
            return
        self._core.answer(transaction, 200)
        self._withdraw(487)

    def acknowledged(self, request: Request) -> None:
        """Nothing was accepted, so there is nothing to acknowledge."""

    def end(self) -> None:
        """The user agent closes."""
        self._finish()

    def _respond(self, status: int, body: bytes, headers: HeaderItems = ()) -> None:
        self._trying.cancel()
        contact = self._core.sender.contact_for(self.request, self.contact, self._flow)
        items = [("Contact", contact), ("Allow", ALLOW), *headers]
        if body:
            items.append(("Content-Type", SDP))
        self._core.answer(self._transaction, status, to_tag=self.tag, headers=items, body=body)

    def _repeat_later(self) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
        self._repeating = self._core.later(PROVISIONAL_EVERY, self._repeat)

    def _repeat(self) -> None:
        self._transaction.repeat_provisional()
        self._repeat_later()

    def _unanswered(self) -> None:
        log.warning("nobody answered the INVITE sip-call=%s", self.call_id)
        self._withdraw(480)

    def _unreachable(self) -> None:
        if not self.finished:
            log.info("the caller is not reachable any more sip-call=%s", self.call_id)
            self._transaction.end()
            self._withdraw(487)

    def _withdraw(self, status: int) -> None:
        if self.finished:
            return
        self._finish()
        self._core.answer(self._transaction, status, to_tag=self.tag)
        if self.on_cancelled is not None:
            self.on_cancelled()

    def _finish(self) -> None:
        self.finished = True
        self._transaction.on_failed = None
        self._on_finished()
        self._trying.cancel()
        self._deadline.cancel()
        if self._repeating is not None:
            self._repeating.cancel()
        self._core.leave(self._dialog.key, self)
