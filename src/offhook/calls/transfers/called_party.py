"""A leg that we place: the party that a caller is transferred to, from the INVITE to the end of its dialog.

Redirections are followed, challenges of the trunk answered, and what the party sends before its answer can be
heard (early media)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

from offhook.calls.leg import Leg, LegEnd, Media
from offhook.calls.owners_headers import Headers
from offhook.calls.pressed_keys import KeySink
from offhook.calls.record.call_facts import Document
from offhook.calls.transfers.passing import IGNORED
from offhook.calls.transfers.redirect import MOST_TARGETS, contacts_of, nobody_there
from offhook.calls.transfers.transfer_destination import Target, TransferFailed, failure_of, not_answered
from offhook.calls.world.tools.dtmf_tool import seconds_for
from offhook.media.line import Line
from offhook.network import Address, words_of
from offhook.rtp.ports import PortsExhausted
from offhook.rtp.statistics import StreamStatistics
from offhook.schema.calls.call_document import LegStatistics
from offhook.sip.dialogs.handler import Answer, SessionHandler
from offhook.sip.dialogs.outgoing_call import OutgoingCall
from offhook.sip.errors import SipError
from offhook.sip.messages.content import session_description
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import Request, Response
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.udp import UDP

T = TypeVar("T")

Follow = Callable[[Uri], Awaitable[Target]]
"""Looks up where a Contact of a redirection leads, by the same rules as for a destination. Raises
TransferFailed."""

OUR_CANCEL: Final = 487
"""The statuses that a destination answers when we cancel (RFC 3261 §9.2), and others when they cancel."""

_log = logging.getLogger(__name__)


class Inviter(Protocol):
    """What is needed of the user agent."""

    def invite(
        self,
        uri: Uri,
        *,
        from_: NameAddr,
        body: bytes,
        handler: SessionHandler,
        to: NameAddr | None = None,
        headers: Iterable[tuple[str, str]] = (),
        via: Address | None = None,
        transport: Transport = UDP,
        credentials: tuple[str, str] | None = None,
        ring_limit: float = 180.0,
    ) -> OutgoingCall: ...


class Dialler:
    """Places the node's calls. `agent` is set as soon as there is one, since it is made later than the rooms
    that it serves."""

    def __init__(self) -> None:
        self.agent: Inviter | None = None


class Party:
    """One called party. `keys` gets the keys that it presses, `ended` is set when it is gone, and
    `statistics` are available once it is closed. Audio that it sends before it answers is heard on the line
    that rings.

    Whoever makes a Party closes it, in whatever state it is."""

    def __init__(
        self,
        dialler: Dialler,
        media: Media,
        target: Target,
        call_id: str,
        *,
        follow: Follow | None = None,
        codec: str | None = None,
        rings: Line | None = None,
    ) -> None:
        """`rings`: the caller's line, on which it rings. `follow` None: redirections count as refusals.
        `codec` is offered first: with that of the caller's leg nothing needs to be transcoded between the
        two."""
        self._dialler = dialler
        self._media = media
        self._target = target
        self._call_id = call_id
        self._follow = follow
        self._codec = codec
        self._outgoing: OutgoingCall | None = None
        self._early_answer: tuple[str | None, bytes] = (None, b"")
        self._rings = rings
        self._leg = self._new_leg(target)
        self.keys: KeySink = IGNORED
        self.ended = asyncio.Event()
        self.statistics: Document | None = None

    async def call(self, name: str | None, user: str, headers: Headers, seconds: float) -> None:
        """Sends INVITE from `user` and waits up to the seconds given for the answer, following redirections.
        Raises TransferFailed."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        target, tried, waiting = self._target, {str(self._target.uri)}, list[Uri]()
        while True:
            try:
                await self._invite(target, name, user, headers, deadline - loop.time())
                return
            except SipError as error:
                refusal, failed = error, failure_of(error.status)
                if error.status == OUR_CANCEL and loop.time() >= deadline:
                    failed = not_answered(seconds)
                waiting = contacts_of(error) + waiting
            except PortsExhausted as error:
                raise TransferFailed(f"there are no audio ports for a second leg: {error}") from error
            except OSError as error:
                raise TransferFailed(f"the destination could not be called: {words_of(error)}") from error
            if refusal.status >= 600 or loop.time() >= deadline:
                raise failed from refusal
            target = _elsewhere(target, refusal) or await self._next(waiting, tried, failed)
            await self._leg.close()
            self._leg, self._early_answer = self._new_leg(target), (None, b"")

    async def _next(self, waiting: list[Uri], tried: set[str], failed: TransferFailed) -> Target:
        """The next destination to try. Without one it raises the last failure."""
        follow = self._follow
        while follow is not None and waiting and len(tried) < MOST_TARGETS:
            uri = waiting.pop(0)
            if str(uri) in tried:
                continue
            tried.add(str(uri))
            try:
                target = await follow(uri)
            except TransferFailed as refused:
                _log.warning("call=%s a redirection is not followed: %s", self._call_id, refused)
                failed = refused
                continue
            _log.info("call=%s redirected to %s", self._call_id, target.address)
            return target
        raise failed

    async def _invite(
        self, target: Target, name: str | None, user: str, headers: Headers, seconds: float
    ) -> None:
        """Raises SipError for a final response other than 2xx, PortsExhausted, TransferFailed."""
        agent = self._dialler.agent
        if agent is None:
            raise TransferFailed("this node places no calls")
        offer = await self._leg.open(None)
        from_, shown = self._caller(target, name, user)
        given = {header.lower() for header, _ in headers}
        self._outgoing = agent.invite(
            target.uri,
            from_=from_,
            to=NameAddr(None, self._target.uri),
            body=offer,
            handler=self._leg,
            headers=[*headers, *(item for item in shown if item[0].lower() not in given)],
            via=target.address,
            transport=target.transport,
            credentials=None if target.trunk is None else target.trunk.credentials,
            ring_limit=seconds,
        )
        self._outgoing.on_provisional = self._provisional
        self._leg.session = await self._outgoing.wait()
        answer = self._outgoing.answer
        if answer is None or not self._leg.answered(self._sdp_of(answer)):
            raise TransferFailed("the destination's answer has no audio that we speak")

    def _caller(self, target: Target, name: str | None, user: str) -> tuple[NameAddr, Headers]:
        if target.trunk is not None:
            return target.trunk.caller(name, user)
        return NameAddr(name, Uri("sip", user=user, host=self._media.address_for(target.address.host))), []

    def _new_leg(self, target: Target) -> Leg:
        leg = Leg(
            self._media,
            self,
            self,
            peer=target.address.host,
            call_id=self._call_id,
            prefers=self._codec,
            secure=target.transport.secure,
            must_encrypt=target.trunk is not None and target.trunk.srtp,
        )
        leg.on_line = self._on_line
        return leg

    def _on_line(self, line: Line) -> None:
        line.early(self._rings)

    @property
    def line(self) -> Line | None:
        """None before the party is called."""
        return self._leg.line

    def _provisional(self, response: Response) -> None:
        """Audio before the answer. If the INVITE was forked, the last branch is heard."""
        try:
            body = session_description(response)
        except SipError:
            return
        if body and self._leg.early(body):
            self._early_answer = (response.to.tag, body)

    def _sdp_of(self, answer: Response) -> bytes:
        """The SDP of a 2xx. A party that has sent it in a provisional response may leave it out there, as
        some do."""
        try:
            body = session_description(answer)
        except SipError:
            return b""
        tag, early = self._early_answer
        return body or (early if tag == answer.to.tag else b"")

    async def dial_extension(self, digits: str) -> None:
        """Presses the extension's keys after the answer and waits until they are sent. Keys that cannot be
        sent are left out."""
        stream = self._leg.stream
        if stream is None:
            return
        try:
            stream.send_digits(digits)
        except ValueError as error:
            _log.warning("call=%s the extension could not be dialled: %s", self._call_id, error)
            return
        await asyncio.sleep(seconds_for(digits))

    def press(self, digit: str, milliseconds: int) -> None:
        """Passes on a key. Nothing happens if the party accepts none."""
        press_on(self._leg, digit, milliseconds)

    async def while_up(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. If the party leaves first, `work` is cancelled and TransferFailed raised."""
        working = asyncio.create_task(work)
        going = asyncio.create_task(self.ended.wait())
        try:
            await asyncio.wait((working, going), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise TransferFailed("the destination hung up before it was connected")
            return working.result()
        finally:
            for task in (working, going):
                task.cancel()
            await asyncio.gather(working, going, return_exceptions=True)

    async def close(self) -> None:
        """Sends CANCEL or BYE and returns the port."""
        outgoing = self._outgoing
        if outgoing is not None:
            outgoing.cancel()
            if outgoing.answer is not None and self._leg.session is None:
                # It was answered while we were being given up: the outcome is there, nothing is waited for.
                self._leg.session = await outgoing.wait()
        self._leg.hang_up()
        await self._leg.close()
        stream, agreement = self._leg.stream, self._leg.agreement
        if stream is not None and agreement is not None:
            self.statistics = _shown(agreement.codec, stream.statistics)

    def digit(self, digit: str, milliseconds: int) -> None:
        self.keys.digit(digit, milliseconds)

    # -- the leg --------------------------------------------------------------------------------

    def leg_connected(self) -> None:
        """Nothing to do: `call` returns at this moment."""

    def leg_ended(self, end: LegEnd, detail: str) -> None:
        _log.info("call=%s the other party's leg ended: %s (%s)", self._call_id, end, detail)
        if end != "hung-up":
            self._leg.hang_up()
        self.ended.set()

    def leg_requested(self, request: Request) -> Answer | None:
        return None


def _shown(codec: str, counted: StreamStatistics) -> Document:
    """Statistics for the record. Times in milliseconds."""
    trip = counted.round_trip
    return LegStatistics(
        codec=codec,
        packets_sent=counted.packets_sent,
        packets_received=counted.packets_received,
        packets_lost=counted.lost,
        packets_late=counted.late,
        frames_concealed=counted.concealed,
        jitter=round(counted.jitter * 1000, 1),
        round_trip=None if trip is None else round(trip * 1000, 1),
        remote_packets_lost=counted.remote_lost,
    ).document()


def _elsewhere(target: Target, error: SipError) -> Target | None:
    """The same destination at its next address or gateway, if it was the address that failed."""
    if not nobody_there(error):
        return None
    if not target.others:
        return target.otherwise
    return replace(target, address=target.others[0], others=target.others[1:])


def press_on(leg: Leg, digit: str, milliseconds: int) -> None:
    """Sends a key on a leg, if the leg accepts keys."""
    stream = leg.stream
    if stream is None:
        return
    try:
        stream.send_digits(digit, milliseconds)
    except ValueError:
        _log.debug("a key could not be passed on: %r", stream)
