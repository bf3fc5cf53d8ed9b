"""A leg that we place: the party that a caller is transferred to, from the INVITE to the end of its
dialog."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Protocol, TypeVar

from offhook.calls.leg import Leg, LegEnd, Media
from offhook.calls.transfers.destination import Target, TransferFailed, failure_of
from offhook.calls.transfers.tones import Audio, Waiting
from offhook.network import Address
from offhook.rtp.dtmf import PAUSES
from offhook.rtp.ports import PortsExhausted
from offhook.sip.errors import SipError
from offhook.sip.flow import TransportName
from offhook.sip.handler import Answer, SessionHandler
from offhook.sip.headers import NameAddr
from offhook.sip.message import Request
from offhook.sip.outgoing import OutgoingCall
from offhook.sip.uri import Uri

T = TypeVar("T")

DIGIT_SECONDS: Final = 0.18
"""100 ms for a key and 80 ms after it, as the stream sends them."""

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
        headers: Iterable[tuple[str, str]] = (),
        via: Address | None = None,
        transport: TransportName = "udp",
        ring_limit: float = 180.0,
    ) -> OutgoingCall: ...


class Dialler:
    """Places the node's calls. `agent` is set once there is one: it is made after what it serves."""

    def __init__(self) -> None:
        self.agent: Inviter | None = None


class Party:
    """One called party. `audio` is who speaks to it and hears it, `ended` is set when it is gone.

    Whoever makes one closes it; that ends it whatever state it is in."""

    def __init__(self, dialler: Dialler, media: Media, target: Target, call_id: str) -> None:
        self._dialler = dialler
        self._media = media
        self._target = target
        self._call_id = call_id
        self._outgoing: OutgoingCall | None = None
        self._leg = Leg(media, self, self, self, peer=target.address.host, call_id=call_id)
        self.audio: Audio = Waiting((None,))
        self.ended = asyncio.Event()

    async def call(
        self, name: str | None, user: str, headers: Iterable[tuple[str, str]], seconds: float
    ) -> None:
        """INVITE from `user` and wait up to so many seconds for the answer. Raises TransferFailed."""
        agent = self._dialler.agent
        if agent is None:
            raise TransferFailed("this node places no calls")
        try:
            offer = await self._leg.open(None)
            own = Uri("sip", user=user, host=self._media.address_for(self._target.address.host))
            self._outgoing = agent.invite(
                self._target.uri,
                from_=NameAddr(name, own),
                body=offer,
                handler=self._leg,
                headers=headers,
                via=self._target.address,
                transport=self._target.transport,
                ring_limit=seconds,
            )
            self._leg.session = await self._outgoing.wait()
        except SipError as error:
            raise failure_of(error.status) from error
        except (PortsExhausted, OSError) as error:
            raise TransferFailed(f"the destination could not be called: {error}") from error
        answer = self._outgoing.answer
        if answer is None or not self._leg.answered(answer.body):
            raise TransferFailed("the destination's answer has no audio that we speak")

    async def dial_extension(self, digits: str) -> None:
        """Press keys once answered, and wait until they are out. What cannot be sent is left out."""
        stream = self._leg.stream
        if stream is None:
            return
        try:
            stream.send_digits(digits)
        except ValueError as error:
            _log.warning("call=%s the extension could not be dialled: %s", self._call_id, error)
            return
        await asyncio.sleep(sum(PAUSES.get(digit, DIGIT_SECONDS) for digit in digits))

    def press(self, digit: str, milliseconds: int) -> None:
        """A key, passed on; nothing happens when the party takes none."""
        press_on(self._leg, digit, milliseconds)

    async def while_up(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; it is given up, with TransferFailed, when the party goes first."""
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
        """CANCEL or BYE, and the port back."""
        outgoing = self._outgoing
        if outgoing is not None:
            outgoing.cancel()
            if outgoing.answer is not None and self._leg.session is None:
                # It was answered while we were being given up: the outcome is there, nothing is waited for.
                self._leg.session = await outgoing.wait()
        self._leg.hang_up()
        stream = self._leg.stream
        if stream is not None:
            _log.info("call=%s the other party's audio: %s", self._call_id, stream.statistics)
        await self._leg.close()

    # -- audio, on the 20 ms tick ---------------------------------------------------------------

    def next_frame(self) -> bytes | None:
        return self.audio.next_frame()

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self.audio.exchanged(heard, said)

    def digit(self, digit: str, milliseconds: int) -> None:
        self.audio.digit(digit, milliseconds)

    # -- the leg --------------------------------------------------------------------------------

    def leg_connected(self) -> None:
        """The caller of a call knows: `call` returns."""

    def leg_ended(self, end: LegEnd, detail: str) -> None:
        _log.info("call=%s the other party's leg ended: %s (%s)", self._call_id, end, detail)
        if end != "hung-up":
            self._leg.hang_up()
        self.ended.set()

    def leg_requested(self, request: Request) -> Answer | None:
        return None


def press_on(leg: Leg, digit: str, milliseconds: int) -> None:
    """Send a key on a leg, if it takes any."""
    stream = leg.stream
    if stream is None:
        return
    try:
        stream.send_digits(digit, milliseconds)
    except ValueError:
        _log.debug("a key could not be passed on: %r", stream)
