"""The outgoing half of a leg: frames and keypad digits become packets."""

from __future__ import annotations

import random

from offhook.frames import FRAME_BYTES
from offhook.rtp.codecs import Codec
from offhook.rtp.packet import build
from offhook.rtp.telephone_events import DtmfSender


class RtpSender:
    """One SSRC. Its timestamp runs with the ticks whether something is sent or not.

    The marker is set on the first packet and on the first one after ticks without any (RFC 3551 §4.1)."""

    __slots__ = (
        "_codec", "_contiguous", "_encode", "_payload_type", "_sequence", "_telephone_event", "_ticks",
        "dtmf", "octets", "packets", "ssrc", "timestamp",
    )  # fmt: skip

    def __init__(
        self, codec: Codec, payload_type: int, telephone_event: int | None, rng: random.Random
    ) -> None:
        self.ssrc = rng.getrandbits(32)
        self.timestamp = rng.getrandbits(32)
        # Its upper half is left out: a peer that misses the wrap at the beginning would never find the index
        # that SRTP goes by (RFC 3711 §3.3.1).
        self._sequence = rng.getrandbits(15)
        self._contiguous = False
        self.packets = self.octets = 0
        self.dtmf = DtmfSender(codec.ticks)
        self._begin(codec)
        self.negotiate(codec, payload_type, telephone_event)

    def negotiate(self, codec: Codec, payload_type: int, telephone_event: int | None) -> None:
        """What the peer wants to get from now on."""
        if codec is not self._codec:
            self._begin(codec)
        self._payload_type = payload_type
        self._telephone_event = telephone_event

    def _begin(self, codec: Codec) -> None:
        self._codec = codec
        self._encode = codec.encoder()
        self._ticks = self.dtmf.ticks = codec.ticks

    @property
    def clock_rate(self) -> int:
        return self._codec.clock_rate

    def queue_digits(self, digits: str, milliseconds: int, gap: int) -> None:
        """See DtmfSender.queue. Raises ValueError too when the peer takes no telephone events."""
        if self._telephone_event is None:
            raise ValueError("the peer takes no telephone events")
        self.dtmf.queue(digits, milliseconds, gap)

    def audio(self, frame: bytes | None) -> bytes:
        """The packet of this tick: `frame`, or silence. Raises ValueError for another length."""
        if frame is None:
            payload = self._codec.silence
        elif len(frame) == FRAME_BYTES:
            payload = self._encode(frame)
        else:
            raise ValueError(f"a frame has {FRAME_BYTES} bytes, not {len(frame)}")
        return self._packet(self._payload_type, self.timestamp, payload, not self._contiguous)

    def event(self) -> bytes:
        """The packet of this tick while digits are sent: an event, or silence between two."""
        event = self.dtmf.tick(self.timestamp)
        if event is None or self._telephone_event is None:
            return self.audio(None)
        return self._packet(self._telephone_event, event.timestamp, event.payload, event.marker)

    def pause(self) -> None:
        """This tick sends nothing."""
        self._contiguous = False
        self.timestamp = (self.timestamp + self._ticks) & 0xFFFFFFFF

    def _packet(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> bytes:
        """The packet of this tick."""
        packet = build(payload_type, self._sequence, timestamp, self.ssrc, payload, marker)
        self._contiguous = True
        self.timestamp = (self.timestamp + self._ticks) & 0xFFFFFFFF
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return packet
