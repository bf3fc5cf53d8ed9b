"""What voices have in common that speak over one WebSocket for the whole call, each utterance in a context of
its own: text goes in as it is written, sound comes out as it is made."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Final

from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import EngineError, SpokenSound
from offhook.speech.streaming.aligned_sound import SoundShape, VoicePiece
from offhook.speech.streaming.engine_socket import EngineSocket, SocketFailed, SocketPlace
from offhook.speech.streaming.voice_limits import most_audio
from offhook.speech.streaming.wire_message import NotUnderstood

log = logging.getLogger(__name__)

SOUND_SECONDS: Final = 3.0
"""Without a sound while one is owed: the voice hangs."""
SETTLE_SECONDS: Final = 0.25
"""Without another sound, when all of a text seems to be there."""
STEADY_SECONDS: Final = 5.0
"""A connection that lasted this long is made again at once when it is lost, for what is said next."""
LARGEST: Final = 1024 * 1024
"""Bytes of a message: half a minute of sound, written as text."""
MESSAGES: Final = (4000, 400)
"""At once, and a second; each 4 kB of one count as one."""
MOST_ODD: Final = 5
_MOST_PIECES: Final = 20_000


class VoiceFailed(Exception):
    """The vendor says that something cannot be said. `context` "": it counts for all that is being said."""

    def __init__(self, detail: str, suffix: EngineFailure | None = None, context: str = "") -> None:
        super().__init__(detail)
        self.suffix = suffix
        self.context = context


class _Over:
    """The texts have come to their end."""


class _Asked:
    """Another text has gone out."""


_Item = VoicePiece | Exception | _Over | _Asked


class _Context:
    """One utterance. `most`: bytes of sound that its texts may have."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: asyncio.Queue[_Item] = asyncio.Queue()
        self.most = 0
        self.taken = 0
        self.pieces = 0
        self.begun = self.ended = False

    def put(self, piece: VoicePiece) -> None:
        self.taken += len(piece.audio)
        self.pieces += 1
        self.ended = self.ended or piece.ended
        if self.taken > self.most or self.pieces > _MOST_PIECES:
            self.items.put_nowait(VoiceFailed("it sends more sound than anybody takes to say it"))
        else:
            self.items.put_nowait(piece)


class _Line:
    """A connection and the contexts that are spoken over it."""

    def __init__(self, voice: ContextVoice, socket: EngineSocket) -> None:
        self.socket = socket
        self.is_up = True
        self.error: Exception = SocketFailed("the connection is closed")
        self._voice = voice
        self._contexts: dict[str, _Context] = {}
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._reader = self._loop.create_task(self._read())

    def open(self, name: str) -> _Context:
        context = self._contexts[name] = _Context(name)
        return context

    def go_on(self, context: _Context, name: str) -> None:
        """The vendor has ended it before there were no more texts."""
        self._contexts.pop(context.name, None)
        context.name, context.begun, context.ended = name, False, False
        self._contexts[name] = context

    async def drop(self, context: _Context, said: bool) -> None:
        """What still comes for it is left out."""
        self._contexts.pop(context.name, None)
        if self.is_up and context.begun and not context.ended and not said:
            try:
                async with asyncio.timeout(1.0):
                    for message in self._voice.cancelling(context.name):
                        await self.socket.send(message)
            except (SocketFailed, TimeoutError):
                self.socket.abort()

    async def close(self) -> None:
        self.is_up = False
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self.socket.close(self._voice.farewell())

    async def _read(self) -> None:
        try:
            await self._dispatch()
        except (SocketFailed, VoiceFailed) as failed:
            self.error = failed
        except Exception as failed:
            log.exception("the %s voice stopped reading", self._voice.provider)
            self.error = failed
        self.is_up = False
        for context in self._contexts.values():
            context.items.put_nowait(self.error)
        lasted = self._loop.time() - self._since
        self._voice.line_ended(self.error, idle=not self._contexts and lasted > STEADY_SECONDS)
        await self.socket.close()

    async def _dispatch(self) -> None:
        """Until the connection ends. Raises SocketFailed, and VoiceFailed for what counts for all
        contexts."""
        odd = 0
        while True:
            message = await self.socket.receive()
            try:
                for name, piece in self._voice.read(message):
                    if (context := self._contexts.get(name)) is not None:
                        context.put(piece)
                odd = 0
            except NotUnderstood as problem:
                odd += 1
                self._voice.note_odd(problem)
                if odd > MOST_ODD:
                    raise VoiceFailed("what it sends is not understood", self._voice.nonsense()) from None
            except VoiceFailed as failed:
                if not failed.context:
                    raise
                if (context := self._contexts.get(failed.context)) is not None:
                    context.items.put_nowait(failed)


class ContextVoice(ABC):
    """One call's voice at a vendor's."""

    provider: str

    def __init__(self, place: SocketPlace) -> None:
        self.place = place
        self._line: _Line | None = None
        self._opening: asyncio.Task[_Line] | None = None
        self._names = 0
        self._closed = False
        self._odd_logged = False

    # what a vendor says of itself

    @abstractmethod
    def read(self, message: str | bytes) -> Iterator[tuple[str, VoicePiece]]:
        """What a message brings, each for a context. Raises NotUnderstood, and VoiceFailed for an error."""

    @abstractmethod
    def shape(self) -> SoundShape: ...

    @abstractmethod
    def saying(self, context: str, text: str, first: bool) -> list[str]:
        """What is sent for a text, with what begins its context if it is the first."""

    @abstractmethod
    def ending(self, context: str) -> list[str]:
        """What is sent when there are no more texts."""

    @abstractmethod
    def cancelling(self, context: str) -> list[str]: ...

    def farewell(self) -> str | None:
        return None

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        return None

    def nonsense(self) -> EngineFailure | None:
        return None

    # what the call asks

    async def start(self) -> None:
        await self._ready()

    async def speak(self, texts: AsyncIterator[str]) -> AsyncGenerator[SpokenSound, None]:
        line = await self._ready()
        context = line.open(self._name())
        shape = self.shape()
        feeder = asyncio.create_task(self._feed(line, context, shape, texts))
        over = False
        try:
            while not (over and not shape.owed):
                item = await self._next(context, shape)
                if item is None:
                    sounds = shape.finish_text()
                elif isinstance(item, VoicePiece):
                    sounds = shape.take(item)
                elif isinstance(item, Exception):
                    raise self._error(item)
                else:
                    over = over or isinstance(item, _Over)
                    continue
                for sound in sounds:
                    yield sound
        finally:
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)
            await line.drop(context, said=over and not shape.owed)

    async def close(self) -> None:
        self._closed = True
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    # the connection

    def line_ended(self, error: Exception, idle: bool) -> None:
        if idle and not self._closed and isinstance(error, SocketFailed) and not error.lasting:
            self._open_soon()

    def note_odd(self, problem: NotUnderstood) -> None:
        if not self._odd_logged:
            self._odd_logged = True
            log.warning("%s voice: a message is ignored: %s", self.provider, problem)

    async def _ready(self) -> _Line:
        """Raises EngineError."""
        if self._line is not None and self._line.is_up:
            return self._line
        if self._opening is None or self._opening.done():
            self._open_soon()
        assert self._opening is not None
        try:
            line = await asyncio.shield(self._opening)
        except SocketFailed as failed:
            raise self._error(failed) from None
        if not line.is_up:
            raise self._error(line.error)
        return line

    def _open_soon(self) -> None:
        self._opening = asyncio.create_task(self._open())
        self._opening.add_done_callback(_looked_at)

    async def _open(self) -> _Line:
        """Raises SocketFailed."""
        self._line = _Line(self, await EngineSocket.open(self.place))
        return self._line

    # one utterance

    def _name(self) -> str:
        self._names += 1
        return f"c{self._names}"

    async def _feed(
        self, line: _Line, context: _Context, shape: SoundShape, texts: AsyncIterator[str]
    ) -> None:
        try:
            async for text in texts:
                shape.add(text)
                context.most += most_audio(text)
                if context.ended:
                    line.go_on(context, self._name())
                first, context.begun = not context.begun, True
                context.items.put_nowait(_Asked())
                for message in self.saying(context.name, text, first):
                    await line.socket.send(message)
            if context.begun:
                for message in self.ending(context.name):
                    await line.socket.send(message)
            context.items.put_nowait(_Over())
        except Exception as error:
            context.items.put_nowait(error)

    async def _next(self, context: _Context, shape: SoundShape) -> _Item | None:
        """None where the sound of a text has come to its end as far as can be told."""
        if shape.settled:
            patience: float | None = SETTLE_SECONDS
        else:
            patience = SOUND_SECONDS if shape.owed else None
        try:
            async with asyncio.timeout(patience):
                return await context.items.get()
        except TimeoutError:
            if shape.settled or shape.may_be_whole:
                return None
            return VoiceFailed(f"no sound for {SOUND_SECONDS:g} s")

    def _error(self, error: Exception) -> EngineError:
        if isinstance(error, EngineError):
            return error
        if isinstance(error, SocketFailed):
            suffix = self.failure(error)
            return EngineError("voice", self.provider, str(error), error.unquoted, suffix)
        if isinstance(error, VoiceFailed):
            detail = self.place.told(str(error))
            return EngineError("voice", self.provider, detail, "the vendor does not say it", error.suffix)
        log.error("the %s voice stopped", self.provider, exc_info=error)
        return EngineError("voice", self.provider, "it stopped working")


def _looked_at(task: asyncio.Task[_Line]) -> None:
    """Whoever speaks next is told what went wrong; nobody may."""
    if not task.cancelled():
        task.exception()
