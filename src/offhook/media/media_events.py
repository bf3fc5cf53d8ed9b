"""What the media plane tells the call plane: of its legs, its talks and its process. Numbers, times and sound
are those of `media_commands.py`."""

from __future__ import annotations

from typing import NamedTuple

# -- a leg -----------------------------------------------------------------------------------------


class Opened(NamedTuple):
    leg: int
    host: str
    port: int


class Refused(NamedTuple):
    """No port could be had. `why` is for the log and the report."""

    leg: int
    why: str


class Counted(NamedTuple):
    """Once a second: what was counted so far (see StreamStatistics, whose order this is)."""

    leg: int
    counts: tuple[int | float | None, ...]


class Closed(NamedTuple):
    """`counts` is empty if no audio was agreed on."""

    leg: int
    counts: tuple[int | float | None, ...]


class Pressed(NamedTuple):
    leg: int
    digit: str
    milliseconds: int


class NoMedia(NamedTuple):
    """Nothing has come from the peer for so long, though it should."""

    leg: int
    seconds: float


class Failed(NamedTuple):
    """The leg broke and is ticked no more."""

    leg: int


class Recorded(NamedTuple):
    """`begun`: there are files."""

    leg: int
    begun: bool


# -- a talk ----------------------------------------------------------------------------------------


class Began(NamedTuple):
    """The first frame of an utterance was played."""

    talk: int
    utterance: int


class Played(NamedTuple):
    """A piece was played to its end."""

    talk: int
    utterance: int
    piece: int


class PlayedOut(NamedTuple):
    """All of an utterance was played. While the caller speaks nothing that may be interrupted begins until
    the next HoldBack."""

    talk: int
    utterance: int


class Heard(NamedTuple):
    """One tick: 20 ms of the caller, and of what was said to them; with how many bytes of which piece are
    played now (`utterance` 0: nothing plays)."""

    talk: int
    heard: bytes
    said: bytes
    utterance: int
    piece: int
    played: int


class VoiceBegan(NamedTuple):
    """The caller speaks, since `at` (loop.time())."""

    talk: int
    at: float


class VoiceWentOn(NamedTuple):
    """The caller still speaks, or pauses: `seconds` of voice so far. Each 32 ms."""

    talk: int
    seconds: float


class VoiceEnded(NamedTuple):
    """The caller has stopped, at `at` (loop.time())."""

    talk: int
    at: float


# -- of a media plane in a process of its own ------------------------------------------------------


class Ready(NamedTuple):
    """The answer to Settle. `why`: it cannot serve."""

    why: str


class Happened(NamedTuple):
    """When the events that follow happened. `ticked`: in a tick, which began then."""

    at: float
    ticked: bool


class Paced(NamedTuple):
    """Once a second: how late the ticks began (see Clock), how many were left out, and how many ports and
    legs there are."""

    lateness: tuple[int, ...]
    skipped: int
    ports: int
    legs: int


class Logged(NamedTuple):
    """A line for the node's one log."""

    logger: str
    level: int
    message: str
    call: str | None


ProcessEvent = Ready | Happened | Paced | Logged

Event = (
    Opened
    | Refused
    | Counted
    | Closed
    | Pressed
    | NoMedia
    | Failed
    | Recorded
    | Began
    | Played
    | PlayedOut
    | Heard
    | VoiceBegan
    | VoiceWentOn
    | VoiceEnded
)
