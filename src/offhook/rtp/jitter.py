"""The jitter buffer: packets in as the network brings them, 20 ms of payload out at every tick.

Positions are counted in frames of 20 ms on the peer's own timestamps, so any packet time works: a packet that
is one whole frame (nearly all are) is kept as it is, others are cut and joined, if their codec has the same
octets for each frame.

The delay is not planned, it follows from what happens. A frame that is not there when it is due is waited
for (`LOST` is given and nothing is skipped), so the delay grows by exactly what the network needed; if the
frame turns out to be gone, the wait counts for it and nothing is delayed. A frame that came too late since
later ones overtook it makes the buffer wait once, so that the next one like it is in time. When for two
seconds (more, if that proved too hasty) every packet came earlier than it had to, the delay shrinks again,
by leaving out frames, quiet ones if there are any soon. A clean network so gets no delay but the alignment
to the tick."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

from offhook.rtp.codecs import Codec
from offhook.rtp.packet import Packet


class Missing(Enum):
    LOST = "lost"
    """Something should be played here and is not there: conceal it."""
    EMPTY = "empty"
    """The peer sends nothing: silence."""


LOST: Final = Missing.LOST
EMPTY: Final = Missing.EMPTY

MAX_DEPTH = 12
"""Frames that may wait; at more the oldest are left out. 240 ms: 200 ms and a packet of 40 ms."""
MAX_FRAMES = 10
"""Frames in the longest packet that is taken, 200 ms."""
MAX_PAYLOAD = 1500
"""Bytes of the longest packet of a codec that says itself how much a packet is."""
_CONCEALED = 3
"""Frames in a row that are worth concealing; then the peer is taken for silent."""
_MAX_GAP = 12
"""Frames that timestamps may jump ahead as a loss. A longer jump is a pause or a new start, and what comes
after it follows at once on what came before it."""
_MAX_DROPOUT = 3000
"""Sequence numbers that may be missing (RFC 3550 Appendix A.1)."""
_MAX_MISORDER = 64
"""Sequence numbers back that are still told apart from a restart."""
_SEEN = (1 << _MAX_MISORDER) - 1
_WINDOW = 2.0
"""Seconds in which every packet must have been early before the delay shrinks."""
_LONGEST_WINDOW = 16.0
"""The same for a network whose hiccups come again and again: the window doubles each time that a delay had
to grow after it had shrunk, or two concealed stretches would be heard for every hiccup."""
_FIRST_WINDOW = 0.25
"""The same at the start, doubled each time: a burst of what waited for our answer is common there."""
_SHRINK_WITHIN = 12
"""Frames within which a quiet one is looked for before any is left out."""


class JitterBuffer:
    """Pure and bounded: holds at most MAX_DEPTH frames, whatever comes.

    Counters: `late` packets came after their frame was played, `duplicates` came twice, `discarded` are
    frames left out to keep the delay short, `resets` are new beginnings (another SSRC, a restart), and
    `refused` packets had no usable payload or position."""

    __slots__ = (
        "_early", "_frames", "_has_shrunk", "_high", "_high_timestamp", "_next", "_octets", "_partial",
        "_patience", "_quiet", "_restart", "_seen", "_sequence", "_shrink", "_shrink_wait", "_silence",
        "_ssrc", "_stalled", "_started", "_ticks", "_wait", "_window", "_window_ends", "discarded",
        "duplicates", "late", "refused", "resets",
    )  # fmt: skip

    def __init__(self, codec: Codec) -> None:
        """`codec` says how long a frame is, with what half-received ones are filled, and what may be left out
        without being missed."""
        self.late = self.duplicates = self.discarded = self.resets = self.refused = 0
        self._frames: dict[int, bytes] = {}
        self._partial: dict[int, _Partial] = {}
        self.start_over(codec)

    def start_over(self, codec: Codec) -> None:
        """Forget the stream but not the counters: the codec or the direction changed."""
        self._ticks = codec.ticks
        self._octets = codec.octets
        self._silence = codec.silence
        self._quiet = codec.quiet
        self._started = False
        self._ssrc = 0
        self._restart = -1
        self._sequence = 0
        self._seen = 0
        self._begin(0, 0.0)

    def _begin(self, timestamp: int, arrival: float) -> None:
        """Forget everything: the frame that begins at `timestamp` is the next one, at position 0."""
        self._frames.clear()
        self._partial.clear()
        self._next = 0
        # As if the frame before had come.
        self._high = -1
        self._high_timestamp = (timestamp - self._ticks) & 0xFFFFFFFF
        self._stalled = 0
        self._wait = 0
        self._shrink = 0
        self._shrink_wait = 0
        self._has_shrunk = False
        self._early = MAX_DEPTH
        self._patience = _WINDOW
        self._window = _FIRST_WINDOW
        self._window_ends = arrival + _FIRST_WINDOW

    @property
    def depth(self) -> int:
        """Frames that wait now, counted to the newest one."""
        newest = max(max(self._frames, default=-1), max(self._partial, default=-1))
        return newest + 1 - self._next if newest >= 0 else 0

    # In.

    def push(self, packet: Packet, arrival: float) -> None:
        """Take one audio packet that arrived at `arrival` (loop seconds)."""
        _, _, sequence, timestamp, ssrc, payload = packet
        index, rest, octets = self._high + 1, 0, self._octets or len(payload)
        if (
            sequence == (self._sequence + 1) & 0xFFFF
            and timestamp == (self._high_timestamp + self._ticks) & 0xFFFFFFFF
            and ssrc == self._ssrc
            and index >= self._next
            and len(payload) == octets
            and self._started
        ):
            # Nearly every packet is one frame and the next one: what the two below find, at once.
            self._seen = ((self._seen << 1) | 1) & _SEEN
            self._sequence, self._restart = sequence, -1
            self._high, self._high_timestamp = index, timestamp
        else:
            position = self._place(packet, arrival)
            if position is None:
                return
            index, rest = position
        early = index - self._next
        if early < 0:
            self._came_late(-early)
            if rest + len(payload) <= octets * -early:
                return
        elif early == 0 and 0 < self._stalled <= _MAX_GAP:
            self._grown()
        if rest == 0 and len(payload) == octets:
            last = index
            self._frames[index] = payload
            if self._partial:
                self._partial.pop(index, None)
        else:
            last = self._cut(index, rest, payload, octets)
        if last >= self._next + MAX_DEPTH:
            self._leave_out(last + 1 - MAX_DEPTH)
        if early < self._early:
            self._early = early
        if arrival >= self._window_ends:
            self._judge(arrival)

    def _place(self, packet: Packet, arrival: float) -> tuple[int, int] | None:
        """The frame in which a packet begins and the octet within it; None if it is not to be used."""
        octets = self._octets
        most = MAX_PAYLOAD if octets is None else MAX_FRAMES * octets
        if not 0 < len(packet.payload) <= most:
            self.refused += 1
            return None
        newer = self._in_sequence(packet, arrival)
        if newer is None:
            return None
        position = self._position(packet.timestamp, newer)
        if position is None:
            self.refused += 1
            return None
        index, rest = position
        # Where packets cannot be cut, one is a frame, wherever in it its timestamp lies.
        return index, 0 if octets is None else rest * octets // self._ticks

    def _in_sequence(self, packet: Packet, arrival: float) -> bool | None:
        """Whether the packet is newer than all before it; None if it is not to be used at all."""
        sequence = packet.sequence
        if not self._started or packet.ssrc != self._ssrc:
            if self._started:
                self.resets += 1
            self._started = True
            self._ssrc = packet.ssrc
            self._restart_at(packet, arrival)
            return True
        ahead = (sequence - self._sequence) & 0xFFFF
        if 0 < ahead < _MAX_DROPOUT:
            self._seen = ((self._seen << ahead) | 1) & _SEEN if ahead < _MAX_MISORDER else 1
            self._sequence = sequence
            self._restart = -1
            return True
        behind = 0x10000 - ahead if ahead else 0
        if behind < _MAX_MISORDER:
            if self._seen >> behind & 1:
                self.duplicates += 1
                return None
            self._seen |= 1 << behind
            return False
        # Far off: a stray packet, or the peer began anew. Two in a row decide (RFC 3550 Appendix A.1).
        if sequence == self._restart:
            self.resets += 1
            self._restart_at(packet, arrival)
            return True
        self._restart = (sequence + 1) & 0xFFFF
        self.refused += 1
        return None

    def _restart_at(self, packet: Packet, arrival: float) -> None:
        self._sequence = packet.sequence
        self._seen = 1
        self._restart = -1
        self._begin(packet.timestamp, arrival)

    def _position(self, timestamp: int, newer: bool) -> tuple[int, int] | None:
        """The frame in which `timestamp` lies and the tick within it; None if it cannot be right."""
        offset = ((timestamp - self._high_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        ticks = self._ticks
        if not newer:
            if not -_MAX_MISORDER * ticks <= offset <= 0:
                return None
            frame, rest = divmod(offset, ticks)
            return self._high + frame, rest
        frame, rest = divmod(offset, ticks)
        index = self._high + frame
        if not 0 < offset <= _MAX_GAP * ticks or index < self._next:
            # The timestamps jumped, stood still or overlap: this comes right after what is there.
            index, rest = self._next + self.depth, 0
            self._high_timestamp = timestamp
        elif rest and not self._frames and not self._partial:
            # There is nothing to join with, so the peer's frames may as well begin here.
            rest = 0
            self._high_timestamp = timestamp
        else:
            self._high_timestamp = (timestamp - rest) & 0xFFFFFFFF
        self._high = index
        return index, rest

    def _came_late(self, frames: int) -> None:
        self.late += 1
        self._early = -1
        self._grown()
        if frames < MAX_DEPTH - self.depth:
            self._wait = max(self._wait, frames)

    def _grown(self) -> None:
        """The delay was too short, and is longer now."""
        self._shrink = 0
        if self._has_shrunk:
            self._has_shrunk = False
            self._patience = self._window = min(2 * self._patience, _LONGEST_WINDOW)

    def _cut(self, index: int, rest: int, payload: bytes, octets: int) -> int:
        """Put a payload that is not one whole frame where it belongs; the position of its last frame."""
        at = 0
        while at < len(payload):
            piece = payload[at : at + octets - rest]
            if index < self._next or index in self._frames:
                pass
            elif len(piece) == octets:
                self._whole(index, piece)
            else:
                self._join(index, rest, piece)
            at += len(piece)
            index += 1
            rest = 0
        return index - 1

    def _whole(self, index: int, frame: bytes) -> None:
        self._frames[index] = frame
        if self._partial:
            self._partial.pop(index, None)

    def _join(self, index: int, rest: int, piece: bytes) -> None:
        partial = self._partial.get(index)
        if partial is None:
            partial = self._partial[index] = _Partial(self._silence)
        if partial.add(rest, piece):
            self._whole(index, bytes(partial.samples))

    def _leave_out(self, until: int) -> None:
        """Go on at position `until`; everything before it is left out."""
        for index in range(self._next, until):
            found = self._frames.pop(index, None) or self._partial.pop(index, None)
            if found is not None:
                self.discarded += 1
        self._next = until

    def _judge(self, arrival: float) -> None:
        self._shrink = max(self._early, 0)
        self._early = MAX_DEPTH
        self._window = min(2 * self._window, self._patience)
        self._window_ends = arrival + self._window

    # Out.

    def pop(self) -> bytes | Literal[Missing.LOST, Missing.EMPTY]:
        """The payload of the next 20 ms, LOST or EMPTY. Called once per tick."""
        if self._wait:
            self._wait -= 1
            return LOST
        if self._shrink:
            self._shrunk()
        payload = self._frames.pop(self._next, None)
        if payload is None:
            return self._absent()
        self._next += 1
        self._stalled = 0
        return payload

    def _shrunk(self) -> None:
        """Leave out one frame if it is quiet or there was no quiet one for long enough."""
        frame = self._frames.get(self._next)
        if frame is None or self._next + 1 not in self._frames:
            return
        self._shrink_wait += 1
        if self._shrink_wait >= _SHRINK_WITHIN or not frame.translate(None, self._quiet):
            self._leave_out(self._next + 1)
            self._shrink -= 1
            self._shrink_wait = 0
            self._has_shrunk = True

    def _absent(self) -> bytes | Literal[Missing.LOST, Missing.EMPTY]:
        """What to give when the next frame is not there, or not whole."""
        waiting = len(self._frames) + len(self._partial)
        if waiting == 0:
            return self._stall()
        partial = self._partial.get(self._next)
        if partial is not None:
            if waiting == 1 and self._stalled < _CONCEALED:
                return self._stall()
            del self._partial[self._next]
            return self._play(bytes(partial.samples))
        # Later frames are there, so this one is lost. What was waited for it counts as its time.
        gap = min((*self._frames, *self._partial)) - self._next
        skipped = min(gap, self._stalled)
        self._next += skipped
        self._stalled = 0
        if skipped == gap and (frame := self._frames.pop(self._next, None)) is not None:
            return self._play(frame)
        if skipped < gap:
            self._next += 1
        return LOST

    def _play(self, frame: bytes) -> bytes:
        self._next += 1
        self._stalled = 0
        return frame

    def _stall(self) -> Literal[Missing.LOST, Missing.EMPTY]:
        if not self._started:
            return EMPTY
        self._shrink = 0
        self._stalled = min(self._stalled + 1, _MAX_GAP + 1)
        return LOST if self._stalled <= _CONCEALED else EMPTY


class _Partial:
    """A frame of which only pieces have come; the rest is the codec's zero."""

    __slots__ = ("_missing", "samples")

    def __init__(self, silence: bytes) -> None:
        self.samples = bytearray(silence)
        self._missing = len(silence)

    def add(self, at: int, piece: bytes) -> bool:
        """Put a piece in its place; True when the frame is whole."""
        self.samples[at : at + len(piece)] = piece
        self._missing -= len(piece)
        return self._missing <= 0
