"""Requests of ours and the wait for their answers (RFC 3261 §8.1, §13.2, §22.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from offhook.sip.authentication import Login
from offhook.sip.core import Core
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request, Response
from offhook.sip.messages.uri import Uri
from offhook.sip.request_sender import AllowanceOf, Sending
from offhook.sip.transactions.hop_by_hop import cancellation
from offhook.sip.transports.transport import Flow

Build = Callable[[tuple[tuple[str, str], ...]], Request]
"""Makes the request anew, with the next sequence number and these headers (Authorization) added."""

MAX_ATTEMPTS: Final = 3
"""One without credentials, one with them, one more when the nonce had become stale."""


class Exchange:
    """One request other than INVITE until its final response.

    `outcome` becomes the response, or the SipError (408, 503, 416) in place of one; it is a value and not
    an exception so that nobody has to be waiting."""

    def __init__(
        self,
        core: Core,
        build: Build,
        to: Uri,
        *,
        ways: Sequence[Flow | None] = (None,),
        contact: str | None = None,
        login: Login | None = None,
        allowance: AllowanceOf | None = None,
    ) -> None:
        """`ways` are tried in order while none can be gone (503, 416); None follows `to`."""
        self.core = core
        self.outcome: asyncio.Future[Response | SipError] = core.loop.create_future()
        self._build = build
        self._to = to
        self._ways = ways
        self._contact = contact
        self._login = login
        self._allowance = allowance
        self._attempts = 0
        self._authorization: tuple[tuple[str, str], ...] = ()
        self._send(())

    async def response(self) -> Response:
        """The final response. Raises SipError when there was none."""
        outcome = await asyncio.shield(self.outcome)
        if isinstance(outcome, SipError):
            raise outcome
        return outcome

    def end(self) -> None:
        """Stop sending and waiting."""
        self.sending.end()
        self._settle(SipError(487))

    def responded(self, response: Response) -> None:
        if response.status < 200 or self._answered_challenge(response):
            return
        self._settle(response)

    def failed(self, error: SipError) -> None:
        if error.status in (416, 503) and len(self._ways) > 1:
            self._ways = self._ways[1:]
            self._send(())
        else:
            self._settle(error)

    def _send(self, authorization: tuple[tuple[str, str], ...]) -> None:
        self._attempts += 1
        self._authorization = authorization
        request = self._build(authorization)
        self.request = request
        self.sending: Sending = self.core.sender.send(
            request, self._to, self, flow=self._ways[0], contact=self._contact, allowance=self._allowance
        )

    def _answered_challenge(self, response: Response) -> bool:
        """Whether the request was sent again with credentials."""
        if self._login is None or response.status not in (401, 407) or self._attempts >= MAX_ATTEMPTS:
            return False
        authorization = self._login.answer(response, self.request)
        if authorization is None:
            return False
        self._send((authorization,))
        return True

    def _settle(self, outcome: Response | SipError) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class InviteExchange(Exchange):
    """One INVITE of ours, within a dialog or without.

    `on_provisional` gets each 1xx above 100, `on_success` every 2xx: the first, its repetitions and those
    of forks, each to be acknowledged by the owner. `limit` is how long, in seconds, the peer may let us
    wait; then the INVITE is cancelled."""

    def __init__(
        self,
        core: Core,
        build: Build,
        to: Uri,
        *,
        on_provisional: Callable[[Response], None] | None,
        on_success: Callable[[InviteExchange, Response], None],
        limit: float,
        revise: Callable[[Response], bool] | None = None,
        ways: Sequence[Flow | None] = (None,),
        contact: str | None = None,
        login: Login | None = None,
        allowance: AllowanceOf | None = None,
    ) -> None:
        """`revise`: whether, after this refusal, what is built is to be sent once more."""
        self.cancelled = False
        self._on_provisional = on_provisional
        self._on_success = on_success
        self._revise = revise
        self._proceeding = False
        self._cancel_sent = False
        self._timer = core.later(limit, self.cancel)
        super().__init__(core, build, to, ways=ways, contact=contact, login=login, allowance=allowance)

    def cancel(self) -> None:
        """Take the INVITE back (RFC 3261 §9.1): now, or with the first provisional response. `outcome`
        follows: a 487 as a rule, SipError 487 when the peer does not answer even then."""
        if self.outcome.done() or self.cancelled:
            return
        self.cancelled = True
        self._ways = self._ways[:1]
        self._timer.cancel()
        self._timer = self.core.later(self.core.timings.timeout, self.end)
        if self.sending.transaction is None:
            self.end()
        elif self._proceeding:
            self._send_cancel()

    def end(self) -> None:
        self._timer.cancel()
        super().end()

    def responded(self, response: Response) -> None:
        if response.status < 200:
            self._provisional(response)
            return
        if response.status < 300:
            self._settle(response)
            self._on_success(self, response)
            return
        if not self.cancelled and (self._answered_challenge(response) or self._revised(response)):
            self._proceeding = False
            return
        self._settle(response)

    def _revised(self, response: Response) -> bool:
        """Whether the INVITE was sent again, as this refusal wants it."""
        revise, self._revise = self._revise, None
        if revise is None or not revise(response):
            return False
        self._send(self._authorization)
        return True

    def _provisional(self, response: Response) -> None:
        self._proceeding = True
        if self.cancelled:
            self._send_cancel()
        elif response.status > 100 and self._on_provisional is not None:
            self._on_provisional(response)

    def _send_cancel(self) -> None:
        transaction = self.sending.transaction
        if self._cancel_sent or transaction is None:
            return
        self._cancel_sent = True
        self.core.layer.send(cancellation(transaction.request), transaction.flow, _UNHEARD)

    def _settle(self, outcome: Response | SipError) -> None:
        self._timer.cancel()
        super()._settle(outcome)


class _Unheard:
    """The user of a request whose answer changes nothing."""

    def responded(self, response: Response) -> None:
        return

    def failed(self, error: SipError) -> None:
        return


_UNHEARD = _Unheard()
