"""A request of ours outside of dialogs that is no INVITE: OPTIONS, REGISTER (RFC 3261 §8.1.1, §10.2)."""

from __future__ import annotations

from typing import Final

from offhook.sip.authentication import Login
from offhook.sip.core import Core
from offhook.sip.dialogs.exchange import Exchange
from offhook.sip.dialogs.handler import HeaderItems
from offhook.sip.messages.headers import Headers, NameAddr
from offhook.sip.messages.message import Request, Response
from offhook.sip.messages.uri import Uri
from offhook.sip.request_sender import plain
from offhook.sip.transports.transport import Flow

KEEP_ALIVE: Final = b"\r\n\r\n"
"""RFC 5626 §3.5.1; over UDP what many send to keep a translation open."""


class LoneRequest:
    """It may be sent again and again: with one Call-ID, and each time the next number (RFC 3261 §10.2).

    `flow` is the way that the last one went; a connection is kept open for it until `release`."""

    def __init__(
        self,
        core: Core,
        method: str,
        uri: Uri,
        from_: NameAddr,
        *,
        contact: str | None = None,
        flow: Flow | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        """`flow`: where it goes, None to follow `uri`. `contact`: the user part of the Contact to add."""
        self.flow: Flow | None = None
        self._core = core
        self._method = method
        self._target = plain(uri)
        self._from = str(from_.with_tag(core.new_tag()))
        self._to = str(NameAddr(None, from_.uri))
        self._contact = contact
        self._way = flow
        self._credentials = credentials
        self._call_id = core.new_call_id()
        self._sequence = 0

    async def send(self, headers: HeaderItems = ()) -> Response:
        """The final response, whatever its status; challenges are answered. Raises SipError 408, 503, 416."""
        items = tuple(headers)
        # A nonce that was answered the time before is no refusal.
        login = None if self._credentials is None else Login(*self._credentials, self._core.rng)
        exchange = Exchange(
            self._core,
            lambda authorization: self._build(items, authorization),
            self._target,
            ways=(self._way,),
            contact=self._contact,
            login=login,
        )
        try:
            response = await exchange.response()
        except BaseException:
            exchange.end()
            raise
        self._keep(exchange.sending.flow)
        return response

    def keep_alive(self) -> bool:
        """Sends what keeps the way open; False where its connection is gone."""
        flow = self.flow
        if flow is None or not self._core.wires.is_open(flow):
            return False
        self._core.wires.send(KEEP_ALIVE, flow)
        return True

    def release(self) -> None:
        self._keep(None)

    def _keep(self, flow: Flow | None) -> None:
        before, self.flow = self.flow, flow
        if flow is not None and flow.reliable:
            self._core.keep(flow.far_end)
        if before is not None and before.reliable:
            self._core.release(before.far_end)

    def _build(self, headers: HeaderItems, authorization: HeaderItems) -> Request:
        self._sequence += 1
        items = [
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._sequence} {self._method}"),
            *headers,
            ("User-Agent", self._core.product),
            *authorization,
        ]
        return Request(self._method, self._target, Headers(items), b"")
