"""A leg: one SIP dialog with its RTP session. It negotiates, carries audio, and detects that the peer is
gone."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from offhook.calls.pressed_keys import KeySink, PressedKeys, keys_of
from offhook.calls.srtp_policy import USUAL, SrtpPolicy
from offhook.media.line import Line, MediaPlane
from offhook.network import INTERNAL, Address
from offhook.rtp.codecs import CODECS
from offhook.rtp.srtp_keys import SrtpKeys
from offhook.sip.dialogs.handler import Answer
from offhook.sip.dialogs.session import Session
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request
from offhook.sip.messages.sdp import (
    MediaAgreement,
    RtpMap,
    SessionDescription,
    accept_answer,
    answer,
    media_host,
    meets,
    offer,
)

LegEnd = Literal["hung-up", "unacknowledged", "gone", "no-audio"]
"""Why a leg ended by itself: the peer's BYE, no ACK, a lost dialog, or no packet for too long."""

_log = logging.getLogger(__name__)


def served(first: str | None = None) -> tuple[RtpMap, ...]:
    """The codecs of the table as SDP has them, `first` before the others."""
    codecs = sorted(CODECS.values(), key=lambda codec: codec.name != first)
    return tuple(RtpMap(one.payload_type, one.name, one.clock_rate, one.channels) for one in codecs)


class LegOwner(Protocol):
    """What a leg reports to its owner."""

    def leg_connected(self) -> None:
        """The answer was acknowledged: audio flows both ways."""
        ...

    def leg_ended(self, end: LegEnd, detail: str) -> None:
        """Once. The SIP side is finished; the owner still closes the leg."""
        ...

    def leg_requested(self, request: Request) -> Answer | None:
        """A request inside the dialog (INFO, NOTIFY, REFER, MESSAGE). Returns the response; None for the
        usual one."""
        ...


@dataclass(frozen=True, slots=True)
class Media:
    """What the legs of this node share. `plane` is the media plane. `address_for` gives our address for the
    SDP, by the peer's host, and raises OSError if no address of ours reaches that host. `may_send` says
    whether audio may go to the address in an SDP before any audio came from there, given the host that the
    SIP messages come from."""

    plane: MediaPlane
    address_for: Callable[[str], str]
    may_send: Callable[[Address, str], bool]
    rng: random.Random
    srtp: SrtpPolicy = USUAL


class Leg:
    """`open()` gives the SDP to answer (or offer) with; `session` is then set by the owner.

    `line` is the leg in the media plane, from `open` on; `stream` the same once there is audio."""

    def __init__(
        self,
        media: Media,
        owner: LegOwner,
        keys: KeySink,
        *,
        peer: str,
        call_id: str,
        prefers: str | None = None,
        secure: bool = False,
        must_encrypt: bool = False,
    ) -> None:
        """`keys` gets the keys that the peer presses. `peer`: the host that signalling comes from or goes to.
        `prefers`: the codec that our own offer names first. `secure`: nobody else can read the signalling;
        `must_encrypt`: without SRTP there is no audio."""
        self._media = media
        self._owner = owner
        self._keys = PressedKeys(keys, asyncio.get_running_loop().time)
        self._call_id = call_id
        self._peer = peer
        self._prefers = prefers
        self._must_encrypt = must_encrypt
        self._srtp = media.srtp.keys(media.rng, secure=secure, must=must_encrypt)
        self._address = ""
        self._session_id = media.rng.getrandbits(62)
        self._version = 1
        self._local: SessionDescription | None = None
        self._connected = False
        self._offered = False
        self._over = False
        self._closed = False
        self.on_line: Callable[[Line], None] = lambda line: None
        """Gets the line as soon as there is one."""
        self.session: Session | None = None
        self.line: Line | None = None
        self.agreement: MediaAgreement | None = None

    async def open(self, offered: bytes | None) -> bytes:
        """Take a port and return the SDP for the 200: an answer, or our offer when the INVITE had none.

        Raises SipError (488, 400) for an offer that cannot be met, PortsExhausted, and OSError when there is
        no way to the peer."""
        if offered is None:
            self._address = self._media.address_for(self._peer)
            await self._take_line(self._peer)
            self._local = self._offer()
            return self._local.to_bytes()
        theirs = SessionDescription.parse(offered)
        # Before a port is taken: an offer that cannot be met must cost nothing.
        host = self._towards(media_host(theirs, self._reaches, served(), self._srtp))
        self._address = self._media.address_for(host)
        await self._take_line(host)
        return self._accept(theirs)

    async def _take_line(self, host: str) -> None:
        self.line = await self._media.plane.open(self._call_id, host, self)
        self.on_line(self.line)

    @property
    def stream(self) -> Line | None:
        """None until the audio is negotiated."""
        return None if self.agreement is None else self.line

    async def close(self) -> None:
        """Release the port. The dialog is the session's own."""
        self._over = True
        line = self.line
        if line is None or self._closed:
            return
        self._closed = True
        await line.close()
        if self._connected:
            _log.info("call=%s audio with %s: %s", self._call_id, self._peer, line.statistics)

    def hang_up(self) -> None:
        if self.session is not None:
            self.session.bye()

    # -- SessionHandler -------------------------------------------------------------------------

    def acknowledged(self, body: bytes) -> None:
        late = self.agreement is None or (self._offered and body)
        if late and not self._take_answer(body):
            return
        self.connect()

    def unacknowledged(self) -> None:
        self._end("unacknowledged", "no ACK came")

    def octets_heard(self) -> int:
        return 0 if self.stream is None else self.stream.statistics.octets_received

    def hung_up(self, request: Request) -> None:
        self._end("hung-up", request.headers.get("Reason") or "BYE")

    def gone(self, reason: str) -> None:
        self._end("gone", reason)

    def requested(self, request: Request) -> Answer | None:
        presses = keys_of(request)
        if presses is None:
            return self._owner.leg_requested(request)
        for press in presses:
            self._keys.informed(press)
        return 200

    def reoffered(self, offered: bytes | None) -> bytes:
        """A re-INVITE or UPDATE: hold, resume, a moved address. SipError leaves the call as it was."""
        self._look_who_reads()
        self._version += 1
        if offered is None:
            self._local = self._offer()
            return self._local.to_bytes()
        return self._accept(SessionDescription.parse(offered))

    # -- inside ---------------------------------------------------------------------------------

    def _look_who_reads(self) -> None:
        """A dialog may go on over another transport than it began on, where others read its keys. Protected
        audio goes on as it is then. Raises SipError."""
        session, agreed = self.session, self.agreement
        if session is None:
            return
        self._srtp.may = self._media.srtp.may(secure=session.secure, must=self._must_encrypt)
        if not self._srtp.may and agreed is not None and agreed.srtp is not None:
            raise SipError(488, "Keys Not In Clear")

    def _towards(self, host: str) -> str:
        """The host by whose route our address is found for audio with `host`. It is the peer's, since an SDP
        may name an address that is known only behind the peer's NAT; unless the two are of different
        families."""
        return self._peer if meets(self._peer, host) else host

    def _reaches(self, host: str) -> bool:
        try:
            return meets(self._media.address_for(self._towards(host)), host)
        except OSError:
            return False

    def _accept(self, theirs: SessionDescription) -> bytes:
        assert self.line is not None
        self._local, agreement = answer(
            theirs,
            address=self._address,
            port=self.line.local.port,
            session_id=self._session_id,
            version=self._version,
            codecs=served(),
            keys=self._srtp,
        )
        self._agree(agreement)
        return self._local.to_bytes()

    def _offer(self) -> SessionDescription:
        assert self.line is not None
        self._offered = True
        agreed = self.agreement
        going_on: dict[str, Any] = {} if agreed is None else {"profile": agreed.profile}
        if agreed is not None and agreed.telephone_event_payload_type is not None:
            going_on["telephone_event"] = agreed.telephone_event_payload_type
        return offer(
            address=self._address,
            port=self.line.local.port,
            session_id=self._session_id,
            version=self._version,
            codecs=served(self._prefers),
            keys=self._srtp,
            **going_on,
        )

    def _take_answer(self, body: bytes) -> bool:
        """The answer to our own offer; without one there is no audio and so no call."""
        self._offered = False
        try:
            if self._local is None or not body:
                raise SipError(488, "No answer to the offer")
            self._agree(accept_answer(self._local, SessionDescription.parse(body), self._srtp))
        except SipError as error:
            _log.warning("call=%s the answer to the offer cannot be met: %s", self._call_id, error)
            self.hang_up()
            self._end("gone", str(error))
            return False
        return True

    def _agree(self, agreement: MediaAgreement) -> None:
        session = self.session
        signalling_host = self._peer if session is None or session.peer is None else session.peer.host
        events = [one.payload_type for one in agreement.receives if one.encoding not in CODECS]
        codecs = {one.payload_type: one.encoding for one in agreement.receives if one.encoding in CODECS}
        first, self.agreement = self.agreement is None, agreement
        srtp = agreement.srtp
        if self.line is None or self._closed:
            return
        self.line.agree(
            remote=agreement.remote,
            payload_type=agreement.payload_type,
            codec=agreement.codec,
            telephone_event=agreement.telephone_event_payload_type,
            codecs=codecs,
            events=events,
            direction=agreement.direction,
            rtcp=agreement.rtcp,
            signalling_host=self._peer if first else signalling_host,
            may_begin=self._media.may_send(agreement.remote, self._peer),
            srtp=None if srtp is None else SrtpKeys(srtp[0].suite, srtp[0].key, srtp[1].key, srtp[1].mki),
        )

    # -- what the media plane tells -------------------------------------------------------------

    def digit(self, digit: str, milliseconds: int) -> None:
        self._keys.digit(digit, milliseconds)

    def media_failed(self) -> None:
        self.hang_up()
        _log.error("call=%s audio failed", self._call_id)
        self._end("gone", f"audio failed: {INTERNAL}")

    def no_media(self, seconds: float) -> None:
        self._end("no-audio", f"no packet for {seconds:.0f} s")

    # -- audio begins ---------------------------------------------------------------------------

    def early(self, body: bytes) -> bool:
        """Audio before the answer, to this SDP of a provisional response (RFC 3261 §13.2.1, RFC 3960): from
        now on the peer is heard. False if it cannot be met; the answer may still do better."""
        if self._local is None or self._over:
            return False
        try:
            self._agree(accept_answer(self._local, SessionDescription.parse(body), self._srtp))
        except SipError as error:
            _log.info("call=%s early media cannot be met: %s", self._call_id, error)
            return False
        if self.stream is not None:
            self.stream.begin()
        return True

    def answered(self, body: bytes) -> bool:
        """Our own INVITE was answered with this SDP. False if it cannot be met, and then the call is hung
        up."""
        if not self._take_answer(body):
            return False
        self.connect()
        return True

    def connect(self) -> None:
        """Audio flows from now on. A second call has no effect."""
        if self._connected or self._over or self.stream is None:
            return
        self._connected = True
        self.stream.connect()
        self._owner.leg_connected()

    def _end(self, end: LegEnd, detail: str) -> None:
        if self._over:
            return
        self._over = True
        self._owner.leg_ended(end, detail)
