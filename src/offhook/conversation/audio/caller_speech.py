"""The caller's speech: audio and voice activity in, "the caller began, went on, stopped, said" out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from offhook.conversation.audio.caller_sounds import CallerSounds
from offhook.conversation.events import Event, SpeechStarted, SpeechStopped
from offhook.frames import FRAME_SECONDS
from offhook.speech.engine_protocols import EngineError, Transcriber
from offhook.speech.engine_protocols import Transcript as Heard


class CallerListener(Protocol):
    """Told of the caller; does little and never raises."""

    def caller_started(self, at: float) -> None:
        """They speak, since `at`."""
        ...

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


class TranscriberListener:
    """Where one transcriber's words go. Before a conversation listens with it they are left out; that the
    transcriber has failed is kept until then."""

    __slots__ = ("_failure", "_speech")

    def __init__(self) -> None:
        self._speech: CallerSpeech | None = None
        self._failure: EngineError | None = None

    def on_transcript(self, heard: Heard) -> None:
        if self._speech is not None:
            self._speech.heard(heard)

    def on_failure(self, error: EngineError) -> None:
        if self._speech is not None:
            self._speech.failed(error)
        else:
            self._failure = self._failure or error

    def open(self, speech: CallerSpeech) -> None:
        self._speech = speech
        if self._failure is not None:
            speech.failed(self._failure)

    def close(self) -> None:
        self._speech = None


class CallerSpeech:
    """The caller's sound, heard through one transcriber at a time. `assistant_heard_between(a, b)`: was the
    assistant heard between these moments? `failed` is called when the transcriber fails."""

    def __init__(
        self,
        transcriber: Transcriber,
        words: TranscriberListener,
        listener: CallerListener,
        tell: Callable[[Event], None],
        assistant_heard_between: Callable[[float, float], bool],
        failed: Callable[[EngineError], None],
    ) -> None:
        self.failed = failed
        self._listener = listener
        self._tell = tell
        self.speaking = False
        """Does the caller speak?"""
        self._loop = asyncio.get_running_loop()
        self._transcriber = transcriber
        self._words = words
        self._turn = -1
        self._sounds = CallerSounds(assistant_heard_between)
        self._given = 0  # frames, to this transcriber
        self._given_at = self._loop.time()  # when the last of them was heard
        words.open(self)

    def adopt(self, transcriber: Transcriber, words: TranscriberListener) -> None:
        """Listen with this one from now on; speech that goes on is new to it."""
        self._words.close()
        self._transcriber, self._words = transcriber, words
        self._sounds.forget()
        self._given = 0
        if self.speaking:
            transcriber.speech_started()
        words.open(self)

    def hear(self, heard: bytes, said: bytes) -> None:
        self._given += 1
        self._given_at = self._loop.time()
        self._transcriber.push(heard, said)

    def voice_began(self, at: float) -> None:
        self.speaking = True
        self._turn += 1
        self._sounds.began(at)
        self._transcriber.speech_started()
        self._tell(SpeechStarted("user", self._turn, at))
        self._listener.caller_started(at)

    def voice_went_on(self, seconds: float) -> None:
        self._listener.caller_went_on(seconds)

    def voice_ended(self, at: float) -> None:
        self.speaking = False
        owed = self._transcriber.segmented
        self._sounds.ended(at, owed)
        self._transcriber.speech_stopped()
        self._tell(SpeechStopped("user", self._turn, at))
        self._listener.caller_stopped(at, owed)

    def heard(self, heard: Heard) -> None:
        owed = heard.final and self._transcriber.segmented
        now = self._loop.time()
        if not heard.final:
            self._sounds.partial(heard.text, now)
            self._listener.caller_said(heard, now, now, False)
            return
        start, end = (self._sounds.owed() if owed else None) or self._sounds.final(heard.text, now)
        if heard.words:
            start, end = self._moment(heard.words[0].start), self._moment(heard.words[-1].end)
        self._listener.caller_said(heard, start, end, owed)

    def _moment(self, seconds: float) -> float:
        """When so much sound had been given to the transcriber, in loop.time(). Vendors' times are believed
        only as far as there was sound."""
        given = self._given * FRAME_SECONDS
        return self._given_at - given + min(max(seconds, 0.0), given)
