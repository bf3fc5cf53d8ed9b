"""The assistant's ears: audio and voice activity in, "the caller began, went on, stopped, said" out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from offhook.conversation.audio.caller_sounds import Speeches
from offhook.conversation.events import Event, SpeechStarted, SpeechStopped
from offhook.speech.base import EngineError, Transcriber
from offhook.speech.base import Transcript as Heard
from offhook.speech.gate import SpeechBegan, SpeechGate


class Listener(Protocol):
    def caller_started(self) -> None: ...

    def caller_went_on(self, seconds: float) -> None:
        """`seconds` of voice so far in this speech."""
        ...

    def caller_stopped(self, ended: float, owed: bool) -> None:
        """`owed`: the transcriber will answer this speech with one final."""
        ...

    def caller_said(self, heard: Heard, start: float, end: float, owed: bool) -> None:
        """`start`, `end`: when the words of a final were spoken, in loop.time(). `owed`: they answer a
        speech."""
        ...

    def engine_failed(self, error: EngineError) -> None: ...

    def assistant_heard_between(self, start: float, end: float) -> bool:
        """Was the assistant heard between these moments?"""
        ...


class Ear:
    """Where one transcriber's words go; they are passed on while `Ears` listens with it."""

    __slots__ = ("_ears",)

    def __init__(self, ears: Ears) -> None:
        self._ears = ears

    def on_transcript(self, heard: Heard) -> None:
        if self._ears.current is self:
            self._ears.heard(heard)

    def on_failure(self, error: EngineError) -> None:
        if self._ears.current is self:
            self._ears.listener.engine_failed(error)


class Ears:
    """One transcriber at a time."""

    def __init__(self, listener: Listener, tell: Callable[[Event], None]) -> None:
        self.listener = listener
        self.current = Ear(self)
        self._tell = tell
        self._gate = SpeechGate()
        self._loop = asyncio.get_running_loop()
        self._transcriber: Transcriber | None = None
        self._turn = -1
        self._speeches = Speeches(lambda start, end: listener.assistant_heard_between(start, end))

    @property
    def speaking(self) -> bool:
        """Does the caller speak?"""
        return self._gate.speaking

    def adopt(self, transcriber: Transcriber, ear: Ear) -> None:
        """Listen with this one from now on; speech that goes on is new to it."""
        self._transcriber, self.current = transcriber, ear
        self._speeches.forget()
        if self._gate.speaking:
            transcriber.speech_started()

    def hear(self, heard: bytes, said: bytes) -> None:
        if self._transcriber is not None:
            self._transcriber.push(heard, said)

    def voice_activity(self, probability: float, at: float) -> None:
        """32 ms that ended at that moment."""
        change = self._gate.feed(probability, at)
        if change is None:
            if self._gate.speaking:
                self.listener.caller_went_on(self._gate.voiced)
            return
        if isinstance(change, SpeechBegan):
            self._turn += 1
            self._speeches.began(change.at)
            if self._transcriber is not None:
                self._transcriber.speech_started()
            self._tell(SpeechStarted("user", self._turn, change.at))
            self.listener.caller_started()
            self.listener.caller_went_on(self._gate.voiced)
            return
        owed = self._transcriber is not None and self._transcriber.segmented
        self._speeches.ended(change.at, owed)
        if self._transcriber is not None:
            self._transcriber.speech_stopped()
        self._tell(SpeechStopped("user", self._turn, change.at))
        self.listener.caller_stopped(change.at, owed)

    def heard(self, heard: Heard) -> None:
        owed = heard.final and self._transcriber is not None and self._transcriber.segmented
        now = self._loop.time()
        if not heard.final:
            self._speeches.partial(heard.text, now)
            self.listener.caller_said(heard, now, now, False)
            return
        start, end = (self._speeches.owed() if owed else None) or self._speeches.final(heard.text, now)
        self.listener.caller_said(heard, start, end, owed)
