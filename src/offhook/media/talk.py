"""What a conversation speaks and listens through, as the engine has it: playout and voice activity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from offhook.frames import SILENCE
from offhook.media.echo.canceller import EchoCanceller
from offhook.media.media_commands import (
    AddPiece,
    Clear,
    CloseUtterance,
    Command,
    Cut,
    HoldBack,
    Interruptible,
    MuteCaller,
    Quieten,
    Release,
    Remove,
    Sound,
    Utter,
)
from offhook.media.media_events import (
    Event,
    Heard,
    VoiceBegan,
    VoiceEnded,
    VoiceWentOn,
)
from offhook.media.near_voice import NearVoice
from offhook.media.playout import Piece, Playout, Utterance
from offhook.speech.gate import SpeechBegan, SpeechGate

_tuple = tuple.__new__
"""Fifty times a second for each talk: a NamedTuple's own constructor takes twice the time."""


class ActivityInput(Protocol):
    def push(self, frame: bytes) -> None: ...

    def close(self) -> None: ...


class Activity(Protocol):
    """Voice activity of all talks (see speech.activity.VoiceActivity)."""

    def open(self, on_probability: Callable[[float], None]) -> ActivityInput: ...


class Talk:
    """A leg's audio while a conversation has its ear and mouth; at rest otherwise."""

    def __init__(
        self,
        number: int,
        emit: Callable[[Event], None],
        note: Callable[[Event], None],
        activity: Activity | None,
        time: Callable[[], float],
        echo: EchoCanceller | None = None,
    ) -> None:
        """`emit` takes events at any time; `note` those of a tick, which is cheaper. `time`: loop.time().
        Without `echo` none is taken out."""
        self.number = number
        self._emit = emit
        self._note = note
        self._time = time
        self._gate = SpeechGate()
        self._near = NearVoice()
        self._muted = False
        self._activity = None if activity is None else activity.open(self.judged)
        self._ear = None if echo is None else echo.open(self._heard)
        self.playout = Playout(number, emit, self._voice)
        self.next_frame = self.playout.next_frame

    def close(self) -> None:
        self.playout.clear()
        if self._activity is not None:
            self._activity.close()
        if self._ear is not None:
            self._ear.close()

    def exchanged(self, heard: bytes, said: bytes) -> None:
        if self._ear is not None:
            self._ear.exchanged(heard, said)
        else:
            self._heard(heard, heard, said)

    def _heard(self, heard: bytes, judged: bytes, said: bytes) -> None:
        """`judged`: what of it may be a voice. Who is muted is so from here on: given silence, a filter would
        forget by which way their echo comes."""
        if self._muted:
            heard = judged = SILENCE
        if self._activity is not None:
            self._activity.push(judged)
            heard = self._near.heed(heard, self._gate.speaking)
        playing = self.playout.current
        if playing is None or playing.playing >= len(playing.pieces):
            self._note(_tuple(Heard, (self.number, heard, said, 0, 0, 0)))
        else:
            at = playing.playing
            played = playing.pieces[at].played
            self._note(_tuple(Heard, (self.number, heard, said, playing.number, at, played)))

    def judged(self, probability: float) -> None:
        """The next 32 ms. Speech that might be beginning holds back what would begin, at once."""
        gate = self._gate
        probability = self._near.weigh(probability, gate.speaking, self.playout.current is not None)
        change = gate.feed(probability, self._time())
        if isinstance(change, SpeechBegan):
            self._emit(VoiceBegan(self.number, change.at))
        elif change is not None:
            self._emit(VoiceEnded(self.number, change.at))
        if gate.speaking:
            self._emit(VoiceWentOn(self.number, gate.voiced))

    def _voice(self) -> tuple[bool, bool]:
        return self._gate.speaking, self._gate.suspects

    def say_last(self, pcm: bytes) -> None:
        """What is to be heard of what is queued, and then this."""
        self.playout.wind_up()
        last = Utterance(0, interruptible=False, released=True)
        piece = Piece()
        piece.sound += pcm
        piece.complete = last.closed = True
        last.pieces.append(piece)
        self.playout.put(last)

    def apply(self, command: Command) -> None:
        """Any of the commands about a talk but the first and the last; others do nothing."""
        playout = self.playout
        match command:
            case HoldBack(_, on):
                playout.held = on
            case MuteCaller(_, on):
                self._muted = on
            case Utter(_, number, interruptible, released):
                if playout.get(number) is None:
                    playout.put(Utterance(number, interruptible, released))
            case Cut(_, number):
                playout.cut(number)
            case Clear():
                playout.clear()
            case _:
                utterance = playout.get(getattr(command, "utterance", 0))
                if utterance is not None:
                    self._change(utterance, command)

    def _change(self, utterance: Utterance, command: Command) -> None:
        match command:
            case Sound(_, _, at, pcm, last):
                if at < len(utterance.pieces):
                    piece = utterance.pieces[at]
                    piece.sound += pcm
                    piece.complete = last
            case AddPiece():
                utterance.pieces.append(Piece())
            case Release(_, _, released):
                utterance.released = released
            case Interruptible(_, _, interruptible):
                utterance.interruptible = interruptible
                if not interruptible:
                    self.playout.quieten(utterance, False)
            case Quieten(_, _, on):
                self.playout.quieten(utterance, on)
            case CloseUtterance():
                utterance.closed = True
            case Remove():
                self.playout.remove(utterance)
            case _:
                pass
