"""Speech synthesis: texts are given to the voice one after another, each utterance in its own task, and
the playout plays them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from offhook.conversation.audio.playout_queue import PlayoutQueue, UtteranceListener
from offhook.conversation.audio.spoken_utterance import Delivery, Purpose, SpokenPiece, SpokenUtterance
from offhook.conversation.context import Said
from offhook.conversation.events import Event, VoiceText, VoiceUsed
from offhook.conversation.metrics import Marks
from offhook.conversation.text.chunks import ChunkingPlan, cut_into_pieces
from offhook.conversation.text.speakable import FormattingPlan, speakable
from offhook.media.channel import Channel
from offhook.network import INTERNAL
from offhook.speech.engine_protocols import EngineError, SpokenSound, Voice, closing
from offhook.speech.sentence_voice import alone

log = logging.getLogger(__name__)
T = TypeVar("T")

VOICE_PATIENCE = 10.0
"""Seconds to wait for a voice's next audio."""
LONGEST_TEXT = 10_000
"""Characters that are said in one go: about an hour of speech. What is behind them is left out."""
AHEAD_SECONDS = 6.0
"""Unplayed audio of one utterance after which no further piece is begun."""


class Synthesis:
    """Makes utterances and the audio for them. `failed` is called once when the voice fails."""

    def __init__(
        self,
        voice: Voice,
        chunks: ChunkingPlan,
        form: FormattingPlan,
        listener: UtteranceListener,
        tell: Callable[[Event], None],
        failed: Callable[[EngineError], None],
        channel: Channel,
    ) -> None:
        self.voice = voice
        self.chunks = chunks
        self.form = form
        self.playout = PlayoutQueue(listener, channel)
        self.muted = False
        """Nothing that is to be said is heard."""
        self._tell = tell
        self._failed = failed
        self._progress = asyncio.Event()  # set when a piece of audio is whole, or the voice failed
        self._tasks: dict[SpokenUtterance, asyncio.Task[None]] = {}

    def utter(
        self,
        *,
        said: Said | None,
        interruptible: bool = True,
        purpose: Purpose = Purpose.MESSAGE,
        delivery: Delivery = Delivery.RELEASED,
        marks: Marks | None = None,
    ) -> SpokenUtterance:
        """An utterance without words yet, last in the queue. `marks` receives the voice's own times."""
        utterance = SpokenUtterance(
            said=said, interruptible=interruptible, purpose=purpose, delivery=delivery
        )
        changed = asyncio.Event()
        utterance.changed = changed.set
        self.playout.put(utterance)
        task = asyncio.get_running_loop().create_task(self._speak(utterance, changed, marks))
        self._tasks[utterance] = task
        task.add_done_callback(lambda _: self._made(utterance))
        return utterance

    def add(self, utterance: SpokenUtterance, text: str, ready: SpokenPiece | None = None) -> None:
        utterance.add(ready or SpokenPiece(text))
        if utterance.said is not None:
            utterance.said.add(text)
        utterance.changed()

    def close_utterance(self, utterance: SpokenUtterance) -> None:
        utterance.close()
        utterance.changed()

    def say(
        self,
        text: str,
        *,
        said: Said | None,
        interruptible: bool = True,
        purpose: Purpose = Purpose.MESSAGE,
        delivery: Delivery = Delivery.RELEASED,
        ready: SpokenPiece | None = None,
        marks: Marks | None = None,
    ) -> SpokenUtterance:
        """A whole text, to be heard after what is queued. `ready`: its first piece, if that was made ahead;
        one with another text is not used. While it is muted nothing of it is queued: it ends unheard."""
        if self.muted:
            return _unheard()
        utterance = self.utter(
            said=said, interruptible=interruptible, purpose=purpose, delivery=delivery, marks=marks
        )
        for piece in cut_into_pieces(text[:LONGEST_TEXT], self.chunks):
            self.add(utterance, piece, ready if ready is not None and ready.text == piece else None)
            ready = None
        self.close_utterance(utterance)
        return utterance

    def drop(self, utterance: SpokenUtterance) -> None:
        """Give up an utterance: no more audio is made for it."""
        self.playout.remove(utterance)
        task = self._tasks.get(utterance)
        if task is not None:
            task.cancel()
        utterance.end(played=False)

    def take_back(self, utterance: SpokenUtterance) -> None:
        """Give it up, unless it is heard already, or is over."""
        if utterance.delivery in (Delivery.HELD, Delivery.RELEASED):
            self.drop(utterance)

    def cut(self) -> tuple[SpokenUtterance | None, list[SpokenUtterance]]:
        """Silence at once: what was being said, if anything, and what was to follow (`PlayoutQueue.cut`)."""
        dropped = [waiting for waiting in self.playout.waiting() if waiting.interruptible]
        utterance = self.playout.cut()
        for each in [*dropped, *([utterance] if utterance else [])]:
            self.drop(each)
        return utterance, dropped

    def adopt(self, voice: Voice, chunks: ChunkingPlan, form: FormattingPlan) -> None:
        """Speak with another voice from the next piece on."""
        self.voice, self.chunks, self.form = voice, chunks, form

    async def first_piece(self, utterance: SpokenUtterance) -> None:
        """Wait until the audio of an utterance's first piece is whole, or will never be."""
        while utterance in self._tasks and not (utterance.pieces and utterance.pieces[0].complete):
            self._progress.clear()
            await self._progress.wait()

    async def close(self) -> None:
        self.playout.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _made(self, utterance: SpokenUtterance) -> None:
        self._tasks.pop(utterance, None)
        self._progress.set()

    async def _speak(self, utterance: SpokenUtterance, changed: asyncio.Event, marks: Marks | None) -> None:
        texts = _Texts(utterance, changed, self._given, self._progress.set, marks)
        try:
            if await texts.begin():
                await _make(texts, self.voice)
        except EngineError as error:
            self._silenced(utterance, error)
        except Exception:
            log.exception("the voice failed unexpectedly")
            self._silenced(utterance, EngineError("voice", self.voice.provider, INTERNAL))

    def _given(self, piece: SpokenPiece) -> str:
        """What the voice gets for a piece; "" if there is nothing to be heard of it."""
        spoken = speakable(piece.text, self.form)
        if spoken:
            self._tell(VoiceText(spoken))
            self._tell(VoiceUsed(len(spoken)))
        return spoken

    def _silenced(self, utterance: SpokenUtterance, error: EngineError) -> None:
        """The utterance gets no sound: take it out of the way of what another voice says."""
        self.playout.remove(utterance)
        utterance.end(played=False)
        self._failed(error)


async def _make(texts: _Texts, voice: Voice) -> None:
    """Raises EngineError."""
    try:
        async with asyncio.timeout(None) as patience, closing(voice.speak(texts)) as sounds:
            texts.patience = patience
            async for sound in sounds:
                texts.take(sound)
    except TimeoutError:
        raise EngineError("voice", voice.provider, f"no audio for {VOICE_PATIENCE:g} s") from None
    if not texts.spoken:
        raise EngineError("voice", voice.provider, "it ended before all was spoken")


class _Texts:
    """What an utterance's voice gets to say, piece by piece as they come, and the sound that it makes of it:
    no further piece as long as enough is made, or being made, that was not played yet."""

    def __init__(
        self,
        utterance: SpokenUtterance,
        changed: asyncio.Event,
        given: Callable[[SpokenPiece], str],
        progress: Callable[[], None],
        marks: Marks | None,
    ) -> None:
        """`given`: what a piece is to the voice; `progress` is called when the sound of one is whole."""
        self.patience: asyncio.Timeout | None = None
        self._utterance = utterance
        self._changed = changed
        self._given = given
        self._progress = progress
        self._marks = marks
        self._next = 0
        self._asked: deque[SpokenPiece] = deque()  # whose sound is not whole

    async def begin(self) -> bool:
        """Wait for the first piece, and for its sound if that was begun ahead. False if there is none."""
        if not await self._piece_ready():
            return False
        first = self._utterance.pieces[0]
        if first.maker is not None:
            self._note_asked()
            self._given(first)
            self._next = 1
            await first.maker
            self._progress()
        return True

    @property
    def spoken(self) -> bool:
        """Is the sound of all of it made?"""
        return self._utterance.closed and self._next == len(self._utterance.pieces) and not self._asked

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while await self._piece_ready():
            piece = self._utterance.pieces[self._next]
            self._next += 1
            spoken = self._given(piece)
            if spoken:
                if self._next == 1:
                    self._note_asked()
                piece.spoken = spoken
                self._asked.append(piece)
                self._wait_on()
                return spoken
            piece.complete = True
            self._progress()
        raise StopAsyncIteration

    def take(self, sound: SpokenSound) -> None:
        piece, marks = self._asked[0], self._marks
        if marks is not None and marks.first_audio is None and piece is self._utterance.pieces[0]:
            marks.first_audio = asyncio.get_running_loop().time()
        piece.take(sound)
        if sound.last:
            self._asked.popleft()
            self._progress()
        self._wait_on()

    def _note_asked(self) -> None:
        if self._marks is not None:
            self._marks.voice_asked = asyncio.get_running_loop().time()

    async def _piece_ready(self) -> bool:
        """False when there are no more."""
        utterance = self._utterance
        while True:
            self._changed.clear()
            if self._next < len(utterance.pieces):
                if _seconds_ahead(utterance, self._next) < AHEAD_SECONDS:
                    return True
            elif utterance.closed:
                return False
            await self._changed.wait()

    def _wait_on(self) -> None:
        """The voice has so long for its next sound, if it owes any."""
        if self.patience is not None:
            now = asyncio.get_running_loop().time()
            self.patience.reschedule(now + VOICE_PATIENCE if self._asked else None)


async def _sound(piece: SpokenPiece, spoken: str, voice: Voice) -> None:
    """Raises EngineError."""
    piece.spoken = spoken
    async with closing(voice.speak(alone(spoken))) as sounds:
        while (sound := await _next_sound(sounds, voice.provider)) is not None:
            piece.take(sound)


async def _next_sound(sounds: AsyncIterator[SpokenSound], provider: str) -> SpokenSound | None:
    try:
        return await next_within(sounds, VOICE_PATIENCE)
    except TimeoutError:
        raise EngineError("voice", provider, f"no audio for {VOICE_PATIENCE:g} s") from None


def ahead(text: str, voice: Voice, chunks: ChunkingPlan, form: FormattingPlan) -> SpokenPiece | None:
    """The first piece of a text, with a task that makes its sound from now on; None if there is nothing to be
    heard of it. Whoever gets it cancels the task, or gives the piece to a `Synthesis`."""
    first = next(iter(cut_into_pieces(text[:LONGEST_TEXT], chunks)), "")
    spoken = speakable(first, form)
    if not spoken:
        return None
    piece = SpokenPiece(first)
    piece.maker = asyncio.get_running_loop().create_task(_sound(piece, spoken, voice))
    return piece


def _unheard() -> SpokenUtterance:
    """What is not said at all; whoever waits for its end is told at once."""
    utterance = SpokenUtterance(said=None)
    utterance.close()
    utterance.let_go()
    asyncio.get_running_loop().call_soon(utterance.end, False)
    return utterance


def _seconds_ahead(utterance: SpokenUtterance, until: int) -> float:
    """Of what is made, or being made, and was not played."""
    return sum(utterance.pieces[at].seconds() for at in range(utterance.playing, until))


async def next_within(items: AsyncIterator[T], seconds: float) -> T | None:
    """The next item, None at the end. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await anext(items, None)
