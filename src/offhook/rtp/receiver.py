"""The incoming half of a leg: the peer's packets become frames and keypad presses."""

from __future__ import annotations

from collections import deque

from .codecs import Codec
from .concealment import Concealer
from .dtmf import DtmfReceiver, Press
from .jitter import EMPTY, LOST, JitterBuffer
from .packet import Packet
from .rtcp import Reception

COMFORT_NOISE = 13
"""Static payload type of RFC 3389; taken as silence."""

_MAX_PRESSES = 64
"""Keypad presses that may wait for the next tick."""


class Receiver:
    """Takes packets that are known to be the peer's, at any time; gives one frame per tick."""

    __slots__ = (
        "_codec", "_concealer", "_decode", "_dtmf", "_lost_before", "_payload_type", "_presses",
        "_telephone_event", "concealed", "jitter_buffer", "octets", "packets", "reception",
    )  # fmt: skip

    def __init__(self, codec: Codec, payload_type: int, telephone_event: int | None) -> None:
        self.packets = self.octets = self.concealed = 0
        self.reception: Reception | None = None
        self._lost_before = 0
        self.jitter_buffer = JitterBuffer(codec.silence[0], codec.quiet)
        self._concealer = Concealer()
        self._codec = codec
        self._payload_type = -1
        self._dtmf = DtmfReceiver()
        self._presses: deque[Press] = deque(maxlen=_MAX_PRESSES)
        self.negotiate(codec, payload_type, telephone_event)

    def negotiate(self, codec: Codec, payload_type: int, telephone_event: int | None) -> None:
        """What the peer may send from now on. If that is something else than before, what waits is
        forgotten."""
        if (codec, payload_type) != (self._codec, self._payload_type):
            self._codec = codec
            self.start_over()
        self._decode = codec.decode
        self._payload_type = payload_type
        self._telephone_event = -1 if telephone_event is None else telephone_event

    def start_over(self) -> None:
        """Forget the audio that waits."""
        self.jitter_buffer.start_over(self._codec.silence[0], self._codec.quiet)
        self._concealer.silent()

    def understands(self, payload_type: int) -> bool:
        return (
            payload_type == self._payload_type
            or payload_type == self._telephone_event
            or payload_type == COMFORT_NOISE
        )

    def take(self, packet: Packet, now: float, *, audible: bool) -> None:
        """One packet that arrived at `now`; unless `audible` it is only counted."""
        payload_type = packet.payload_type
        is_event = payload_type == self._telephone_event
        self.packets += 1
        self.octets += len(packet.payload)
        reception = self.reception
        if reception is not None and reception.ssrc == packet.ssrc:
            reception.update(packet.sequence, packet.timestamp, now, not is_event)
        else:
            self._lost_before = self.lost
            self.reception = Reception(packet, now)
        if not audible:
            return
        if payload_type == self._payload_type:
            self.jitter_buffer.push(packet, now)
        elif is_event:
            self._presses.extend(self._dtmf.receive(packet.timestamp, packet.payload, now))

    @property
    def lost(self) -> int:
        """Packets that never came, over all SSRCs of the leg; what came twice is not counted against it."""
        return self._lost_before + (max(self.reception.lost, 0) if self.reception is not None else 0)

    def next_frame(self) -> bytes:
        """The 20 ms (320 bytes) to hear in this tick."""
        payload = self.jitter_buffer.pop()
        if payload is LOST:
            self.concealed += 1
            return self._concealer.conceal()
        if payload is EMPTY:
            return self._concealer.silent()
        return self._concealer.heard(self._decode(payload))

    def next_press(self, now: float) -> Press | None:
        """A key that was released since the last tick; asked until there is none."""
        if self._presses:
            return self._presses.popleft()
        return self._dtmf.expire(now) if self._dtmf.pressed else None
