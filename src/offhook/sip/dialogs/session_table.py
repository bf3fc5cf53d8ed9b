"""The life of a session, as a table (RFC 3261 §13-15).

A session is told what happened and does what the row says. What is not in the table changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class SessionState(StrEnum):
    ACCEPTED = "accepted"  # our 2xx is out, its first ACK is not here
    CONFIRMED = "confirmed"
    LEAVING = "leaving"  # our BYE waits for the ACK of the call
    BYE_SENT = "BYE sent"
    ENDED = "ended"


class SessionSignal(StrEnum):
    HANG_UP = "we hang up"
    BYE = "BYE of the peer"
    BYE_DONE = "our BYE has its response, or will have none"
    ACK = "ACK"
    NO_ACK = "no ACK within 64*T1"
    NO_ANSWER = "no answer to a request of ours"
    GONE = "the peer does not know the dialog, or cannot be reached"
    CLOSED = "the user agent closes"


class SessionAct(StrEnum):
    """What the session does, in the order of the row."""

    SEND_BYE = "send BYE"
    CLOSE = "set `closed`"
    SETTLE = "set `closed`, and leave the dialogs once no ACK is awaited"
    TELL_CONNECTED = "tell the handler of the first ACK"
    TELL_ANSWER = "tell the handler of an ACK that brings the answer to an offer"
    TELL_UNACKNOWLEDGED = "tell the handler that no ACK came"
    TELL_HUNG_UP = "tell the handler of the BYE"
    TELL_GONE = "tell the handler that the dialog is lost"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The next state, and what to do then."""

    state: SessionState
    acts: tuple[SessionAct, ...] = ()


_S, _I, _A, _Row = SessionState, SessionSignal, SessionAct, SessionRow

LIVE: Final = frozenset({_S.ACCEPTED, _S.CONFIRMED})
"""States in which the handler is told of what the peer does, and we may ask something of it."""

TABLE: Final[dict[tuple[SessionState, SessionSignal], SessionRow]] = {
    # RFC 3261 §15: before the ACK of the call has come, no BYE is sent.
    (_S.ACCEPTED, _I.HANG_UP): _Row(_S.LEAVING),
    (_S.ACCEPTED, _I.ACK): _Row(_S.CONFIRMED, (_A.TELL_CONNECTED,)),
    (_S.ACCEPTED, _I.NO_ACK): _Row(_S.BYE_SENT, (_A.SEND_BYE, _A.TELL_UNACKNOWLEDGED)),
    (_S.ACCEPTED, _I.BYE): _Row(_S.ENDED, (_A.SETTLE, _A.TELL_HUNG_UP)),
    (_S.ACCEPTED, _I.NO_ANSWER): _Row(_S.BYE_SENT, (_A.SEND_BYE, _A.TELL_GONE)),
    (_S.ACCEPTED, _I.GONE): _Row(_S.ENDED, (_A.SETTLE, _A.TELL_GONE)),
    (_S.CONFIRMED, _I.HANG_UP): _Row(_S.BYE_SENT, (_A.SEND_BYE,)),
    (_S.CONFIRMED, _I.ACK): _Row(_S.CONFIRMED, (_A.TELL_ANSWER,)),
    (_S.CONFIRMED, _I.NO_ACK): _Row(_S.BYE_SENT, (_A.SEND_BYE, _A.TELL_UNACKNOWLEDGED)),
    (_S.CONFIRMED, _I.BYE): _Row(_S.ENDED, (_A.SETTLE, _A.TELL_HUNG_UP)),
    (_S.CONFIRMED, _I.NO_ANSWER): _Row(_S.BYE_SENT, (_A.SEND_BYE, _A.TELL_GONE)),
    (_S.CONFIRMED, _I.GONE): _Row(_S.ENDED, (_A.SETTLE, _A.TELL_GONE)),
    (_S.LEAVING, _I.ACK): _Row(_S.BYE_SENT, (_A.SEND_BYE,)),
    (_S.LEAVING, _I.NO_ACK): _Row(_S.BYE_SENT, (_A.SEND_BYE,)),
    # Of a caller who has not seen our 2xx, which goes on until it is acknowledged.
    (_S.LEAVING, _I.BYE): _Row(_S.ENDED, (_A.SETTLE,)),
    # It has crossed ours, whose response is still waited for.
    (_S.BYE_SENT, _I.BYE): _Row(_S.BYE_SENT, (_A.CLOSE,)),
    (_S.BYE_SENT, _I.BYE_DONE): _Row(_S.ENDED, (_A.SETTLE,)),
    (_S.ENDED, _I.ACK): _Row(_S.ENDED, (_A.SETTLE,)),
    (_S.ENDED, _I.NO_ACK): _Row(_S.ENDED, (_A.SETTLE,)),
    **{(state, _I.CLOSED): _Row(_S.ENDED, (_A.SETTLE,)) for state in _S},
}
