"""Requests of ours in one dialog: how they are made, and which way they go (RFC 3261 §12.2.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.sip.allowance import Allowance
from offhook.sip.authentication import Login
from offhook.sip.core import Core
from offhook.sip.dialogs.dialog import Dialog
from offhook.sip.dialogs.exchange import Build, Exchange, InviteExchange
from offhook.sip.dialogs.handler import HeaderItems
from offhook.sip.dialogs.ways import Ways
from offhook.sip.errors import SipError
from offhook.sip.messages.content import SDP
from offhook.sip.messages.message import Request, Response
from offhook.sip.request_sender import Sending
from offhook.sip.screening import ALLOW
from offhook.sip.transactions.layer import ServerTransaction
from offhook.sip.transports.table import transport_of
from offhook.sip.transports.transport import Flow

REINVITE_LIMIT: Final = 60.0
"""Seconds that a peer may think about a re-INVITE before it is cancelled."""

_WITH_CONTACT: Final = ("UPDATE", "REFER", "NOTIFY")
"""Requests besides INVITE that must have one (RFC 3311 §5.1, RFC 3515 §2, RFC 6665 §8.2.1)."""
_CREDENTIALS: Final = ("Authorization", "Proxy-Authorization")


class DialogRequests:
    """`added` gives the headers that the extensions add to a request of a method."""

    def __init__(
        self,
        core: Core,
        dialog: Dialog,
        ways: Ways,
        contact: str,
        login: Login | None,
        added: Callable[[str], HeaderItems],
    ) -> None:
        self.ways = ways
        self._core = core
        self._dialog = dialog
        self._contact = contact
        self._login = login
        self._added = added
        # Of an INVITE that nobody has vouched for yet: its sender may be forged.
        self._unproven: ServerTransaction | None = None
        self._exchanges: set[Exchange] = set()

    def answered(self, transaction: ServerTransaction) -> None:
        """Our 2xx was sent on `transaction`; who reads it is still to be shown."""
        self._unproven = transaction if transaction.allowance is not None else None

    def proven(self) -> None:
        """Somebody has read our 2xx: its tag is known."""
        if self._unproven is not None:
            self._unproven.allowance = None
            self._unproven = None

    def start(self, method: str, headers: HeaderItems = (), body: bytes = b"") -> Exchange:
        """Send a request other than INVITE."""
        build = self._builder(method, headers, body)
        ways, allowance = self.ways.in_order(), self.ways.allowance
        if self._unproven is not None:
            # Contact and Record-Route may name anybody: only where the answer went, and no more than that.
            ways, allowance = (self._unproven.flow,), self._allowance_of_invite
        exchange = Exchange(
            self._core,
            build,
            self._dialog.next_hop,
            ways=ways,
            contact=self._contact if method in _WITH_CONTACT else None,
            login=self._login,
            allowance=allowance,
        )
        self._own(exchange)
        return exchange

    def invite(self, body: bytes) -> InviteExchange:
        """Send a re-INVITE that offers `body`. Each 2xx to it is acknowledged."""
        acks: list[Sending] = []

        def succeeded(exchange: InviteExchange, response: Response) -> None:
            if acks:
                acks[0].repeat()
                return
            self.refresh(response, None)
            acks.append(self.acknowledge(exchange.request))

        exchange = InviteExchange(
            self._core,
            self._builder("INVITE", (("Content-Type", SDP), ("Allow", ALLOW)), body),
            self._dialog.next_hop,
            on_provisional=None,
            on_success=succeeded,
            limit=REINVITE_LIMIT,
            ways=self._ways_of_offer(),
            allowance=self.ways.allowance,
            contact=self._contact,
            login=self._login,
        )
        self._own(exchange)
        return exchange

    @property
    def secure(self) -> bool:
        """Whether nobody on the way could read an offer of ours."""
        return self._is_secure(self.ways.in_order()[0])

    def _ways_of_offer(self) -> tuple[Flow | None, ...]:
        """What was written for a secure way may tell keys, and goes over no other one."""
        ways = self.ways.in_order()
        return tuple(filter(self._is_secure, ways)) if self._is_secure(ways[0]) else ways

    def _is_secure(self, way: Flow | None) -> bool:
        if way is not None:
            return way.transport.secure
        try:
            return transport_of(self._dialog.next_hop).secure
        except SipError:
            return False

    def acknowledge(self, invite: Request) -> Sending:
        """Send the ACK for the 2xx to our `invite` (RFC 3261 §13.2.2.4)."""
        headers = [("User-Agent", self._core.product)]
        headers += [item for item in invite.headers.items() if item[0] in _CREDENTIALS]
        ack = self._dialog.ack(invite.cseq.number, headers)
        flow, *others = self.ways.in_order()
        return self._core.sender.send(
            ack,
            self._dialog.next_hop,
            None,
            flow=flow,
            allowance=self.ways.allowance,
            otherwise=others[-1] if others else None,
        )

    def refresh(self, message: Request | Response, flow: Flow | None) -> None:
        """Take over the Contact of a target refresh, and another way to the peer if it has moved."""
        before = self._dialog.target
        self._dialog.refresh(message)
        target = self._dialog.target
        moved = (target.host, target.port) != (before.host, before.port)
        if self._dialog.routes:
            return
        if isinstance(message, Request) and flow is not None:
            self.ways.refreshed(message, flow, target, moved=moved)
        elif moved:
            self.ways.forget()

    def contact_for(self, request: Request, flow: Flow) -> tuple[str, str]:
        """The Contact of a response to `request` that goes over `flow`."""
        return "Contact", self._core.sender.contact_for(request, self._contact, flow)

    def end(self) -> None:
        """Stop sending and waiting."""
        for exchange in tuple(self._exchanges):
            exchange.end()

    def _builder(self, method: str, headers: HeaderItems, body: bytes) -> Build:
        items = (*headers, *self._added(method), ("User-Agent", self._core.product))
        return lambda authorization: self._dialog.request(method, (*items, *authorization), body)

    def _allowance_of_invite(self, flow: Flow) -> Allowance | None:
        return None if self._unproven is None else self._unproven.allowance

    def _own(self, exchange: Exchange) -> None:
        self._exchanges.add(exchange)
        exchange.outcome.add_done_callback(lambda _: self._exchanges.discard(exchange))
