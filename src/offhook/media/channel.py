"""The call plane's side of a talk: what is told of it, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from offhook.media.media_commands import CloseTalk, Command
from offhook.media.media_events import (
    Began,
    Event,
    Heard,
    Played,
    PlayedOut,
    VoiceBegan,
    VoiceEnded,
    VoiceWentOn,
)


class ChannelListener(Protocol):
    """Told what was heard in a conversation; does little and never raises."""

    def hear(self, heard: bytes, said: bytes) -> None: ...

    def voice_began(self, at: float) -> None:
        """The caller speaks, since `at` (loop.time())."""
        ...

    def voice_went_on(self, seconds: float) -> None:
        """They still speak, or pause: `seconds` of voice so far."""
        ...

    def voice_ended(self, at: float) -> None: ...


class PlayoutListener(Protocol):
    """Told how far what was queued is played. Numbers of utterances are the talk's."""

    def began(self, utterance: int) -> None: ...

    def played(self, utterance: int, piece: int) -> None: ...

    def finished(self, utterance: int) -> None: ...

    def played_to(self, utterance: int, piece: int, size: int) -> None: ...


class Channel:
    """One talk: `listener` hears, `playing` is told how far what was queued is played."""

    def __init__(self, number: int, call: str | None, send: Callable[[Command], None]) -> None:
        self.number = number
        self.call = call
        self.send = send
        self.listener: ChannelListener | None = None
        self.playing: PlayoutListener | None = None
        self.closed = False
        self.at = 0.0
        """When what is being told happened, in loop.time(): a busy process hears of it later."""

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.listener = self.playing = None
            self.send(CloseTalk(self.number))

    # -- what the plane tells -------------------------------------------------------------------

    def take(self, event: Event) -> None:
        if type(event) is Heard:  # fifty times a second
            _, heard, said, utterance, piece, played = event
            if utterance and self.playing is not None:
                self.playing.played_to(utterance, piece, played)
            if self.listener is not None:
                self.listener.hear(heard, said)
        elif self.playing is not None and isinstance(event, (Began, Played, PlayedOut)):
            _take_of_playout(self.playing, event)
        elif self.listener is not None and isinstance(event, (VoiceBegan, VoiceWentOn, VoiceEnded)):
            _take_of_voice(self.listener, event)


def _take_of_playout(playing: PlayoutListener, event: Began | Played | PlayedOut) -> None:
    if isinstance(event, Began):
        playing.began(event.utterance)
    elif isinstance(event, Played):
        playing.played(event.utterance, event.piece)
    else:
        playing.finished(event.utterance)


def _take_of_voice(listener: ChannelListener, event: VoiceBegan | VoiceWentOn | VoiceEnded) -> None:
    if isinstance(event, VoiceWentOn):
        listener.voice_went_on(event.seconds)
    elif isinstance(event, VoiceBegan):
        listener.voice_began(event.at)
    else:
        listener.voice_ended(event.at)
