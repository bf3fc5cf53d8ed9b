"""The incoming half of a leg: the peer's packets become frames and keypad presses."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final

from offhook.rtp.codecs import Codec
from offhook.rtp.concealment import Concealer
from offhook.rtp.jitter import EMPTY, LOST, JitterBuffer
from offhook.rtp.packet import Packet
from offhook.rtp.rtcp import Reception
from offhook.rtp.telephone_events import DtmfReceiver, Press


class PayloadKind(Enum):
    """What comes under a payload type, if it is not a codec's audio."""

    EVENT = "telephone-event"
    NOISE = "CN"


EVENT: Final = PayloadKind.EVENT
NOISE: Final = PayloadKind.NOISE
"""By names of their own, since a look into an Enum takes as long as a packet is parsed."""

COMFORT_NOISE: Final = 13
"""Static payload type of RFC 3389; taken as silence."""

_MAX_PRESSES = 64
"""Keypad presses that may wait for the next tick."""


class RtpReceiver:
    """Takes packets that are known to be the peer's, at any time; gives one frame per tick.

    `kinds` says what each payload type that is understood is for. `has_press`: a key is down or was, so
    `next_press` is to be asked."""

    __slots__ = (
        "_codec", "_concealer", "_decode", "_dtmf", "_lost_before", "_presses", "concealed", "has_press",
        "jitter_buffer", "kinds", "octets", "packets", "reception",
    )  # fmt: skip

    kinds: Mapping[int, Codec | PayloadKind]

    def __init__(self, codec: Codec, codecs: Mapping[int, Codec], events: Collection[int]) -> None:
        """`codec` is the one to expect, `codecs` all that may come, by payload type, `events` the payload
        types of telephone events."""
        self.packets = self.octets = self.concealed = 0
        self.reception: Reception | None = None
        self._lost_before = 0
        self.jitter_buffer = JitterBuffer(codec)
        self._concealer = Concealer()
        self._dtmf = DtmfReceiver(codec.clock_rate)
        self._presses: deque[Press] = deque(maxlen=_MAX_PRESSES)
        self.has_press = False
        self._codec = codec
        self._decode = codec.decoder()
        self.negotiate(codec, codecs, events)

    def negotiate(self, codec: Codec, codecs: Mapping[int, Codec], events: Collection[int]) -> None:
        """What the peer may send from now on. Its packets say what it does send: a refresh that leaves that
        allowed is not heard."""
        self.kinds = {COMFORT_NOISE: NOISE, **codecs, **dict.fromkeys(events, EVENT)}
        if self._codec not in codecs.values():
            self._switch(codec)

    def _switch(self, codec: Codec) -> None:
        """What comes from now on is of `codec`. What waits is not, and is forgotten."""
        self._codec = codec
        self._decode = codec.decoder()
        self._dtmf.clock_rate = codec.clock_rate
        if self.reception is not None:
            self.reception.clock_rate = codec.clock_rate
        self.start_over()

    def start_over(self) -> None:
        """Forget the audio that waits."""
        self.jitter_buffer.start_over(self._codec)
        self._concealer.silent()

    def take(self, packet: Packet, kind: Codec | PayloadKind, now: float, *, audible: bool) -> None:
        """One packet, of the `kind` that its payload type is for, which arrived at `now`; unless `audible` it
        is only counted."""
        _, _, sequence, timestamp, ssrc, payload = packet
        self.packets += 1
        self.octets += len(payload)
        reception = self.reception
        if reception is not None and reception.ssrc == ssrc:
            reception.update(sequence, timestamp, now, kind is not EVENT)
        elif reception is None or kind is not EVENT:
            self._lost_before = self.lost
            self.reception = Reception(packet, now, self._codec.clock_rate)
        if not audible or kind is NOISE:
            return
        if kind is EVENT:
            self._presses.extend(self._dtmf.receive(timestamp, payload, now, ssrc))
            self.has_press = True
            return
        if kind is not self._codec:
            self._switch(kind)
        self.jitter_buffer.push(packet, now)

    @property
    def lost(self) -> int:
        """Packets that never came, over all SSRCs of the leg; what came twice is not counted against it."""
        return self._lost_before + (max(self.reception.lost, 0) if self.reception is not None else 0)

    def next_frame(self) -> bytes:
        """The frame to hear in this tick."""
        payload = self.jitter_buffer.pop()
        if payload is LOST:
            self.concealed += 1
            return self._concealer.conceal()
        if payload is EMPTY:
            return self._concealer.silent()
        try:
            frame = self._decode(payload)
        except ValueError:
            self.concealed += 1
            return self._concealer.conceal()
        return self._concealer.heard(frame)

    def next_press(self, now: float) -> Press | None:
        """A key that was released since the last tick; asked until there is none."""
        press = self._presses.popleft() if self._presses else self._dtmf.expire(now)
        self.has_press = press is not None or self._dtmf.pressed
        return press
