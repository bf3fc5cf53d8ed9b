"""Speech synthesis: texts are given to the voice one after another, each utterance in its own task, and
the playout plays them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from offhook.conversation.audio.playout_queue import Listener, Piece, Playout, Utterance
from offhook.conversation.context import Said
from offhook.conversation.events import Event, VoiceInput, VoiceUsed
from offhook.conversation.metrics import Marks
from offhook.conversation.text.chunks import ChunkPlan, cut_into_pieces
from offhook.conversation.text.speakable import FormatPlan, speakable
from offhook.frames import SAMPLE_RATE
from offhook.media.client import Channel
from offhook.network import INTERNAL
from offhook.speech.base import EngineError, Voice

log = logging.getLogger(__name__)
T = TypeVar("T")

VOICE_PATIENCE = 10.0
"""Seconds to wait for a voice's next audio."""
LONGEST_TEXT = 10_000
"""Characters that are said in one go: about an hour of speech. What is behind them is left out."""
AHEAD_BYTES = 6 * SAMPLE_RATE * 2
"""Unplayed audio of one utterance after which no further piece is begun."""


class Synthesis:
    """Makes utterances and the audio for them. `failed` is called once when the voice fails."""

    def __init__(
        self,
        voice: Voice,
        chunks: ChunkPlan,
        form: FormatPlan,
        listener: Listener,
        tell: Callable[[Event], None],
        failed: Callable[[EngineError], None],
        channel: Channel,
    ) -> None:
        self.voice = voice
        self.chunks = chunks
        self.form = form
        self.playout = Playout(listener, channel)
        self._tell = tell
        self._failed = failed
        self._progress = asyncio.Event()  # set when a piece of audio is whole, or the voice failed
        self._tasks: dict[Utterance, asyncio.Task[None]] = {}

    def utter(
        self,
        *,
        said: Said | None,
        interruptible: bool = True,
        reply: bool = False,
        released: bool = True,
        marks: Marks | None = None,
    ) -> Utterance:
        """An utterance without words yet, last in the queue. `marks` receives the voice's own times."""
        utterance = Utterance(interruptible=interruptible, reply=reply, released=released, said=said)
        changed = asyncio.Event()
        utterance.changed = changed.set
        self.playout.put(utterance)
        task = asyncio.get_running_loop().create_task(self._speak(utterance, changed, marks))
        self._tasks[utterance] = task
        task.add_done_callback(lambda _: self._made(utterance))
        return utterance

    def add(self, utterance: Utterance, text: str, ready: Piece | None = None) -> None:
        utterance.add(ready or Piece(text))
        if utterance.said is not None:
            utterance.said.add(text)
        utterance.changed()

    def close_utterance(self, utterance: Utterance) -> None:
        utterance.close()
        utterance.changed()

    def say(
        self,
        text: str,
        *,
        said: Said | None,
        interruptible: bool = True,
        reply: bool = False,
        released: bool = True,
        ready: Piece | None = None,
        marks: Marks | None = None,
    ) -> Utterance:
        """A whole text, to be heard after what is queued. `ready`: its first piece, if that was made ahead;
        one with another text is not used."""
        utterance = self.utter(
            said=said, interruptible=interruptible, reply=reply, released=released, marks=marks
        )
        for piece in cut_into_pieces(text[:LONGEST_TEXT], self.chunks):
            self.add(utterance, piece, ready if ready is not None and ready.text == piece else None)
            ready = None
        self.close_utterance(utterance)
        return utterance

    def drop(self, utterance: Utterance) -> None:
        """Give up an utterance: no more audio is made for it."""
        self.playout.remove(utterance)
        task = self._tasks.get(utterance)
        if task is not None:
            task.cancel()
        utterance.end(played=False)

    def cut(self) -> tuple[Utterance | None, list[Utterance]]:
        """Silence at once: what was being said, if anything, and what was to follow (see Playout.cut)."""
        dropped = [waiting for waiting in self.playout.waiting() if waiting.interruptible]
        utterance = self.playout.cut()
        for each in [*dropped, *([utterance] if utterance else [])]:
            self.drop(each)
        return utterance, dropped

    def adopt(self, voice: Voice, chunks: ChunkPlan, form: FormatPlan) -> None:
        """Speak with another voice from the next piece on."""
        self.voice, self.chunks, self.form = voice, chunks, form

    async def first_piece(self, utterance: Utterance) -> None:
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

    def _made(self, utterance: Utterance) -> None:
        self._tasks.pop(utterance, None)
        self._progress.set()

    async def _speak(self, utterance: Utterance, changed: asyncio.Event, marks: Marks | None) -> None:
        made = 0
        try:
            while True:
                changed.clear()
                if made < len(utterance.pieces) and _unplayed(utterance, made) < AHEAD_BYTES:
                    await self._make(utterance.pieces[made], marks if made == 0 else None)
                    made += 1
                elif utterance.closed and made == len(utterance.pieces):
                    return
                else:
                    await changed.wait()
        except EngineError as error:
            self._silenced(utterance, error)
        except Exception:
            log.exception("the voice broke its contract")
            self._silenced(utterance, EngineError("voice", self.voice.provider, INTERNAL))

    def _silenced(self, utterance: Utterance, error: EngineError) -> None:
        """There will be no sound of it: it must not stand before what another voice has to say."""
        self.playout.remove(utterance)
        utterance.end(played=False)
        self._failed(error)

    async def _make(self, piece: Piece, marks: Marks | None) -> None:
        spoken = speakable(piece.text, self.form)
        if spoken:
            if marks is not None:
                marks.voice_asked = asyncio.get_running_loop().time()
            self._tell(VoiceInput(spoken))
            self._tell(VoiceUsed(len(spoken)))
            await (piece.maker or _sound(piece, spoken, self.voice, marks))
        piece.complete = True
        self._progress.set()


async def _sound(piece: Piece, spoken: str, voice: Voice, marks: Marks | None = None) -> None:
    """Raises EngineError."""
    async with closing(voice.speak(spoken)) as audio:
        while (part := await _next_audio(audio, voice.provider)) is not None:
            if marks is not None and marks.first_audio is None:
                marks.first_audio = asyncio.get_running_loop().time()
            piece.add(part)


async def _next_audio(audio: AsyncIterator[bytes], provider: str) -> bytes | None:
    try:
        return await next_within(audio, VOICE_PATIENCE)
    except TimeoutError:
        raise EngineError("voice", provider, f"no audio for {VOICE_PATIENCE:g} s") from None


def ahead(text: str, voice: Voice, chunks: ChunkPlan, form: FormatPlan) -> Piece | None:
    """The first piece of a text, with a task that makes its sound from now on; None if there is nothing to be
    heard of it. Whoever gets it cancels the task, or gives the piece to a mouth."""
    first = next(iter(cut_into_pieces(text[:LONGEST_TEXT], chunks)), "")
    spoken = speakable(first, form)
    if not spoken:
        return None
    piece = Piece(first)
    piece.maker = asyncio.get_running_loop().create_task(_sound(piece, spoken, voice))
    return piece


def _unplayed(utterance: Utterance, made: int) -> int:
    pieces = utterance.pieces
    return sum(pieces[at].size - pieces[at].played for at in range(utterance.playing, made))


@asynccontextmanager
async def closing(items: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close an iterator however it is left, if it can be closed: that is what cancels an engine's work."""
    try:
        yield items
    finally:
        aclose = getattr(items, "aclose", None)
        if aclose is not None:
            await aclose()


async def next_within(items: AsyncIterator[T], seconds: float) -> T | None:
    """The next item, None at the end. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        return await anext(items, None)
