"""What the turn machine is told (`Input`) and what it asks for (`Action`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak."""


@dataclass(frozen=True, slots=True)
class CallerWentOn:
    """`seconds` of voice so far in this speech."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller stopped at `ended`, a little before this was decided. `owed`: the transcriber owes one
    final, empty if there were no words, to this speech."""

    ended: float
    owed: bool


@dataclass(frozen=True, slots=True)
class PartialWords:
    """What a streaming transcriber takes the caller to be saying; it may change its mind. `steady`: it will
    hardly do so. `may_end`: it has it that this may be all that the caller says."""

    text: str
    steady: bool = True
    may_end: bool = False


@dataclass(frozen=True, slots=True)
class FinalWords:
    """What the caller said. `owed`: a whole-phrase transcriber's answer to a speech that had ended."""

    text: str
    owed: bool = False


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first frame of something the assistant says was played. `reply`: it answers the caller."""

    interruptible: bool
    reply: bool


@dataclass(frozen=True, slots=True)
class PlayoutFinished:
    """All that was ready has been played. `more`: the reply is not complete."""

    more: bool


@dataclass(frozen=True, slots=True)
class Committed:
    """The reply has begun to act (a tool runs): what it answers can no longer be added to."""


@dataclass(frozen=True, slots=True)
class Forced:
    """A reply is being made at once for a reason outside this machine: an added message, the keypad."""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The reply is over and nothing of it is left to play."""


@dataclass(frozen=True, slots=True)
class Silenced:
    """The assistant was silenced for a reason outside this machine."""


@dataclass(frozen=True, slots=True)
class WaitKnown:
    """How long to wait after the last words was asked for elsewhere, and has just become known."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment that `deadline()` named has come."""


Input = (
    CallerStarted
    | CallerWentOn
    | CallerStopped
    | PartialWords
    | FinalWords
    | PlayoutStarted
    | PlayoutFinished
    | Committed
    | Forced
    | ReplyEnded
    | Silenced
    | WaitKnown
    | Deadline
)

CALLER_INPUTS = (CallerStarted, CallerWentOn, CallerStopped, PartialWords, FinalWords)
"""What the caller does; it counts only while somebody listens."""


@dataclass(frozen=True, slots=True)
class PrepareReply:
    """Make a reply to `text`, all that the caller said since the last reply was heard; do not play it yet."""

    text: str


@dataclass(frozen=True, slots=True)
class DropReply:
    """Give up the reply that is being made: the caller went on."""


@dataclass(frozen=True, slots=True)
class ReleaseReply:
    """The reply may be heard from now on. `ended`: when the caller stopped."""

    ended: float


@dataclass(frozen=True, slots=True)
class HoldReply:
    """The reply may not begin to be heard after all: the caller makes sound."""


@dataclass(frozen=True, slots=True)
class CutShort:
    """What cutting the assistant short now would leave. `rest`: seconds of a complete reply that would remain
    unplayed, None if the reply could not be resumed. `more`: the reply goes on (its tools run) and waits to
    be released. `heard` false: not a word of the reply was heard, so what it answers is still unanswered.
    `asks`: what is being said ends with a question that a nod answers, in so many seconds. `begun`: it is an
    answer that is not all written yet, and will not be."""

    rest: float | None
    more: bool = False
    heard: bool = True
    asks: float | None = None
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Be silent at once. `cut`: what that leaves, as the machine was told when it decided."""

    cut: CutShort


@dataclass(frozen=True, slots=True)
class FallQuiet:
    """Be silent for the moment: the caller may be interrupting."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """They were not: go on where it fell quiet."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Say now the rest of what was cut short: the caller only nodded, or it was noise."""


@dataclass(frozen=True, slots=True)
class TranscriberOverdue:
    """The transcriber owes an answer for too long."""


Action = (
    PrepareReply
    | DropReply
    | ReleaseReply
    | HoldReply
    | Interrupt
    | FallQuiet
    | GoOn
    | Resume
    | TranscriberOverdue
)
