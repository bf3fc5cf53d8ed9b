"""RTCP: reports in and out, loss and jitter of what is received, the round trip (RFC 3550 §6, Appendix A)."""

from __future__ import annotations

import random
from struct import Struct
from typing import NamedTuple

from offhook.rtp.packet import Packet

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203

MAX_COMPOUND = 1500
"""Bytes of the longest compound packet that is read."""
_MAX_PARTS = 32
_HALF_WAY = 0x80000000
"""Of the 2^32 ticks after which timestamps begin anew."""
_MAX_DROPOUT = 3000
"""Sequence numbers that may be missing before it is a new beginning (Appendix A.1)."""
_MAX_MISORDER = 100
"""Sequence numbers back that are a late packet and no new beginning (Appendix A.1)."""
_CNAME = 1
_HEADER = Struct("!BBH")
_WORD = Struct("!I")
_SENDER_INFO = Struct("!IIIIII")
_BLOCK = Struct("!IIIIII")
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""


class ReportBlock(NamedTuple):
    """What one receiver says about one source (RFC 3550 §6.4.1). `fraction` is in 1/256, `jitter` in samples,
    `last_report` the middle 32 bits of an NTP time, `delay` in 1/65536 s."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


class Report(NamedTuple):
    """A sender report, or a receiver report if `ntp` is None. `ntp` is 64 bits."""

    ssrc: int
    ntp: int | None
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...]


class Description(NamedTuple):
    ssrc: int
    cname: str


class Goodbye(NamedTuple):
    sources: tuple[int, ...]


Part = Report | Description | Goodbye


def parse_compound(data: bytes) -> list[Part] | None:
    """The parts of one datagram that are understood, or None if it is no valid compound packet
    (RFC 3550 §A.2: version 2, a report first, lengths that add up)."""
    if not 8 <= len(data) <= MAX_COMPOUND or len(data) % 4 or data[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        return None
    parts: list[Part] = []
    at = 0
    for _ in range(_MAX_PARTS):
        if at == len(data):
            return parts
        if at + 4 > len(data):
            return None
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            return None
        body = data[at + 4 : end]
        if first & 0x20:
            # Only the last part may be padded.
            if end != len(data) or not body or not 0 < body[-1] <= len(body):
                return None
            body = body[: -body[-1]]
        if not _parse_part(kind, first & 0x1F, body, parts):
            return None
        at = end
    return None


def _parse_part(kind: int, count: int, body: bytes, parts: list[Part]) -> bool:
    """Append what one part says; False if it does not hold what its header announces."""
    if kind in (SENDER_REPORT, RECEIVER_REPORT):
        report = _parse_report(kind, count, body)
        if report is None:
            return False
        parts.append(report)
    elif kind == SOURCE_DESCRIPTION:
        description = _parse_description(body)
        if description is not None:
            parts.append(description)
    elif kind == GOODBYE:
        if len(body) < 4 * count:
            return False
        parts.append(Goodbye(tuple(_WORD.unpack_from(body, 4 * index)[0] for index in range(count))))
    return True


def _parse_report(kind: int, count: int, body: bytes) -> Report | None:
    start = _SENDER_INFO.size if kind == SENDER_REPORT else _WORD.size
    if len(body) < start + _BLOCK.size * count:
        return None
    blocks = tuple(_parse_block(body, start + _BLOCK.size * index) for index in range(count))
    if kind == RECEIVER_REPORT:
        return Report(_WORD.unpack_from(body)[0], None, 0, 0, 0, blocks)
    ssrc, seconds, fraction, timestamp, packets, octets = _SENDER_INFO.unpack_from(body)
    return Report(ssrc, seconds << 32 | fraction, timestamp, packets, octets, blocks)


def _parse_block(body: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
    lost = loss & 0xFFFFFF
    return ReportBlock(
        ssrc, loss >> 24, lost - 0x1000000 if lost & 0x800000 else lost, highest, jitter, last_report, delay
    )


def _parse_description(body: bytes) -> Description | None:
    """The canonical name of the first source described, if it has one (RFC 3550 §6.5)."""
    if len(body) < 4:
        return None
    at = 4
    while at + 2 <= len(body) and body[at]:
        end = at + 2 + body[at + 1]
        if end > len(body):
            return None
        if body[at] == _CNAME:
            return Description(_WORD.unpack_from(body)[0], body[at + 2 : end].decode("utf-8", "replace"))
        at = end
    return None


def build_compound(report: Report, cname: str, *, goodbye: bool = False) -> bytes:
    """A report, the source's canonical name (at most 255 bytes of UTF-8), and BYE if it is the last one."""
    parts = [_build_report(report), _build_description(report.ssrc, cname)]
    if goodbye:
        parts.append(_part(GOODBYE, 1, _WORD.pack(report.ssrc)))
    return b"".join(parts)


def _build_report(report: Report) -> bytes:
    blocks = b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction << 24 | block.lost & 0xFFFFFF,
            block.highest,
            block.jitter,
            block.last_report,
            block.delay,
        )
        for block in report.blocks
    )
    if report.ntp is None:
        return _part(RECEIVER_REPORT, len(report.blocks), _WORD.pack(report.ssrc) + blocks)
    info = _SENDER_INFO.pack(
        report.ssrc,
        report.ntp >> 32,
        report.ntp & 0xFFFFFFFF,
        report.timestamp,
        report.packets & 0xFFFFFFFF,
        report.octets & 0xFFFFFFFF,
    )
    return _part(SENDER_REPORT, len(report.blocks), info + blocks)


def _build_description(ssrc: int, cname: str) -> bytes:
    name = cname.encode()
    item = bytes([_CNAME, len(name)]) + name
    # At least one zero byte ends the list, and it fills the word.
    return _part(SOURCE_DESCRIPTION, 1, _WORD.pack(ssrc) + item + bytes(4 - len(item) % 4))


def _part(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


class Reception:
    """Loss and jitter of one source (RFC 3550 Appendices A.1, A.3, A.8). `jitter` is in ticks of the clock of
    its packets, `clock_rate` a second."""

    __slots__ = (
        "_base", "_expected_before", "_highest", "_received_before", "_transit", "clock_rate", "jitter",
        "received", "ssrc",
    )  # fmt: skip

    def __init__(self, packet: Packet, arrival: float, clock_rate: int) -> None:
        """Begin with the first packet, which arrived at `arrival` (loop seconds)."""
        self.ssrc = packet.ssrc
        self.clock_rate = clock_rate
        self.received = 1
        self.jitter = 0.0
        self._base = self._highest = packet.sequence
        self._transit = int(arrival * self.clock_rate) - packet.timestamp
        self._expected_before = self._received_before = 0

    def update(self, sequence: int, timestamp: int, arrival: float, audio: bool = True) -> None:
        """Count one more packet. Events (`audio` False) have timestamps of their own start and say nothing
        about jitter."""
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < _MAX_DROPOUT:
            self._highest += ahead
        elif ahead <= 0x10000 - _MAX_MISORDER:
            self._begin_anew(sequence)
        self.received += 1
        if audio:
            transit = int(arrival * self.clock_rate) - timestamp
            change = transit - self._transit
            self._transit = transit
            if not -_HALF_WAY <= change < _HALF_WAY:
                change = ((change + 0x80000000) & 0xFFFFFFFF) - 0x80000000  # timestamps have begun anew
            # Steps of half a second and more are jumps of the peer's timestamps, no network's doing.
            if 2 * abs(change) < self.clock_rate:
                self.jitter += (abs(change) - self.jitter) / 16

    def _begin_anew(self, sequence: int) -> None:
        """The peer jumped: keep what was lost so far, count on from here. A stray packet so does no harm:
        the next one jumps back."""
        expected = self._highest - self._base + 1
        self._highest = (self._highest & ~0xFFFF) + 0x10000 + sequence
        self._base = self._highest - expected

    @property
    def lost(self) -> int:
        """Packets that never came; negative if more came twice than were lost."""
        return self._highest - self._base + 1 - self.received

    def block(self, last_report: int, delay: int) -> ReportBlock:
        """The report about this source; the fraction is that since the last call."""
        expected = self._highest - self._base + 1
        interval = expected - self._expected_before
        missing = interval - (self.received - self._received_before)
        self._expected_before, self._received_before = expected, self.received
        fraction = min((missing << 8) // interval, 255) if interval > 0 and missing > 0 else 0
        lost = max(-0x800000, min(self.lost, 0x7FFFFF))
        highest = self._highest & 0xFFFFFFFF
        return ReportBlock(self.ssrc, fraction, lost, highest, int(self.jitter), last_report, delay)


class RtcpSession:
    """When to report and what (RFC 3550 §6.2 for two members, where 5 s is the least and always enough).

    `due_at` is the loop time of the next report; `round_trip` the last measured one in seconds, `remote_lost`
    the packets of ours the peer missed, `remote_jitter` its jitter in samples; None until reported."""

    __slots__ = (
        "_cname", "_ntp_offset", "_report_at", "_report_middle", "_report_ssrc", "_rng", "_ssrc", "due_at",
        "remote_jitter", "remote_lost", "round_trip",
    )  # fmt: skip

    INTERVAL = 5.0
    LONGEST_ROUND_TRIP = 30.0

    def __init__(self, ssrc: int, cname: str, rng: random.Random, now: float, wall_clock: float) -> None:
        """`now` is loop time, `wall_clock` the same moment in seconds since 1970."""
        self._ssrc = ssrc
        self._cname = cname
        self._rng = rng
        self._ntp_offset = wall_clock - now + _NTP_EPOCH
        self._report_ssrc = -1
        self._report_middle = 0
        self._report_at = 0.0
        self.round_trip: float | None = None
        self.remote_lost: int | None = None
        self.remote_jitter: int | None = None
        # Half the interval at the start (RFC 3550 §6.2).
        self.due_at = now + self._interval() / 2

    def _interval(self) -> float:
        return self.INTERVAL * self._rng.uniform(0.5, 1.5)

    def _ntp(self, now: float) -> int:
        return int((now + self._ntp_offset) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF

    def received(self, parts: list[Part], now: float) -> None:
        """Take the peer's compound packet that arrived at `now`. A BYE says nothing here: SIP ends calls."""
        for part in parts:
            if isinstance(part, Report):
                if part.ntp is not None:
                    self._report_ssrc = part.ssrc
                    self._report_middle = part.ntp >> 16 & 0xFFFFFFFF
                    self._report_at = now
                for block in part.blocks:
                    if block.ssrc == self._ssrc:
                        self._reported(block, now)

    def _reported(self, block: ReportBlock, now: float) -> None:
        self.remote_lost = block.lost
        self.remote_jitter = block.jitter
        if block.last_report:
            middle = self._ntp(now) >> 16 & 0xFFFFFFFF
            trip = ((middle - block.last_report - block.delay) & 0xFFFFFFFF) / 65536
            # An impossible value is a clock that was set or an invented report.
            if trip < self.LONGEST_ROUND_TRIP:
                self.round_trip = trip

    def report(
        self,
        now: float,
        *,
        timestamp: int,
        packets: int,
        octets: int,
        reception: Reception | None,
        goodbye: bool = False,
    ) -> bytes:
        """The compound packet to send at `now`: a sender report if `packets` of ours were sent, `timestamp`
        being the RTP time of this moment. Sets the next `due_at`."""
        # The random factor is compensated as RFC 3550 §6.3.1 says.
        self.due_at = now + self._interval() / 1.21828
        blocks: tuple[ReportBlock, ...] = ()
        if reception is not None:
            known = self._report_ssrc == reception.ssrc
            # The kernel's stamp of a datagram may be later than the loop's time of this round.
            since = max(now - self._report_at, 0.0)
            delay = min(int(since * 65536), 0xFFFFFFFF) if known else 0
            blocks = (reception.block(self._report_middle if known else 0, delay),)
        ntp = self._ntp(now) if packets else None
        return build_compound(
            Report(self._ssrc, ntp, timestamp, packets, octets, blocks), self._cname, goodbye=goodbye
        )
