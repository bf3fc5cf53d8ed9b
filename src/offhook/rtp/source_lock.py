"""Whose media is heard and answered: symmetric RTP that is learned once and then locked.

Plain RTP proves nothing, and a stranger needs only to find the port. So those come first of whom the
signalling has spoken: the address in the peer's SDP, and the host that the SIP messages come from. What comes
of a packet is in RULES, by how far the lock is and by what the packet is to it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from offhook.network import Address
from offhook.network.addresses import plain_host
from offhook.rtp.packet import Packet

UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)

SILENT: Final = 0.2
"""Seconds without a packet after which the locked source may be followed by what RULES lets follow it: media
servers change their SSRC that way, NATs the port. A stream that is alive cannot be replaced."""

SETTLED: Final = 10
"""Packets after which a source is no passing one: a stray packet, or some sent to open a NAT."""

SETTLES_IN: Final = 0.15
"""Seconds that those packets take at least, at 20 ms each and a little hurried: a burst is no stream."""

PAUSE: Final = 2.0
"""Seconds from the answer's ACK, or from a new SDP, in which only the announced address and the right hosts
are learned: nearly all phones begin within one."""

PASSES: Final = 1.0
"""Seconds after the last of fewer than SETTLED packets of a source in which strangers stay out for it. It is
answered for longer: a phone that suppresses silence may have sent no more."""

CONTROL_KEEPS: Final = 15.0
"""Seconds for which RTCP of a right host keeps strangers out: it comes every five (RFC 3550 §6.2), also of a
caller who is muted."""

_TOLERATED: Final = 16
"""Sequence numbers that may be missing in the stream of a stranger who is looked at."""
_MAX_DROPOUT: Final = 3000
"""Sequence numbers that may be missing where a stream goes on (RFC 3550 Appendix A.1)."""
_SLACK: Final = 5.0
"""Seconds by which its timestamps may have run ahead of the time that has passed."""


class LockState(Enum):
    CLOSED = auto()
    """The answer is not acknowledged: early media are heard, and nothing is learned from them."""
    OPEN = auto()
    """Nothing is locked."""
    FOUND = auto()
    """The announced address or a right host is locked, and has sent fewer than SETTLED packets."""
    HELD = auto()
    """The same, and it has sent more."""
    BORROWED = auto()
    """A stranger is locked, since nobody else sent anything: a media relay, most likely."""


class Comes(Enum):
    """What a packet is that is not of the locked stream."""

    NEW_SSRC = auto()
    """From the locked address."""
    ANNOUNCED = auto()
    """From the very address of the SDP."""
    RIGHT_HOST = auto()
    """From another port of the SDP's host, or from the host that signals."""
    GOING_ON = auto()
    """Of the locked stream by SSRC, sequence and timestamp, from another port of its host or a right one."""
    STRANGER = auto()


class Rule(Enum):
    TAKE = auto()
    """Hear it, and lock to it."""
    IF_SILENT = auto()
    """The same, if nothing was heard of the locked source for SILENT seconds."""
    IF_STEADY = auto()
    """The same, if it is one of a stream that has lasted for SETTLED packets, after PAUSE; and if what is
    locked has sent fewer since the last SDP, and none for PASSES."""
    REFUSE = auto()


_T, _S, _W, _R = Rule.TAKE, Rule.IF_SILENT, Rule.IF_STEADY, Rule.REFUSE

RULES: Final[Mapping[LockState, Mapping[Comes, Rule]]] = {
    state: dict(zip(Comes, rules, strict=True))
    for state, rules in {
        #                NEW_SSRC  ANNOUNCED  RIGHT_HOST  GOING_ON  STRANGER
        LockState.CLOSED:   (_S,       _T,        _S,         _S,       _R),
        LockState.OPEN:     (_R,       _T,        _T,         _R,       _W),
        LockState.FOUND:    (_S,       _T,        _S,         _S,       _W),
        LockState.HELD:     (_S,       _T,        _R,         _S,       _R),
        LockState.BORROWED: (_S,       _T,        _T,         _S,       _W),
    }.items()
}  # fmt: skip


class SourceLock:
    """Decides which packets belong to the leg, by (address, SSRC). `refused` counts those that do not.

    Telephone events may have an SSRC of their own (RFC 4733 §2.1 leaves it open): from the locked address
    they are heard, and change nothing.

    `remote` is where to send: what was learned, and until then what was announced. Before `undecided_until`
    (loop time) what is said the wrong one may hear, or nobody: a stranger sends and nobody else, in the PAUSE
    or just after it; or somebody sent before the ACK and it is not the announced address that has sent since,
    for a moment only."""

    __slots__ = (
        "_announced", "_borrowed", "_candidate", "_contested", "_count", "_expecting", "_heard_at", "_known",
        "_last", "_not_before", "_open", "_pause_ends", "_right", "_source", "_taken_at", "clock_rate",
        "refused", "remote", "ssrc", "undecided_until",
    )  # fmt: skip

    remote: Address

    def __init__(self, announced: Address, clock_rate: int, signalling_host: str | None = None) -> None:
        """`announced` is the SDP's address, `clock_rate` how many ticks a second the timestamps go on by at
        most; `signalling_host` where the SIP messages come from, which behind a NAT is where the media will
        come from too."""
        self.clock_rate = clock_rate
        self._open = False
        self._not_before = self._pause_ends = 0.0
        self._contested = False
        self.refused = 0
        self._look_for(announced, signalling_host)

    def _look_for(self, announced: Address, signalling_host: str | None) -> None:
        """Whom to expect; forgets who was found."""
        self._announced = Address(plain_host(announced.host), announced.port)
        self._right = (self._announced.host, signalling_host and plain_host(signalling_host))
        self._known = False
        self._expecting = False
        self._forget()

    def _forget(self) -> None:
        self._source: Address | None = None
        self._borrowed = False
        self._count = 0
        self._taken_at = self._heard_at = float("-inf")
        self._last: Packet | None = None
        self._candidate: _Candidate | None = None
        self.ssrc = -1
        self.remote = self._announced
        self.undecided_until = float("-inf")

    def open(self, now: float) -> None:
        """The answer was acknowledged: the source of what comes from now on is learned."""
        self._open = True
        self._contested = self.refused > 0 or self._source is not None
        self._not_before = self._pause_ends = now + PAUSE
        self._forget()

    def expect(self, announced: Address, now: float, signalling_host: str | None = None) -> None:
        """A new SDP, and where it came from. If it names another address than the last one, learning starts
        anew; not so for the unspecified address, the old way to hold a call (RFC 2543), which names nobody.

        The source that is locked may go on with another SSRC, once: a server in between connects somebody
        else that way. And it has to prove itself anew: after a hold its NAT may have another port for it."""
        signalling_host = signalling_host or self._right[1]
        plain = Address(plain_host(announced.host), announced.port)
        if plain != self._announced and plain.host not in UNSPECIFIED:
            self._look_for(plain, signalling_host)
            self._not_before = self._pause_ends = now + PAUSE
            return
        self._right = (self._announced.host, signalling_host and plain_host(signalling_host))
        self._expecting = True
        self._count = 0

    @property
    def state(self) -> LockState:
        if not self._open:
            return LockState.CLOSED
        if self._source is None:
            return LockState.OPEN
        if self._borrowed:
            return LockState.BORROWED
        return LockState.HELD if self._count >= SETTLED else LockState.FOUND

    # RTP.

    def admit(self, packet: Packet, source: Address, now: float, *, event: bool = False) -> bool:
        """Whether a valid packet is the peer's; counts it as refused if not. `event`: it carries telephone
        events."""
        if source == self._source:
            if packet.ssrc == self.ssrc:
                self._last = packet
                self._heard_at = now
                if self._count < SETTLED:
                    self._settle(now)
                return True
            if event:
                return True
        return self._admit_other(packet, source, now, event)

    def _settle(self, now: float) -> None:
        if self._count < SETTLED - 1 or now - self._taken_at >= SETTLES_IN:
            self._count += 1
        if self._count == SETTLED and self._open and not self._borrowed:
            self._known = True

    def _admit_other(self, packet: Packet, source: Address, now: float, event: bool) -> bool:
        comes = self._what(packet, source, now)
        rule = RULES[self.state][comes]
        if rule is Rule.IF_SILENT:
            taken = now - self._heard_at >= SILENT or (comes is Comes.NEW_SSRC and self._may_change)
        elif rule is Rule.IF_STEADY:
            taken = self._is_passing(now) and self._is_steady(packet, source, now)
        else:
            taken = rule is Rule.TAKE
        if not taken:
            self.refused += 1
            return False
        self._source = source
        if self._open:
            self.remote = source
        if comes is Comes.NEW_SSRC:
            self._expecting = False
        elif comes is not Comes.GOING_ON:
            self._borrowed = comes is Comes.STRANGER
            self._count = SETTLED if self._borrowed else 1
            self._taken_at = now
            self._candidate = None
            late = self._contested and comes is Comes.RIGHT_HOST
            self.undecided_until = now + SILENT if late else now
        self.ssrc = -1 if event else packet.ssrc
        self._heard_at = now
        self._last = packet
        return True

    @property
    def _may_change(self) -> bool:
        """Whether the locked address may have another SSRC at once: only events came of it, or a new SDP."""
        return self.ssrc == -1 or self._expecting

    def _is_passing(self, now: float) -> bool:
        """Whether what is locked, if anything, sent a packet or two and no more: they hold nobody out for
        long, whoever sent them."""
        return self._count < SETTLED and not self._known and now - self._heard_at >= PASSES

    def _what(self, packet: Packet, source: Address, now: float) -> Comes:
        if source == self._source:
            return Comes.NEW_SSRC
        host = plain_host(source.host)
        if source.port == self._announced.port and host == self._announced.host:
            return Comes.ANNOUNCED
        right = host in self._right
        if self._goes_on(packet, source, now, right):
            return Comes.GOING_ON
        return Comes.RIGHT_HOST if right else Comes.STRANGER

    def _goes_on(self, packet: Packet, source: Address, now: float, right: bool) -> bool:
        last, locked = self._last, self._source
        if last is None or locked is None or packet.ssrc != self.ssrc:
            return False
        if source.host != locked.host and (self._borrowed or not right):
            return False
        ahead = (packet.sequence - last.sequence) & 0xFFFF
        later = (packet.timestamp - last.timestamp) & 0xFFFFFFFF
        longest = (now - self._heard_at + _SLACK) * self.clock_rate
        return 0 < ahead < _MAX_DROPOUT and 0 < later <= longest

    def _is_steady(self, packet: Packet, source: Address, now: float) -> bool:
        """Look at one stranger at a time, for as long as it goes on: a spray of packets is no stream."""
        candidate = self._candidate
        if candidate is None or now - candidate.heard_at >= SILENT:
            candidate = self._candidate = _Candidate(source, packet.ssrc, now)
            self.undecided_until = max(self.undecided_until, self._pause_ends + SILENT)
        elif not candidate.sends(packet, source):
            return False
        candidate.heard_at = now
        candidate.sequence = packet.sequence
        candidate.count += 1
        lasted = candidate.count >= SETTLED and now - candidate.since >= SETTLES_IN
        return lasted and now >= self._not_before

    # RTCP.

    def admit_control(self, source: Address, ssrc: int, now: float) -> bool:
        """Whether valid RTCP is the peer's: from the locked host, whose SSRC it must then know, or from a
        right one while there is none. A stranger's lock ends with it. Counts it as refused if not."""
        locked = self._source
        right = plain_host(source.host) in self._right
        if locked is not None and (source.host == locked.host or (right and not self._borrowed)):
            taken = self.ssrc in (-1, ssrc) or self._is_passing(now)
        else:
            taken = right
            if right and self._borrowed:
                self._forget()
        if not taken:
            self.refused += 1
        elif right:
            self._not_before = max(self._not_before, now + CONTROL_KEEPS)
        return taken


class _Candidate:
    """A stranger that is looked at."""

    __slots__ = ("count", "heard_at", "sequence", "since", "source", "ssrc")

    def __init__(self, source: Address, ssrc: int, now: float) -> None:
        self.source = source
        self.ssrc = ssrc
        self.sequence = 0
        self.count = 0
        self.since = self.heard_at = now

    def sends(self, packet: Packet, source: Address) -> bool:
        """Whether a packet is the next one of its stream, or nearly."""
        return (
            source == self.source
            and packet.ssrc == self.ssrc
            and 0 < (packet.sequence - self.sequence) & 0xFFFF <= _TOLERATED
        )
