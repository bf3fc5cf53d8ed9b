"""Keypad digits as named telephone events in RTP (RFC 4733), in and out."""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import NamedTuple

from offhook.frames import FRAME_SECONDS

DIGITS = "0123456789*#ABCD"
"""A digit's index is its event code (RFC 4733 §3.2)."""

_PAYLOAD = Struct("!BBH")
_END = 0x80
_VOLUME = 10
"""-10 dBm0, as most phones send."""

RELEASED_AFTER = 0.2
"""Seconds without an update after which a press has ended although no end packet came. Updates come every
20 to 50 ms."""

STRAGGLING = 1.0
"""Seconds after an update in which packets of an earlier press are late ones of it."""


class Press(NamedTuple):
    digit: str
    milliseconds: int


class DtmfReceiver:
    """Turns event packets into presses, each reported once, when its first end packet comes, when the
    next press begins, or when the updates stop.

    A press holds the stretch of time from its timestamp to its longest reported duration; every packet
    that begins within that stretch belongs to it. So the marker is not needed, repeated and reordered
    packets change nothing, and peers that wrongly move the timestamp with each update are understood."""

    __slots__ = ("_ended", "_event", "_left", "_length", "_ssrc", "_start", "_updated_at", "clock_rate")

    def __init__(self, clock_rate: int) -> None:
        """Events are counted by the clock of the sound that they come with (RFC 4733 §2.1)."""
        self.clock_rate = clock_rate
        self._ssrc = self._left = -1
        self._event = -1
        self._start = 0
        self._length = 0
        self._ended = True
        self._updated_at = 0.0

    @property
    def pressed(self) -> bool:
        """Whether a key is down; only then does `expire` have anything to do."""
        return not self._ended

    def receive(self, timestamp: int, payload: bytes, now: float, ssrc: int = 0) -> list[Press]:
        """Take one event packet that arrived at `now` (loop seconds). Timestamps of one `ssrc` say nothing of
        another's: with a new one a new press begins. Returns the presses it ends, oldest
        first: none, one, or two (the end of one whose end packets were lost, and a whole new one).
        Payloads that are no keypad event are ignored."""
        if len(payload) < _PAYLOAD.size:
            return []
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        if event >= len(DIGITS):
            return []
        presses: list[Press] = []
        if ssrc != self._ssrc:
            if ssrc == self._left and now - self._updated_at < STRAGGLING:
                return []
            if not self._ended:
                presses.append(self._release())
            self._left, self._ssrc, self._event = self._ssrc, ssrc, -1
        since = _distance(timestamp, self._start)
        if not self._belongs(event, since):
            if since < 0 and self._event >= 0 and now - self._updated_at < STRAGGLING:
                return []
            if not self._ended:
                presses.append(self._release())
            self._event, self._start, self._length, self._ended = event, timestamp, 0, False
            since = 0
        self._length = max(self._length, since + duration)
        self._updated_at = now
        if flags & _END and not self._ended:
            presses.append(self._release())
        return presses

    def expire(self, now: float) -> Press | None:
        """The press whose updates stopped, if there is one."""
        if self._ended or now - self._updated_at < RELEASED_AFTER:
            return None
        return self._release()

    def _belongs(self, event: int, since: int) -> bool:
        if event != self._event or since < 0:
            return False
        if since == 0:
            return True
        # A segment of a long press begins exactly where the one before stopped (RFC 4733 §2.5.1.3), an update
        # of a peer that moves the timestamp one packet later; after the end nothing may follow on.
        return (
            since < self._length if self._ended else since <= self._length + self.clock_rate * FRAME_SECONDS
        )

    def _release(self) -> Press:
        self._ended = True
        return Press(DIGITS[self._event], self._length * 1000 // self.clock_rate)


def _distance(later: int, earlier: int) -> int:
    """Signed distance of two 32-bit timestamps in samples."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class EventPacket(NamedTuple):
    """What one tick of a press puts on the wire: `timestamp` is the press's first sample, not the tick's."""

    payload: bytes
    timestamp: int
    marker: bool


PAUSES = {"w": 0.5, "W": 1.0, ",": 2.0}
"""Characters between digits that wait, in seconds."""

MAX_QUEUED = 128
"""Digits and pauses that may wait to be sent."""

_END_PACKETS = 3


def check_digits(digits: str, milliseconds: int = 100, gap: int = 80) -> None:
    """Can they be sent? 0-9 * # A-D in either case, and PAUSES. Raises ValueError for any other character,
    for times out of range, and for too many."""
    if not (40 <= milliseconds <= 6000 and 40 <= gap <= 6000):
        raise ValueError("a digit and the gap after it last from 40 to 6000 milliseconds each")
    if len(digits) > MAX_QUEUED:
        raise ValueError(f"more than {MAX_QUEUED} digits would wait to be sent")
    for character in digits:
        if character not in PAUSES and DIGITS.find(character.upper()) < 0:
            raise ValueError(f"{character!r} is no key of a telephone")


class DtmfSender:
    """Sends queued digits, one packet per tick: updates of growing duration, the first with the marker,
    then the end three times, then a gap (RFC 4733 §2.5.1).

    `busy`: the ticks belong to digits, and no audio is sent in them."""

    __slots__ = ("_event", "_gap", "_press_ticks", "_queue", "_start", "_tick", "_waiting", "busy", "ticks")

    def __init__(self, ticks: int) -> None:
        """`ticks` of the clock are 20 ms."""
        self.ticks = ticks
        self._queue: deque[tuple[int, int, int]] = deque()
        self._event = -1
        self._tick = 0
        self._press_ticks = 0
        self._gap = 0
        self._start = 0
        self._waiting = 0
        self.busy = False

    def queue(self, digits: str, milliseconds: int = 100, gap: int = 80) -> None:
        """Append `digits` (see `check_digits`), each held for `milliseconds` and followed by `gap`
        milliseconds of nothing, both rounded up to 20 ms. Raises ValueError for what cannot be sent, and when
        more than MAX_QUEUED would wait."""
        check_digits(digits, milliseconds, gap)
        if len(self._queue) + len(digits) > MAX_QUEUED:
            raise ValueError(f"more than {MAX_QUEUED} digits would wait to be sent")
        hold, rest = -(-milliseconds // 20), -(-gap // 20)
        for character in digits:
            if character in PAUSES:
                self._queue.append((-1, 0, round(PAUSES[character] * 50)))
            else:
                self._queue.append((DIGITS.index(character.upper()), hold, rest))
        self.busy = self.busy or bool(digits)

    def tick(self, timestamp: int) -> EventPacket | None:
        """What to send in this tick, whose first sample is `timestamp`; None in gaps and pauses."""
        packet = self._next(timestamp)
        self.busy = self._event >= 0 or self._waiting > 0 or bool(self._queue)
        return packet

    def _next(self, timestamp: int) -> EventPacket | None:
        if self._event < 0:
            if self._waiting > 0:
                self._waiting -= 1
                return None
            if not self._queue:
                return None
            self._event, self._press_ticks, self._gap = self._queue.popleft()
            self._tick = 0
            self._start = timestamp
            if self._event < 0:
                self._waiting = self._gap - 1
                return None
        return self._update()

    def _update(self) -> EventPacket:
        self._tick += 1
        held = min(self._tick, self._press_ticks)
        end = _END if self._tick >= self._press_ticks else 0
        payload = _PAYLOAD.pack(self._event, end | _VOLUME, held * self.ticks)
        packet = EventPacket(payload, self._start, self._tick == 1)
        if self._tick == self._press_ticks + _END_PACKETS - 1:
            self._event = -1
            self._waiting = max(self._gap - _END_PACKETS + 1, 0)
        return packet
