"""One leg's audio: the peer's packets become frames and the source's frames packets, tick by tick."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, Protocol

from offhook.frames import SILENCE
from offhook.network import Address, Receive
from offhook.rtp.codecs import CODECS, Codec
from offhook.rtp.consent import Consent, Unasked
from offhook.rtp.interceptors import Exchanged, Interceptor, Protected, Send
from offhook.rtp.packet import looks_like_rtcp, parse
from offhook.rtp.ports import MediaPort
from offhook.rtp.rtcp import Goodbye, Report, RtcpSession, parse_compound
from offhook.rtp.rtp_receiver import EVENT, RtpReceiver
from offhook.rtp.rtp_sender import RtpSender
from offhook.rtp.source_lock import UNSPECIFIED, SourceLock
from offhook.rtp.srtp import Srtp
from offhook.rtp.srtp_keys import SrtpKeys
from offhook.rtp.statistics import StreamStatistics

log = logging.getLogger(__name__)

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


TOLD_AFTER = 50
"""Packets withheld of one SDP before a line in the log: a caller behind a NAT is found with his first one."""


class AudioSource(Protocol):
    def next_frame(self) -> bytes | None:
        """The next 20 ms to say (320 bytes), or None when there is nothing."""
        ...


class AudioSink(Protocol):
    def exchanged(self, heard: bytes, said: bytes) -> None:
        """One tick: 320 bytes each, SILENCE where there was nothing."""
        ...

    def digit(self, digit: str, milliseconds: int) -> None:
        """The peer pressed a key, for that long; called in a tick, before `exchanged`."""
        ...


def _nobody(error: Exception) -> None:
    """Nobody wants to hear of it."""


class RtpStream:
    """A leg between one `MediaPort` and one peer, ticked by the node's `Clock`.

    While it sends, one packet goes out at every tick, silence when there is nothing to say, so that NATs
    stay open and the peer hears a steady stream. While it does not send (`direction` is ours) its source is
    not asked; while it does not receive, what comes is counted and not heard; it is ticked all the same.

    `last_packet_at` is the loop time of the last valid packet of the peer, RTP or RTCP, at first that of the
    start."""

    __slots__ = (
        "_closed", "_consent", "_control_in", "_exchanged", "_failed", "_interceptors", "_invalid",
        "_is_protected", "_lock", "_loop_time", "_port", "_receiver", "_receives", "_rtcp", "_rtcp_learned",
        "_rtcp_mux", "_rtcp_remote", "_rtp_in", "_send", "_send_control", "_sender", "_sends", "_sink",
        "_source", "_srtp", "_withheld", "call", "last_packet_at",
    )  # fmt: skip

    def __init__(
        self,
        port: MediaPort,
        *,
        payload_type: int,
        codec: str,
        remote: Address,
        telephone_event: int | None,
        rng: random.Random,
        sink: AudioSink,
        source: AudioSource,
        loop_time: Callable[[], float],
        now: Callable[[], float],
        codecs: Mapping[int, str] | None = None,
        events: Collection[int] | None = None,
        direction: Direction = "sendrecv",
        rtcp_remote: Address | None = None,
        rtcp_mux: bool = False,
        signalling_host: str | None = None,
        may_begin: bool = True,
        unasked: Unasked | None = None,
        call: str = "",
        failed: Callable[[Exception], None] = _nobody,
        interceptors: Sequence[Interceptor] = (),
        srtp: SrtpKeys | None = None,
    ) -> None:
        """`payload_type`, `codec` (one of CODECS) and `telephone_event` are those to send with; `codecs` and
        `events` what may come, by payload type (None: the same). `remote` is where the peer's SDP wants
        RTP, `rtcp_remote` where it wants RTCP if not one port above (RFC 3605). `signalling_host` is the
        host that the SIP messages come from (see SourceLock), `may_begin` whether `remote` may be sent to
        before it has sent anything, and `unasked` counts over all legs (see Consent). `loop_time` is the
        loop's `time`, `now` gives seconds since 1970, `call` is the id for the log.
        `failed` hears of an error that source or sink raised in a tick, after which the clock has let go
        of the leg. `interceptors` stand between the stream and the wire in that order; what `srtp` protects
        with stands nearest to the wire. Raises KeyError for a codec that is not in CODECS."""
        self._port = port
        self._sink = sink
        self._source = source
        self._loop_time = loop_time
        self._failed = failed
        self.call = call
        self._closed = False
        self._receives = False
        self._invalid = 0
        self._lock = SourceLock(remote, CODECS[codec].clock_rate, signalling_host)
        self._consent = Consent(signalling_host, unasked or Unasked())
        self._receiver = RtpReceiver(*_receivable(payload_type, codec, telephone_event, codecs, events))
        self._sender = RtpSender(CODECS[codec], payload_type, telephone_event, rng)
        # The name tells nothing about the machine (RFC 7022 §4.2).
        cname = f"{rng.getrandbits(96):024x}"
        self.last_packet_at = loop_time()
        self._rtcp = RtcpSession(self._sender.ssrc, cname, rng, self.last_packet_at, now())
        self._direct(remote, direction, rtcp_remote, rtcp_mux, may_begin)
        self._interceptors = tuple(interceptors)
        self._srtp: Srtp | None = None  # kept while audio is in clear: what came with its keys came once
        self._is_protected = False
        self._protect(srtp)
        self._set_up_doors()

    def _protect(self, keys: SrtpKeys | None) -> bool:
        """Whether the doors have to be set up anew for it."""
        before, self._is_protected = self._is_protected, keys is not None
        if keys is not None and self._srtp is not None:
            self._srtp.take(keys)
        elif keys is not None:
            self._srtp = Srtp(keys)
        return before is not self._is_protected

    def _set_up_doors(self) -> None:
        interceptors = self._interceptors
        if self._srtp is not None and self._is_protected:
            interceptors = (Protected(self._srtp), *interceptors)
        send: Send = self._port.rtp.send
        send_control: Send = self._control_out
        for one in reversed(interceptors):
            send, send_control = one.sends(send), one.sends_control(send_control)
        rtp_in: Receive = self._rtp_received
        control_in: Receive = self._rtcp_received
        exchanged: Exchanged = self._sink.exchanged
        for one in interceptors:
            rtp_in, control_in = one.receives(rtp_in), one.receives_control(control_in)
            exchanged = one.exchanges(exchanged)
        self._send, self._send_control = send, send_control
        self._rtp_in, self._control_in, self._exchanged = rtp_in, control_in, exchanged
        # Where nothing stands in between, `_rtp_received` tells the two apart itself, for a call less.
        self._port.listen(
            self._rtp_received if rtp_in == self._rtp_received else self._both_received, control_in
        )

    def __repr__(self) -> str:
        return f"RtpStream(call={self.call}, local={self._port.local}, remote={self._lock.remote})"

    def learn(self) -> None:
        """The answer was acknowledged: from now on what comes shows where the peer is (see SourceLock)."""
        self._lock.open(self._loop_time())
        self._consent.begin_anew()

    def update(
        self,
        *,
        remote: Address,
        payload_type: int,
        codec: str,
        telephone_event: int | None,
        direction: Direction,
        codecs: Mapping[int, str] | None = None,
        events: Collection[int] | None = None,
        rtcp_remote: Address | None = None,
        rtcp_mux: bool = False,
        signalling_host: str | None = None,
        may_begin: bool = True,
        srtp: SrtpKeys | None = None,
    ) -> None:
        """Everything that a re-INVITE negotiated, as in the constructor, and where it came from. Another
        `remote` is learned anew; the same one leaves the leg locked to the source it has. Raises KeyError for
        an unknown codec."""
        self._receiver.negotiate(*_receivable(payload_type, codec, telephone_event, codecs, events))
        self._sender.negotiate(CODECS[codec], payload_type, telephone_event)
        self._lock.clock_rate = CODECS[codec].clock_rate
        self._lock.expect(remote, self._loop_time(), signalling_host)
        if self._protect(srtp):
            self._set_up_doors()
        self._direct(remote, direction, rtcp_remote, rtcp_mux, may_begin)

    def _direct(
        self,
        remote: Address,
        direction: Direction,
        rtcp_remote: Address | None,
        rtcp_mux: bool,
        may_begin: bool,
    ) -> None:
        if remote.host not in UNSPECIFIED:
            self._consent.aim(remote.host, may_begin=may_begin)
        self._withheld = 0
        self._sends = direction in ("sendrecv", "sendonly") and remote.host not in UNSPECIFIED
        receives = direction in ("sendrecv", "recvonly")
        if receives and not self._receives:
            self._receiver.start_over()
        self._receives = receives
        self._rtcp_remote = rtcp_remote
        self._rtcp_learned: Address | None = None
        self._rtcp_mux = rtcp_mux

    # Each tick.

    def tick(self) -> None:
        """Hear 20 ms, say 20 ms. Raises what source and sink raise."""
        if self._closed:
            return
        now = self._loop_time()
        receiver, lock = self._receiver, self._lock
        heard = receiver.next_frame() if self._receives else SILENCE
        if receiver.has_press:
            while (press := receiver.next_press(now)) is not None:
                self._sink.digit(press.digit, press.milliseconds)
        if not self._sends or now < lock.undecided_until:
            said = self._pause()
        elif self._consent.spend(lock.remote.host, now):
            said = self._say(lock.remote)
        else:
            said = self._withhold(lock.remote)
        if now >= self._rtcp.due_at:
            self._report(now)
        self._exchanged(heard, said)

    def _pause(self) -> bytes:
        self._sender.pause()
        return SILENCE

    def _withhold(self, remote: Address) -> bytes:
        self._withheld += 1
        if self._withheld == TOLD_AFTER:
            log.warning("call=%s no audio is sent to %s: nothing comes from there", self.call, remote)
        return self._pause()

    def _say(self, remote: Address) -> bytes:
        sender = self._sender
        if sender.dtmf.busy:
            # What the source has to say waits for the digits.
            self._send(sender.event(), remote)
            return SILENCE
        frame = self._source.next_frame()
        self._send(sender.audio(frame), remote)
        return SILENCE if frame is None else frame

    def failed(self, error: Exception) -> None:
        self._failed(error)

    def send_digits(self, digits: str, milliseconds: int = 100, gap: int = 80) -> None:
        """Send keypad digits, and say nothing meanwhile. Raises ValueError for what cannot be sent (see
        DtmfSender.queue) and when the peer takes no telephone events."""
        self._sender.queue_digits(digits, milliseconds, gap)

    def close(self) -> None:
        """Say goodbye by RTCP and give the port back. Does nothing the second time. The clock is the
        caller's to tell; a tick after this does nothing."""
        if self._closed:
            return
        try:
            self._report(self._loop_time(), goodbye=True)
        finally:
            self._closed = True
            self._port.close()

    # Whatever comes.

    def _both_received(self, data: bytes, source: Address) -> None:
        """What came to the port of RTP, as it was on the wire."""
        control = self._rtcp_mux and looks_like_rtcp(data)
        (self._control_in if control else self._rtp_in)(data, source)

    def _rtp_received(self, data: bytes, source: Address) -> None:
        if self._rtcp_mux and looks_like_rtcp(data):
            self._control_in(data, source)
            return
        packet = parse(data)
        receiver = self._receiver
        kind = None if packet is None else receiver.kinds.get(packet.payload_type)
        if packet is None or kind is None:
            self._invalid += 1
            return
        now = self._loop_time()
        if self._lock.admit(packet, source, now, event=kind is EVENT):
            self.last_packet_at = now
            self._consent.heard(source.host, now)
            receiver.take(packet, kind, now, audible=self._receives)

    def _rtcp_received(self, data: bytes, source: Address) -> None:
        parts = parse_compound(data)
        if parts is None or not isinstance(parts[0], Report):
            self._invalid += 1
            return
        now = self._loop_time()
        if not self._lock.admit_control(source, parts[0].ssrc, now):
            return
        self._rtcp.received(parts, now)
        # A BYE ends nothing, that is SIP's; but it is no sign either that its sender goes on.
        if any(isinstance(part, Goodbye) for part in parts):
            return
        self.last_packet_at = now
        self._consent.heard(source.host, now)
        if parts[0].ssrc == self._lock.ssrc:
            self._rtcp_learned = source

    # Reports.

    def _report(self, now: float, *, goodbye: bool = False) -> None:
        sender = self._sender
        data = self._rtcp.report(
            now,
            timestamp=sender.timestamp,
            packets=sender.packets,
            octets=sender.octets,
            reception=self._receiver.reception,
            goodbye=goodbye,
        )
        remote = self._lock.remote
        if remote.host in UNSPECIFIED or not self._consent.stands(remote.host, now):
            return
        self._send_control(data, remote if self._rtcp_mux else self._rtcp_address(remote))

    def _control_out(self, data: bytes, to: Address) -> None:
        (self._port.rtp if self._rtcp_mux else self._port.rtcp).send(data, to)

    def _rtcp_address(self, remote: Address) -> Address:
        """Where the peer sends its own RTCP from, or else wants ours, or else the port above its RTP."""
        for address in (self._rtcp_learned, self._rtcp_remote):
            if address is not None and address.host == remote.host:
                return address
        return Address(remote.host, remote.port + 1)

    @property
    def statistics(self) -> StreamStatistics:
        receiver, sender, buffer = self._receiver, self._sender, self._receiver.jitter_buffer
        reception, remote_jitter = receiver.reception, self._rtcp.remote_jitter
        return StreamStatistics(
            packets_sent=sender.packets,
            octets_sent=sender.octets,
            packets_received=receiver.packets,
            octets_received=receiver.octets,
            lost=receiver.lost,
            late=buffer.late,
            duplicates=buffer.duplicates,
            discarded=buffer.discarded,
            concealed=receiver.concealed,
            rejected=self._lock.refused,
            withheld=self._consent.withheld,
            invalid=self._invalid,
            jitter=reception.jitter / reception.clock_rate if reception is not None else 0.0,
            round_trip=self._rtcp.round_trip,
            remote_lost=self._rtcp.remote_lost,
            remote_jitter=None if remote_jitter is None else remote_jitter / sender.clock_rate,
        )


def _receivable(
    payload_type: int,
    codec: str,
    telephone_event: int | None,
    codecs: Mapping[int, str] | None,
    events: Collection[int] | None,
) -> tuple[Codec, Mapping[int, Codec], Collection[int]]:
    """What an RtpReceiver is told."""
    if codecs is None:
        codecs = {payload_type: codec}
    if events is None:
        events = () if telephone_event is None else (telephone_event,)
    return CODECS[codec], {number: CODECS[name] for number, name in codecs.items()}, events
