"""The four transaction machines of RFC 3261 §17 with the corrections of RFC 6026, one table each.

A machine is told what happened (a `Signal` or a `Timer`) and says what to do: the `Row` of its table, or
None when nothing is to be done. It holds no message and no clock; `layer.py` runs it on both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from offhook.sip.transactions.timers import Timer, Timings


class TransactionState(StrEnum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"  # a 2xx has passed (RFC 6026)
    COMPLETED = "completed"  # another final response has passed
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Signal(StrEnum):
    """What can happen to a transaction besides its timers. On the client side the statuses are received,
    on the server side the user of the transaction wants them sent."""

    REQUEST = "request"  # server: the same request came again
    ACK = "ack"  # INVITE server
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    LOST = "transport error"


class Act(StrEnum):
    """What the layer does, in the order of the row."""

    SEND = "send the response at hand"
    RESEND = "send again what was sent last"
    ACK = "acknowledge the response at hand"
    PASS = "pass the message at hand to the user"  # noqa: S105 a word, no secret
    TIMED_OUT = "tell the user that nobody answered"
    FAILED = "tell the user that the transport failed"


@dataclass(frozen=True, slots=True)
class Row:
    """The next state, what to do on the way, and which timers to start and stop."""

    state: TransactionState
    acts: tuple[Act, ...] = ()
    start: tuple[Timer, ...] = ()
    stop: tuple[Timer, ...] = ()


Event = Signal | Timer
Table = dict[tuple[TransactionState, Event], Row]


def signal_of(status: int) -> Signal:
    if status < 200:
        return Signal.PROVISIONAL
    return Signal.SUCCESS if status < 300 else Signal.FAILURE


class Machine:
    """One transaction's state. `reliable` is true over TCP, where nothing is repeated."""

    __slots__ = ("_again", "reliable", "state", "timings")

    table: ClassVar[Table]
    first: ClassVar[TransactionState]
    started: ClassVar[tuple[Timer, ...]]
    """The timers that begin with the transaction."""

    def __init__(self, reliable: bool, timings: Timings) -> None:
        self.state = self.first
        self.reliable = reliable
        self.timings = timings
        self._again = timings.t1

    def handle(self, event: Event) -> Row | None:
        row = self.table.get((self.state, event))
        if row is not None:
            self.state = row.state
        return row

    def duration(self, timer: Timer) -> float | None:
        """Seconds for which to set `timer` now; None when it is not used on this transport. A timer that
        repeats is longer each time it is asked for."""
        timings = self.timings
        if timer in _REPEATING:
            return None if self.reliable else self._next(timer)
        if timer in _ABSORBING:
            if self.reliable:
                return 0.0
            if timer is Timer.D:
                return timings.d
            return timings.timeout if timer is Timer.J else timings.t4
        return timings.timeout

    def _next(self, timer: Timer) -> float:
        if timer is Timer.E and self.state is TransactionState.PROCEEDING:
            return self.timings.t2
        now = self._again
        longest = self.timings.timeout if timer is Timer.A else self.timings.t2
        self._again = min(2 * now, longest)
        return now


_REPEATING = frozenset({Timer.A, Timer.E, Timer.G})
_ABSORBING = frozenset({Timer.D, Timer.I, Timer.J, Timer.K})

_CALLING, _TRYING, _PROCEEDING = (
    TransactionState.CALLING,
    TransactionState.TRYING,
    TransactionState.PROCEEDING,
)
_ACCEPTED, _COMPLETED, _CONFIRMED = (
    TransactionState.ACCEPTED,
    TransactionState.COMPLETED,
    TransactionState.CONFIRMED,
)
_TERMINATED = TransactionState.TERMINATED
_A_B = (Timer.A, Timer.B)
_E_F = (Timer.E, Timer.F)
_G_H = (Timer.G, Timer.H)


class InviteClient(Machine):
    """RFC 3261 §17.1.1 and RFC 6026 §7.2, figure 5 there."""

    __slots__ = ()
    first = _CALLING
    started = _A_B
    table: ClassVar[Table] = {
        (_CALLING, Timer.A): Row(_CALLING, (Act.RESEND,), start=(Timer.A,)),
        (_CALLING, Timer.B): Row(_TERMINATED, (Act.TIMED_OUT,)),
        (_CALLING, Signal.LOST): Row(_TERMINATED, (Act.FAILED,)),
        (_CALLING, Signal.PROVISIONAL): Row(_PROCEEDING, (Act.PASS,), stop=_A_B),
        (_CALLING, Signal.SUCCESS): Row(_ACCEPTED, (Act.PASS,), (Timer.M,), _A_B),
        (_CALLING, Signal.FAILURE): Row(_COMPLETED, (Act.ACK, Act.PASS), (Timer.D,), _A_B),
        (_PROCEEDING, Signal.PROVISIONAL): Row(_PROCEEDING, (Act.PASS,)),
        (_PROCEEDING, Signal.SUCCESS): Row(_ACCEPTED, (Act.PASS,), (Timer.M,)),
        (_PROCEEDING, Signal.FAILURE): Row(_COMPLETED, (Act.ACK, Act.PASS), (Timer.D,)),
        # Not in the figure: over TCP no later response can come, and no timer runs in this state.
        (_PROCEEDING, Signal.LOST): Row(_TERMINATED, (Act.FAILED,)),
        (_ACCEPTED, Signal.SUCCESS): Row(_ACCEPTED, (Act.PASS,)),
        (_ACCEPTED, Timer.M): Row(_TERMINATED),
        (_COMPLETED, Signal.FAILURE): Row(_COMPLETED, (Act.RESEND,)),
        (_COMPLETED, Signal.LOST): Row(_TERMINATED),
        (_COMPLETED, Timer.D): Row(_TERMINATED),
    }


class RequestClient(Machine):
    """Any request but INVITE and ACK: RFC 3261 §17.1.2, figure 6."""

    __slots__ = ()
    first = _TRYING
    started = _E_F
    table: ClassVar[Table] = {
        (_TRYING, Timer.E): Row(_TRYING, (Act.RESEND,), start=(Timer.E,)),
        (_TRYING, Timer.F): Row(_TERMINATED, (Act.TIMED_OUT,)),
        (_TRYING, Signal.LOST): Row(_TERMINATED, (Act.FAILED,)),
        (_TRYING, Signal.PROVISIONAL): Row(_PROCEEDING, (Act.PASS,)),
        (_TRYING, Signal.SUCCESS): Row(_COMPLETED, (Act.PASS,), (Timer.K,), _E_F),
        (_TRYING, Signal.FAILURE): Row(_COMPLETED, (Act.PASS,), (Timer.K,), _E_F),
        (_PROCEEDING, Timer.E): Row(_PROCEEDING, (Act.RESEND,), start=(Timer.E,)),
        (_PROCEEDING, Timer.F): Row(_TERMINATED, (Act.TIMED_OUT,)),
        (_PROCEEDING, Signal.LOST): Row(_TERMINATED, (Act.FAILED,)),
        (_PROCEEDING, Signal.PROVISIONAL): Row(_PROCEEDING, (Act.PASS,)),
        (_PROCEEDING, Signal.SUCCESS): Row(_COMPLETED, (Act.PASS,), (Timer.K,), _E_F),
        (_PROCEEDING, Signal.FAILURE): Row(_COMPLETED, (Act.PASS,), (Timer.K,), _E_F),
        (_COMPLETED, Timer.K): Row(_TERMINATED),
    }


class InviteServer(Machine):
    """RFC 3261 §17.2.1 and RFC 6026 §7.1, figure 7 there. The repetition of a 2xx is its user's."""

    __slots__ = ()
    first = _PROCEEDING
    started = ()
    table: ClassVar[Table] = {
        (_PROCEEDING, Signal.REQUEST): Row(_PROCEEDING, (Act.RESEND,)),
        (_PROCEEDING, Signal.PROVISIONAL): Row(_PROCEEDING, (Act.SEND,)),
        (_PROCEEDING, Signal.SUCCESS): Row(_ACCEPTED, (Act.SEND,), (Timer.L,)),
        (_PROCEEDING, Signal.FAILURE): Row(_COMPLETED, (Act.SEND,), _G_H),
        (_PROCEEDING, Signal.LOST): Row(_PROCEEDING, (Act.FAILED,)),
        (_ACCEPTED, Signal.REQUEST): Row(_ACCEPTED),
        (_ACCEPTED, Signal.ACK): Row(_ACCEPTED, (Act.PASS,)),
        (_ACCEPTED, Signal.SUCCESS): Row(_ACCEPTED, (Act.SEND,)),
        (_ACCEPTED, Signal.LOST): Row(_ACCEPTED, (Act.FAILED,)),
        (_ACCEPTED, Timer.L): Row(_TERMINATED),
        (_COMPLETED, Signal.REQUEST): Row(_COMPLETED, (Act.RESEND,)),
        (_COMPLETED, Signal.ACK): Row(_CONFIRMED, start=(Timer.I,), stop=_G_H),
        (_COMPLETED, Signal.LOST): Row(_COMPLETED, (Act.FAILED,)),
        (_COMPLETED, Timer.G): Row(_COMPLETED, (Act.RESEND,), start=(Timer.G,)),
        (_COMPLETED, Timer.H): Row(_TERMINATED, (Act.TIMED_OUT,)),
        (_CONFIRMED, Signal.ACK): Row(_CONFIRMED),
        (_CONFIRMED, Signal.REQUEST): Row(_CONFIRMED),
        (_CONFIRMED, Timer.I): Row(_TERMINATED),
    }


class RequestServer(Machine):
    """Any request but INVITE and ACK: RFC 3261 §17.2.2, figure 8."""

    __slots__ = ()
    first = _TRYING
    started = ()
    table: ClassVar[Table] = {
        (_TRYING, Signal.REQUEST): Row(_TRYING),
        (_TRYING, Signal.PROVISIONAL): Row(_PROCEEDING, (Act.SEND,)),
        (_TRYING, Signal.SUCCESS): Row(_COMPLETED, (Act.SEND,), (Timer.J,)),
        (_TRYING, Signal.FAILURE): Row(_COMPLETED, (Act.SEND,), (Timer.J,)),
        (_PROCEEDING, Signal.REQUEST): Row(_PROCEEDING, (Act.RESEND,)),
        (_PROCEEDING, Signal.PROVISIONAL): Row(_PROCEEDING, (Act.SEND,)),
        (_PROCEEDING, Signal.SUCCESS): Row(_COMPLETED, (Act.SEND,), (Timer.J,)),
        (_PROCEEDING, Signal.FAILURE): Row(_COMPLETED, (Act.SEND,), (Timer.J,)),
        (_PROCEEDING, Signal.LOST): Row(_TERMINATED, (Act.FAILED,)),
        (_COMPLETED, Signal.REQUEST): Row(_COMPLETED, (Act.RESEND,)),
        (_COMPLETED, Signal.LOST): Row(_TERMINATED, (Act.FAILED,)),
        (_COMPLETED, Timer.J): Row(_TERMINATED),
    }
