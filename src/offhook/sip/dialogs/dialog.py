"""Dialogs (RFC 3261 §12): what two user agents remember of each other between requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from offhook.sip.errors import SipError
from offhook.sip.messages.headers import Headers, NameAddr
from offhook.sip.messages.message import Request, Response
from offhook.sip.messages.uri import Uri
from offhook.sip.transactions.matching import is_2543

HeaderItems = Iterable[tuple[str, str]]


class DialogKey(NamedTuple):
    """Tags are None only towards RFC 2543 peers."""

    call_id: str
    local_tag: str | None
    remote_tag: str | None


def key_of(request: Request) -> DialogKey:
    """The dialog that a request from the peer belongs to."""
    return DialogKey(request.call_id, request.to.tag, request.from_.tag)


class Dialog:
    """One dialog. `local` and `remote` carry the tags; `routes` is the route set in the order of sending;
    `remote_seq` is None until the peer has sent a request."""

    __slots__ = ("call_id", "caller", "local", "local_seq", "remote", "remote_seq", "routes", "target")

    def __init__(
        self,
        call_id: str,
        local: NameAddr,
        remote: NameAddr,
        target: Uri,
        routes: tuple[Uri, ...],
        *,
        caller: bool,
        local_seq: int = 0,
        remote_seq: int | None = None,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.caller = caller
        self.local_seq = local_seq
        self.remote_seq = remote_seq

    @classmethod
    def accepting(cls, invite: Request, tag: str) -> Dialog:
        """The dialog that our response with To tag `tag` makes of an INVITE (RFC 3261 §12.1.1). SipError
        400 when the INVITE does not say how to reach its sender."""
        return cls(
            invite.call_id,
            invite.to.with_tag(tag),
            invite.from_,
            caller_target(invite),
            tuple([route.uri for route in invite.record_routes]),
            caller=False,
            remote_seq=invite.cseq.number,
        )

    @classmethod
    def accepted(cls, invite: Request, response: Response) -> Dialog:
        """The dialog that a response of the peer makes of our INVITE (RFC 3261 §12.1.2). SipError 400 when
        the response has no Contact."""
        return cls(
            invite.call_id,
            invite.from_,
            response.to,
            _contact(response),
            tuple([route.uri for route in reversed(response.record_routes)]),
            caller=True,
            local_seq=invite.cseq.number,
        )

    @property
    def key(self) -> DialogKey:
        return DialogKey(self.call_id, self.local.tag, self.remote.tag)

    @property
    def next_hop(self) -> Uri:
        """Where requests are sent: the first route, else the remote target."""
        return self.routes[0] if self.routes else self.target

    def request(self, method: str, headers: HeaderItems = (), body: bytes = b"") -> Request:
        """A new request in the dialog with the next sequence number (RFC 3261 §12.2.1.1), without Via yet."""
        self.local_seq += 1
        return self._request(method, self.local_seq, headers, body)

    def ack(self, sequence: int, headers: HeaderItems) -> Request:
        """The ACK for the 2xx to our INVITE number `sequence` (RFC 3261 §13.2.2.4), still without Via."""
        return self._request("ACK", sequence, headers, b"")

    def accept(self, request: Request) -> None:
        """Take note of the peer's request. SipError 500 when it is older than the last (RFC 3261 §12.2.2)."""
        number = request.cseq.number
        if self.remote_seq is not None and number < self.remote_seq:
            raise SipError(500, "CSeq Out of Order")
        self.remote_seq = number

    def refresh(self, message: Request | Response) -> None:
        """A target refresh was accepted: the peer's new Contact counts from now on (RFC 3261 §12.2)."""
        contact = message.contact
        if contact is not None and contact.uri.is_sip:
            self.target = contact.uri

    def _request(self, method: str, sequence: int, headers: HeaderItems, body: bytes) -> Request:
        uri, routes = self._route()
        items = [("Max-Forwards", "70")]
        items += [("Route", f"<{route}>") for route in routes]
        items += [
            ("From", str(self.local)),
            ("To", str(self.remote)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{sequence} {method}"),
        ]
        return Request(method, uri, Headers([*items, *headers]), body)

    def _route(self) -> tuple[Uri, tuple[Uri, ...]]:
        """Request-URI and Route headers; a first route without `lr` is strict (RFC 3261 §12.2.1.1)."""
        if not self.routes or self.routes[0].param("lr") is not None:
            return self.target, self.routes
        return self.routes[0], (*self.routes[1:], self.target)


def caller_target(invite: Request) -> Uri:
    """Where the sender of an INVITE wants our requests. An RFC 2543 element need not give a Contact; then
    it is the address in From. SipError 400 for any other without one."""
    if invite.contact is None and is_2543(invite) and invite.from_.uri.is_sip:
        return invite.from_.uri
    return _contact(invite)


def _contact(message: Request | Response) -> Uri:
    contact = message.contact
    if contact is None or not contact.uri.is_sip:
        raise SipError(400, "Missing Contact")
    return contact.uri
