"""What the owner of a session is asked and told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from offhook.sip.messages.content import SDP
from offhook.sip.messages.message import METHODS, Request
from offhook.sip.screening import ALLOW, allow_without

HeaderItems = Iterable[tuple[str, str]]
Answer = int | tuple[int, HeaderItems, bytes]
"""A status, or status, headers (Content-Type among them if there is a body) and body."""


class SessionHandler(Protocol):
    """Who owns a session. None of these may block."""

    def acknowledged(self, body: bytes) -> None:
        """The first ACK has come, with the SDP answer if our 2xx made the offer, else b"". Called again
        for a re-INVITE without an offer, whose answer comes the same way. Never called by a caller's
        session, which sends the ACK."""

    def unacknowledged(self) -> None:
        """No ACK came within 64*T1; the session has sent its BYE."""

    def octets_heard(self) -> int:
        """Of audio that has come from the peer so far: while no ACK has, a sign that it heard our 2xx."""

    def hung_up(self, request: Request) -> None:
        """The peer's BYE, which is answered already."""

    def reoffered(self, offer: bytes | None) -> bytes:
        """A re-INVITE or UPDATE: return the SDP answer, or our offer when there is none. Raise SipError to
        refuse; the session goes on as it was."""

    def requested(self, request: Request) -> Answer | None:
        """Any other request in the dialog (INFO, MESSAGE, NOTIFY, REFER, OPTIONS): the answer to give,
        None for `usual_answer`."""

    def gone(self, reason: str) -> None:
        """The dialog is lost: the peer does not know it any more or does not answer."""


def usual_answer(request: Request) -> Answer:
    """What a request within a dialog gets that its handler does not care for."""
    method = request.method
    if method in ("INFO", "OPTIONS"):
        return 200, (("Allow", ALLOW), ("Accept", SDP)), b""
    if method == "REFER":
        return 603
    if method == "NOTIFY":
        return 481  # it belongs to a subscription, and there is none (RFC 6665 §4.1.3)
    if method in METHODS:
        return 405, (allow_without(method),), b""
    return 501, (("Allow", ALLOW),), b""
