"""What transcribers have in common that hear a call over a WebSocket as it goes on."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from offhook.frames import FRAME_SECONDS
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import EngineError, FailureSink, TimedWord, Transcript, TranscriptSink
from offhook.speech.streaming.audio_backlog import MOST_FRAMES, AudioBacklog
from offhook.speech.streaming.engine_socket import EngineSocket, SocketFailed, SocketPlace
from offhook.speech.streaming.wire_message import NotUnderstood
from offhook.speech.token_bucket import TokenBucket

log = logging.getLogger(__name__)

RECONNECTS: Final = 3
RECONNECT_SECONDS: Final = (0.1, 0.5, 1.5)
STEADY_SECONDS: Final = 10.0
"""A connection that lasted this long gets all its reconnects again; if it hangs then, only where it has heard
words."""
CHARACTERS: Final = (20_000, 100)
"""Of final words at once, and a second: several times of what anybody can say."""
SPEECH_SECONDS: Final = 0.25
"""The caller's voice behind which a transcriber has something to say."""
SILENT_SECONDS: Final = 2.0
"""After such a voice, without a message: the transcriber hangs."""
WHOLE_TURN: Final = 256 * 1024
WHOLE_TURN_MESSAGES: Final = (400, 250)
"""Bytes of a message, and messages at once and a second, of one that says all of a turn each time, with the
times of its words: ten minutes of somebody who makes no pause."""
_MOST_AT_ONCE: Final = 25
_LEAD_FRAMES: Final = 50
_MOST_ASKED: Final = 8


class TranscriberFailed(Exception):
    """The vendor says that it does not go on. `lasting`: another connection would hear the same."""

    def __init__(self, detail: str, suffix: EngineFailure | None = None, *, lasting: bool = True) -> None:
        super().__init__(detail)
        self.suffix = suffix
        self.lasting = lasting


class StreamingTranscriber(ABC):
    """One call's ears at a vendor's. Sound that the vendor does not take in time is dropped from its oldest
    on, five seconds are kept; a lost connection is made again a few times, and given again what was not
    answered, before the call is told.

    `gather`: frames that go in one message, while the caller speaks and at all other times."""

    provider: str
    named: str
    """The provider in errors."""
    segmented = False
    turn_patience: float | None = None
    gather = 1
    answers_after: float | None = SPEECH_SECONDS
    """Seconds of voice behind which it always says something, None if it may be silent."""
    most_odd: int | None = 5
    """Messages in a row that are not understood: what sends so many is not the vendor."""
    welcomed = False
    """It takes no sound before it has said that it is ready (`welcomes`)."""
    least = 1
    """Frames that a message has at least, where the vendor refuses fewer."""

    def __init__(self, place: SocketPlace) -> None:
        self.place = place
        self._loop = asyncio.get_running_loop()
        self._backlog = AudioBacklog()
        self._more = asyncio.Event()
        self._socket: EngineSocket | None = None
        self._untouched: EngineSocket | None = None  # opened, and not talked by yet
        self._task: asyncio.Task[None] | None = None
        self._on_transcript: TranscriptSink | None = None
        self._on_failure: FailureSink | None = None
        self._characters = TokenBucket(*CHARACTERS, self._loop.time())
        self._began = self._dropped = 0  # the first frame of this connection; dropped before it
        self._pushed = 0
        self._at_once = False
        self.pending = False
        """Are there words of which the final is to come?"""
        self._asked: deque[tuple[int, str]] = deque()  # what is sent before the frame of that number
        self._sent_asked: deque[tuple[int, str]] = deque(maxlen=_MOST_ASKED)
        # What the message that is read has said of itself.
        self._settled = False
        self._answered = True
        self._odd = 0
        self._speech_began = 0.0
        self._messages = 0  # that came since the caller began to speak
        self._hung = False
        self._has_heard = False  # words have come by this connection
        self._patience: asyncio.TimerHandle | None = None
        self._odd_logged = False
        self._late_logged = False

    # what a vendor says of itself

    @abstractmethod
    def read(self, message: str | bytes) -> Iterable[Transcript]:
        """The words in a message, with times in seconds of this connection's sound. Raises NotUnderstood, or
        TranscriberFailed for an error."""

    def sound(self, frames: list[bytes]) -> str | bytes:
        """What is sent for frames."""
        return b"".join(frames)

    def frame(self, heard: bytes, said: bytes) -> bytes:
        """What is kept of a frame."""
        return heard

    async def find(self) -> SocketPlace:
        """Where the next connection goes. Raises SocketFailed."""
        return self.place

    def welcomes(self, message: str | bytes) -> bool:
        """Is this what the vendor says when it is ready for sound? Raises NotUnderstood, and
        TranscriberFailed for an error."""
        return True

    def begin(self) -> None:
        """A connection begins, which knows nothing of the one before."""
        self.pending = self._has_heard = False
        self._odd = 0

    def farewell(self) -> str | bytes | None:
        """What is sent before the connection is closed."""
        return None

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        """What the API calls it, None if it has no name of its own."""
        return None

    def nonsense(self) -> EngineFailure | None:
        """What the API calls it that nothing is understood."""
        return None

    def ask(self, message: str) -> None:
        """Send this behind the sound that waits now."""
        if len(self._asked) < _MOST_ASKED:
            self._asked.append((self._backlog.next + len(self._backlog), message))
            self._more.set()

    def heard_until(self, seconds: float) -> None:
        """This connection has answered for so much of its sound."""
        self._settled = True
        self._backlog.settle(self._frame_at(seconds))

    def no_answer(self) -> None:
        """The message that is read is no answer to sound: a greeting, a receipt."""
        self._answered = False

    # what the call asks

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._untouched = await self._open()
        self._task = asyncio.create_task(self._stay(self._untouched))
        self._task.add_done_callback(self._ended)

    def push(self, heard: bytes, said: bytes) -> None:
        if len(self._backlog) == MOST_FRAMES and not self._late_logged:
            self._late_logged = True
            log.warning("%s transcriber: it takes audio too slowly, some is dropped", self.named)
        if self._socket is not None:
            self._socket.mind_unsent()
        self._backlog.push(self.frame(heard, said))
        waiting = len(self._backlog)
        if waiting >= self.gather or (waiting >= self.least and (self._at_once or self._asked)):
            self._at_once = False
            self._more.set()

    def speech_started(self) -> None:
        self._speech_began, self._messages = self._loop.time(), 0
        self._mind_silence(None)
        if not self.pending:
            self._backlog.settle(self._backlog.next - _LEAD_FRAMES)

    def speech_stopped(self) -> None:
        self._at_once = True
        spoke = self._loop.time() - self._speech_began
        if self.answers_after is not None and not self._messages and spoke >= self.answers_after:
            self._mind_silence(SILENT_SECONDS)

    async def close(self) -> None:
        self._mind_silence(None)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        untouched, self._untouched = self._untouched, None
        if untouched is not None:
            await untouched.close(self.farewell())

    # the connection

    async def _open(self) -> EngineSocket:
        """Raises EngineError."""
        try:
            return await self._dial(self.place.tries)
        except SocketFailed as failed:
            raise self._error(failed) from None
        except TranscriberFailed as failed:
            raise self._told(failed) from None

    async def _place(self, tries: int) -> SocketPlace:
        """Raises SocketFailed."""
        for left in reversed(range(tries)):
            try:
                return await self.find()
            except SocketFailed as failed:
                if not left or failed.wait is None:
                    raise
                await asyncio.sleep(failed.wait)
        raise AssertionError("a place is looked for at least once")

    async def _dial(self, tries: int) -> EngineSocket:
        """A connection that takes sound. Raises SocketFailed, and TranscriberFailed."""
        socket = await EngineSocket.open(replace(await self._place(tries), tries=tries))
        try:
            async with asyncio.timeout(self.place.timeout):
                while self.welcomed and not self.welcomes(await socket.receive()):
                    pass
        except BaseException as error:
            await socket.close()
            if isinstance(error, TimeoutError):
                raise SocketFailed("the server took too long to be ready") from None
            if isinstance(error, NotUnderstood):
                raise TranscriberFailed("what it sends is not understood", self.nonsense()) from None
            raise
        return socket

    async def _stay(self, socket: EngineSocket) -> None:
        attempts = 0
        while True:
            connected_at = self._loop.time()
            error, lasting = await self._talk(socket)
            if lasting:
                self._fail(error)
                return
            steady = self._loop.time() - connected_at > STEADY_SECONDS
            if steady and (self._has_heard or not self._hung):
                attempts = 0
            log.warning("%s transcriber: connection lost: %s", self.named, error.unquoted)
            again: EngineSocket | None = None
            while again is None:
                if attempts == RECONNECTS or lasting:
                    self._fail(error)
                    return
                await asyncio.sleep(RECONNECT_SECONDS[attempts])
                attempts += 1
                try:
                    again = await self._dial(1)
                except SocketFailed as failed:
                    error, lasting = self._error(failed), failed.lasting
                except TranscriberFailed as failed:
                    error, lasting = self._told(failed), failed.lasting
            self._backlog.rewind()
            self._ask_again()
            self._more.set()
            socket = again

    async def _talk(self, socket: EngineSocket) -> tuple[EngineError, bool]:
        """Send and receive until the connection ends: why it did, and whether it would again."""
        self._began, self._dropped = self._backlog.next, self._backlog.dropped
        self.begin()
        sender = asyncio.create_task(self._send(socket))
        self._socket, self._untouched = socket, None
        if self._hung:
            self._mind_silence(SILENT_SECONDS)
        goodbye: str | bytes | None = None
        try:
            while True:
                self._received(await socket.receive())
        except SocketFailed as failed:
            if self._silent():
                return self._no_answer()
            return self._error(failed), failed.lasting
        except TranscriberFailed as failed:
            return self._told(failed), failed.lasting
        except asyncio.CancelledError:
            goodbye = self.farewell()
            raise
        finally:
            self._socket = None
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            await socket.close(goodbye)

    async def _send(self, socket: EngineSocket) -> None:
        try:
            while True:
                await self._more.wait()
                if len(self._backlog) >= self.least:
                    await socket.send(self.sound(self._backlog.take(_MOST_AT_ONCE)))
                while self._asked and self._asked[0][0] <= self._backlog.next:
                    self._sent_asked.append(self._asked.popleft())
                    await socket.send(self._sent_asked[-1][1])
                if len(self._backlog) < (self.least if self._asked else self.gather):
                    self._more.clear()
        except SocketFailed:
            return  # the receiving side says why

    def _ask_again(self) -> None:
        """What was asked behind sound that is sent again."""
        unanswered = [one for one in self._sent_asked if one[0] > self._backlog.next]
        self._sent_asked.clear()
        self._asked.extendleft(reversed(unanswered))

    def _received(self, message: str | bytes) -> None:
        """Raises SocketFailed for a flood, and TranscriberFailed."""
        self._settled, self._answered = False, True
        try:
            transcripts = list(self.read(message))
        except NotUnderstood as error:
            self._not_understood(error)
            return
        self._odd = 0
        if self._answered:
            self._messages += 1
            self._hung = False
            self._mind_silence(None)
        for transcript in transcripts:
            self._heard(transcript)

    def _not_understood(self, error: NotUnderstood) -> None:
        """Raises TranscriberFailed if nothing is."""
        self._odd += 1
        if not self._odd_logged:
            self._odd_logged = True
            log.warning("%s transcriber: a message is ignored: %s", self.named, error)
        if self.most_odd is not None and self._odd > self.most_odd:
            raise TranscriberFailed("what it sends is not understood", self.nonsense())

    def _heard(self, transcript: Transcript) -> None:
        if transcript.final and not self._characters.take(len(transcript.text), self._loop.time()):
            raise SocketFailed("it hears more words than anybody can say", flooded=True)
        self.pending = not transcript.final and bool(transcript.text)
        self._has_heard = self._has_heard or bool(transcript.text)
        if transcript.final and (transcript.words or not self._settled):
            self._backlog.settle(self._frame_at(transcript.words[-1].end) if transcript.words else None)
        if self._on_transcript is not None:
            self._on_transcript(self._timed(transcript))

    def _timed(self, transcript: Transcript) -> Transcript:
        before = self._frame_at(0) * FRAME_SECONDS
        if not transcript.words or not before:
            return transcript
        words = (TimedWord(one.text, one.start + before, one.end + before) for one in transcript.words)
        return replace(transcript, words=tuple(words))

    def _frame_at(self, seconds: float) -> int:
        """The number of the frame that is so far into this connection's sound."""
        return self._began + self._backlog.dropped - self._dropped + int(seconds / FRAME_SECONDS)

    # one that says nothing

    def _mind_silence(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None if seconds is None else self._loop.call_later(seconds, self._hangs)

    def _silent(self) -> bool:
        return self._patience is not None and self._patience.when() <= self._loop.time()

    def _hangs(self) -> None:
        if self._socket is not None:
            self._socket.abort()

    def _no_answer(self) -> tuple[EngineError, bool]:
        """It is given another connection, once."""
        again, self._hung = self._hung, True
        return EngineError("transcriber", self.named, "it does not answer"), again

    # failures

    def _error(self, failed: SocketFailed) -> EngineError:
        return EngineError("transcriber", self.named, str(failed), failed.unquoted, self.failure(failed))

    def _told(self, failed: TranscriberFailed) -> EngineError:
        detail = self.place.told(str(failed))
        return EngineError("transcriber", self.named, detail, "the vendor ended it", failed.suffix)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the %s transcriber stopped", self.named, exc_info=error)
            self._fail(EngineError("transcriber", self.named, "it stopped working"))

    def _fail(self, error: EngineError) -> None:
        on_failure, self._on_failure = self._on_failure, None
        if on_failure is not None:  # it is told once
            on_failure(error)
