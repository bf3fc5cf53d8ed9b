"""What the call plane tells the media plane to do; what that tells of it stands in `media_events.py`.

A *leg* is one audio stream with one peer; a *talk* is what a conversation speaks and listens through: a queue
of utterances, each of some pieces of sound, and voice activity. Both have numbers that the call plane gives,
from 1, never twice. A command about a leg or talk that is gone does nothing.

Times are the loop's (CLOCK_MONOTONIC, the same in all processes of a machine), sound is s16le mono at 8 kHz.
The table in docs/architecture.md says who answers what."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from offhook.rtp.srtp_keys import SrtpKeys

Tone = Literal["", "ringback", "hold"]

SOUND_BYTES: Final = 32 * 1024
"""Of one Sound; a longer one goes in parts."""

# -- a leg -----------------------------------------------------------------------------------------


class Open(NamedTuple):
    """Take a port for a leg towards `peer`, an IP address ("" for any). Answered by Opened or Refused."""

    leg: int
    call: str
    peer: str


class Agree(NamedTuple):
    """What offer and answer agreed on, at first and again (see RtpStream). `codecs` are payload types with
    names, `events` payload types of telephone events that may come."""

    leg: int
    remote_host: str
    remote_port: int
    payload_type: int
    codec: str
    telephone_event: int | None
    codecs: tuple[tuple[int, str], ...]
    events: tuple[int, ...]
    direction: str
    rtcp_host: str
    rtcp_port: int
    signalling_host: str
    may_begin: bool
    srtp: SrtpKeys | None = None


class Begin(NamedTuple):
    """Hear the peer before the call is answered."""

    leg: int


class Connect(NamedTuple):
    """The call is answered: audio flows both ways, and a peer that falls silent is told of."""

    leg: int


class Close(NamedTuple):
    """Give the port back. Answered by Closed."""

    leg: int


class SendDigits(NamedTuple):
    leg: int
    digits: str
    milliseconds: int


# -- whose the leg's ear and mouth are -------------------------------------------------------------


class Converse(NamedTuple):
    leg: int
    talk: int


class Loop(NamedTuple):
    """One of the tones, over and over (see tones.TONES); "" for silence. Nobody listens."""

    leg: int
    tone: str


class Play(NamedTuple):
    """This sound over and over. Nobody listens."""

    leg: int
    pcm: bytes


class Ring(NamedTuple):
    """Ringing, until a leg that was told to be heard here brings a sound of its own (RFC 3960)."""

    leg: int


class Early(NamedTuple):
    """Say nothing; what comes is heard on the leg `to` while that rings."""

    leg: int
    to: int


class Bridge(NamedTuple):
    """What one hears the other says."""

    leg: int
    other: int


# -- the recorder ----------------------------------------------------------------------------------


class StartRecording(NamedTuple):
    """Record what the leg hears and says from now on, under the id of its call; what may not be kept is
    silent in the file."""

    leg: int
    keeps: bool


class Keep(NamedTuple):
    leg: int
    keeps: bool


class Overhear(NamedTuple):
    """Record, instead of what the leg says, what `other` hears and says; 0: no more."""

    leg: int
    other: int


class StopRecording(NamedTuple):
    """Also for a leg that is closed. Answered by Recorded when the files are whole."""

    leg: int


# -- a talk ----------------------------------------------------------------------------------------


class OpenTalk(NamedTuple):
    talk: int
    call: str


class CloseTalk(NamedTuple):
    talk: int


class Utter(NamedTuple):
    """Queue an utterance. `released` false: not to be heard yet."""

    talk: int
    utterance: int
    interruptible: bool
    released: bool


class Release(NamedTuple):
    talk: int
    utterance: int
    released: bool


class Interruptible(NamedTuple):
    talk: int
    utterance: int
    interruptible: bool


class AddPiece(NamedTuple):
    """One more piece of an utterance, counted from 0; its sound follows."""

    talk: int
    utterance: int


class Sound(NamedTuple):
    """More of a piece's sound. `last`: there will be no more."""

    talk: int
    utterance: int
    piece: int
    pcm: bytes
    last: bool


class CloseUtterance(NamedTuple):
    """No more pieces will come."""

    talk: int
    utterance: int


class Remove(NamedTuple):
    """Let an utterance not be heard, or no more."""

    talk: int
    utterance: int


class Cut(NamedTuple):
    """Silence at once: `utterance` (0: none) ends, and so does all that may be interrupted."""

    talk: int
    utterance: int


class Quieten(NamedTuple):
    """Say nothing of it for now, or go on where it stopped: the caller may be interrupting, or may not."""

    talk: int
    utterance: int
    on: bool


class Clear(NamedTuple):
    talk: int


class HoldBack(NamedTuple):
    """Begin nothing that may be interrupted, until this is taken back. The engine does so itself while the
    caller might be beginning to speak."""

    talk: int
    on: bool


class MuteCaller(NamedTuple):
    """What comes from the leg is silence to the talk from now on, until this is taken back; recordings have
    it all the same."""

    talk: int
    on: bool


# -- of a media plane in a process of its own ------------------------------------------------------


class Settle(NamedTuple):
    """The first command: where ports are (`low` to `high` on `host`), after how many silent seconds a peer is
    lost, where recordings go, the least level of what is logged, and which (from 1) of how many media planes
    with the same ports this is."""

    host: str
    low: int
    high: int
    patience: float
    recordings: str
    level: int
    number: int = 1
    of: int = 1


class KeepSentence(NamedTuple):
    """What callers are to hear when the call plane is gone."""

    pcm: bytes


ProcessCommand = Settle | KeepSentence

Command = (
    Open
    | Agree
    | Begin
    | Connect
    | Close
    | SendDigits
    | Converse
    | Loop
    | Play
    | Ring
    | Early
    | Bridge
    | StartRecording
    | Keep
    | Overhear
    | StopRecording
    | OpenTalk
    | CloseTalk
    | Utter
    | Release
    | Interruptible
    | AddPiece
    | Sound
    | CloseUtterance
    | Remove
    | Cut
    | Quieten
    | Clear
    | HoldBack
    | MuteCaller
)
