"""The user agent: joins transports, transactions and dialogs (RFC 3261 §8)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from typing import Protocol, runtime_checkable

from offhook import __version__
from offhook.network import Address
from offhook.network.sources import Sources
from offhook.sip.authentication import Login
from offhook.sip.core import Core
from offhook.sip.dialogs.dialog import caller_target, key_of
from offhook.sip.dialogs.extension import DialogExtension
from offhook.sip.dialogs.handler import Answer, SessionHandler
from offhook.sip.dialogs.invitation import Invitation
from offhook.sip.dialogs.lone_request import LoneRequest
from offhook.sip.dialogs.outgoing_call import RING_LIMIT, NewInvite, OutgoingCall
from offhook.sip.dialogs.session import Session
from offhook.sip.errors import SipError
from offhook.sip.limits import UserAgentLimits
from offhook.sip.messages.content import SDP
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import MessageError, Request, Response, respond
from offhook.sip.messages.parser import parse_message
from offhook.sip.messages.uri import Uri
from offhook.sip.quiet import QuietLog
from offhook.sip.request_sender import Resolve, resolve_name
from offhook.sip.screening import ALLOW, ALLOWED, allow_without, screen
from offhook.sip.transactions.layer import Arrival
from offhook.sip.transactions.matching import Key, merge_key
from offhook.sip.transactions.timers import Timings
from offhook.sip.transports.rules import response_flow, stamp
from offhook.sip.transports.transport import Broken, FarEnd, Flow, Lost, Received, Transport, Wires
from offhook.sip.transports.udp import UDP

log = logging.getLogger(__name__)

HeaderItems = Iterable[tuple[str, str]]


class Handler(Protocol):
    """Who takes the calls."""

    def invited(self, invitation: Invitation) -> None:
        """A new INVITE outside a dialog. Answer, reject or dismiss it now or later; 100 is sent when nothing
        else was for 0.2 seconds."""


@runtime_checkable
class OptionsHandler(Protocol):
    """A `Handler` that wants to answer OPTIONS outside a dialog itself."""

    def options(self, request: Request) -> Answer:
        """The status, with headers and a body if need be."""


class AgentTransports(Wires, Protocol):
    """What a user agent needs of its transports (`Transports` is the real one)."""

    @property
    def addresses(self) -> tuple[Address, ...]: ...
    def attach(
        self, received: Received, lost: Lost, broken: Broken, in_use: Callable[[], Set[FarEnd]]
    ) -> None: ...
    async def close(self) -> None: ...


class UserAgent:
    """To be made on the running loop. `advertised` goes into Via and Contact towards peers of its address
    family (port 0: the port we listen on); None means the address of the socket. `is_ours`: whether messages
    with a Call-ID come to this user agent, where several share its sockets."""

    def __init__(
        self,
        handler: Handler,
        *,
        transports: AgentTransports,
        rng: random.Random,
        advertised: Address | None = None,
        resolve: Resolve = resolve_name,
        timings: Timings | None = None,
        sources: Sources | None = None,
        is_ours: Callable[[str], bool] = lambda call_id: True,
        extensions: Sequence[type[DialogExtension]] = (),
    ) -> None:
        self._handler = handler
        self._transports = transports
        self._core = Core(
            wires=transports,
            rng=rng,
            timings=timings or Timings(),
            product=f"Offhook/{__version__}",
            resolve=resolve,
            advertised=advertised,
            is_ours=is_ours,
            extensions=extensions,
        )
        self._supported = tuple([extension.option for extension in extensions])
        self._limits = UserAgentLimits(sources or Sources(), self._core.loop.time)
        self._refusals = QuietLog(log, self._core.loop.time)
        self._breaks = QuietLog(log, self._core.loop.time)
        self._invitations: dict[Key, Invitation] = {}
        self._merging: set[Key] = set()
        self._calls: set[OutgoingCall] = set()
        self._closed = False
        transports.attach(self._received, self._core.layer.lost, self._broken, self._core.connections)

    # What the upper rooms ask for

    def invite(
        self,
        uri: Uri,
        *,
        from_: NameAddr,
        body: bytes,
        handler: SessionHandler,
        to: NameAddr | None = None,
        headers: HeaderItems = (),
        via: Address | None = None,
        transport: Transport = UDP,
        credentials: tuple[str, str] | None = None,
        ring_limit: float = RING_LIMIT,
    ) -> OutgoingCall:
        """Place a call with `body` as SDP offer. It goes to `via` over `transport` if that is given, else
        where `uri` leads. `credentials` (user name, password) answer challenges."""
        call = OutgoingCall(
            self._core,
            NewInvite(self._core, uri, from_, to, headers, body),
            uri,
            handler,
            contact=from_.uri.user or "",
            flow=None if via is None else Flow(transport, via, name=uri.host),
            login=self._login(credentials),
            ring_limit=ring_limit,
        )
        self._calls.add(call)
        call.when_done(self._calls.discard)
        return call

    def outside(
        self,
        method: str,
        uri: Uri,
        *,
        from_: NameAddr,
        contact: str | None = None,
        flow: Flow | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> LoneRequest:
        """A request other than INVITE outside of dialogs, to be sent as often as need be."""
        return LoneRequest(
            self._core, method, uri, from_, contact=contact, flow=flow, credentials=credentials
        )

    @property
    def dialogs(self) -> int:
        """How many dialogs are alive, early ones included."""
        return len(self._core.dialogs)

    @property
    def transactions(self) -> int:
        return len(self._core.layer)

    @property
    def tasks(self) -> int:
        """Requests of ours whose next hop is being looked for."""
        return len(self._core.tasks)

    async def close(self, grace: float = 0.0) -> None:
        """Refuse new calls, hang up on the others, wait up to `grace` seconds for that to be answered,
        then end everything: no timer and no task is left. The transports are closed too."""
        self._closed = True
        for call in tuple(self._calls):
            call.cancel()
        for user in tuple(self._core.dialogs.values()):
            if isinstance(user, Session):
                user.bye()
        for invitation in tuple(self._invitations.values()):
            invitation.reject(503)
        if grace:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._core.idle.wait()
        self._end()
        await asyncio.gather(*self._core.tasks, return_exceptions=True)
        await self._transports.close()

    def _end(self) -> None:
        for call in tuple(self._calls):
            call.end()
        for user in tuple(self._core.dialogs.values()):
            user.end()
        for invitation in tuple(self._invitations.values()):
            invitation.end()
        self._core.sender.closed = True
        self._core.layer.close()
        for task in self._core.tasks:
            task.cancel()

    # What arrives

    def _received(self, data: bytes, flow: Flow) -> None:
        if not data.strip(b"\r\n\0 "):
            return  # a keep-alive (RFC 5626 §3.5, and what phones make of it)
        arrival = Arrival(hash((data, flow.remote)), len(data))
        repeated = self._core.layer.of_mark(arrival.mark)
        if repeated is not None:
            repeated.repeated()
            return
        try:
            message = parse_message(data)
        except MessageError as error:
            self._malformed(error, flow)
            return
        try:
            if isinstance(message, Response):
                self._response(message)
            else:
                stamp(message, flow.remote)
                self._request(message, flow, arrival)
        except Exception:
            self._breaks.exception("a SIP message could not be handled sip-call=%s", message.call_id)

    def _broken(self, error: MessageError, flow: Flow) -> None:
        """A stream that cannot be read on."""
        self._malformed(error, flow)

    def _malformed(self, error: MessageError, flow: Flow) -> None:
        request = error.request
        if request is None or not error.answerable:
            self._refusals.info("dropped a message from %s: %s", flow.remote, error.reason)
            return
        try:
            stamp(request, flow.remote)
            self._refuse(request, flow, error)
        except SipError:
            self._refusals.info("dropped a message from %s: %s", flow.remote, error.reason)

    def _response(self, response: Response) -> None:
        transaction = self._core.layer.of_response(response)
        if transaction is None or len(response.vias) != 1:
            log.debug("a response that belongs to nothing sip-call=%s", response.call_id)
            return
        transaction.received(response)

    def _request(self, request: Request, flow: Flow, arrival: Arrival) -> None:
        layer = self._core.layer
        found = layer.of_request(request)
        if found is not None:
            found.received(request)
        elif request.method == "ACK":
            self._core.acknowledged(request)
        elif request.method == "CANCEL":
            self._cancelled(request, flow)
        else:
            refusal = screen(request, self._is_ours, self._supported, secure=flow.transport.secure)
            if refusal is not None:
                self._refuse(request, flow, refusal)
            elif request.to.tag is not None:
                self._in_dialog(request, flow, arrival)
            else:
                self._outside(request, flow, arrival)

    def _cancelled(self, request: Request, flow: Flow) -> None:
        """RFC 3261 §9.2. The CANCEL has the branch of its INVITE, so that no stranger can make one."""
        invite = self._core.layer.invite_of(request)
        if invite is None:
            self._refuse(request, flow, SipError(481))
            return
        found = self._invitations.get(invite.key)
        tag = invite.to_tag if found is None else found.tag
        transaction = self._core.layer.serve(request, response_flow(request, flow))
        self._core.answer(transaction, 200, to_tag=tag or self._core.derived_tag(request))
        if found is not None:
            found.cancelled()

    def _in_dialog(self, request: Request, flow: Flow, arrival: Arrival) -> None:
        user = self._core.dialogs.get(key_of(request))
        if user is None:
            self._refuse(request, flow, SipError(481))
            return
        ended = self._limits.begin_within(request)
        if ended is None:
            self._refuse(request, flow, self._later(500, "Too Many Requests"))
            return
        transaction = self._core.layer.serve(request, response_flow(request, flow), arrival)
        transaction.on_end = ended
        user.received(request, transaction)

    def _outside(self, request: Request, flow: Flow, arrival: Arrival) -> None:
        method = request.method
        if method == "INVITE":
            self._invited(request, flow, arrival)
        elif method == "OPTIONS":
            self._options(request, flow)
        elif method in ("MESSAGE", "REFER"):
            self._refuse(request, flow, SipError(405, headers=(allow_without(method),)))
        else:
            self._refuse(request, flow, SipError(481))

    def _invited(self, request: Request, flow: Flow, arrival: Arrival) -> None:
        merge = merge_key(request)
        if merge in self._merging:
            self._refuse(request, flow, SipError(482, "Merged Request"))
            return
        try:
            caller_target(request)
        except SipError as error:
            self._refuse(request, flow, error)
            return
        ended = None if self._closed else self._limits.begin_invite(flow.remote.host)
        if ended is None:
            self._refuse(request, flow, self._later(503))
            return
        transaction = self._core.layer.serve(request, response_flow(request, flow), arrival)
        invitation = Invitation(
            self._core, transaction, flow, partial(self._invitations.pop, transaction.key, None)
        )
        self._invitations[transaction.key] = invitation
        self._merging.add(merge)
        transaction.on_end = partial(self._invite_ended, merge, ended)
        try:
            self._handler.invited(invitation)
        except Exception:
            log.exception("an INVITE could not be handled sip-call=%s", request.call_id)
            invitation.reject(500)

    def _invite_ended(self, merge: Key, ended: Callable[[], None]) -> None:
        self._merging.discard(merge)
        ended()

    def _later(self, status: int, reason: str | None = None) -> SipError:
        """Come again in a while, not all at once."""
        return SipError(status, reason, (("Retry-After", str(self._core.rng.randrange(5, 30))),))

    def _options(self, request: Request, flow: Flow) -> None:
        answer: Answer = 200
        if isinstance(self._handler, OptionsHandler):
            answer = self._handler.options(request)
        status, headers, body = (answer, (), b"") if isinstance(answer, int) else answer
        able = (
            ("Allow", ALLOW),
            ("Accept", SDP),
            ("Accept-Encoding", "identity"),
            ("Supported", ", ".join(self._supported)),
        )
        self._reply(request, flow, status, None, (*able, *headers), body)

    # What goes back without a transaction

    def _refuse(self, request: Request, flow: Flow, error: SipError) -> None:
        """A stateless refusal (RFC 3261 §8.2.7): a stranger's message costs no memory and no repetition."""
        self._refusals.info(
            "refused %s from %s: %d %s sip-call=%s",
            request.method if request.method in ALLOWED else "a request",
            flow.remote,
            error.status,
            error.reason,
            (request.headers.get("Call-ID") or "")[:128],
        )
        self._reply(request, flow, error.status, error.reason, error.headers, b"")

    def _reply(
        self,
        request: Request,
        flow: Flow,
        status: int,
        reason: str | None,
        headers: HeaderItems,
        body: bytes,
    ) -> None:
        if not self._limits.replies(flow.remote):
            return
        response = respond(
            request,
            status,
            reason,
            to_tag=self._core.derived_tag(request),
            headers=[*headers, ("Server", self._core.product)],
            body=body,
        )
        self._transports.send(response.to_bytes(), response_flow(request, flow))

    # Small things

    def _is_ours(self, host: str, port: int) -> bool:
        """Whether a Via is one that we write, or names an address that we have."""
        here = Address(host, port)
        return here in self._core.sender.names or here in self._transports.addresses

    def _login(self, credentials: tuple[str, str] | None) -> Login | None:
        return None if credentials is None else Login(*credentials, self._core.rng)
