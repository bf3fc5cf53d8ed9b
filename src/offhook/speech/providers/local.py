"""The platform's own engines (provider `vapi`): they run on this machine, in the worker processes.

`LocalTranscriber` works on whole phrases, `LocalVoice` on sentences.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from offhook.frames import SILENCE
from offhook.schema.assistants.transcriber import VapiTranscriber
from offhook.schema.assistants.voice import VapiVoice
from offhook.speech.engine_protocols import (
    EngineError,
    FailureSink,
    Transcriber,
    Transcript,
    TranscriptSink,
    Voice,
)
from offhook.speech.engine_request import EngineRequest
from offhook.speech.jobs import Job, WorkerFailed
from offhook.speech.joined import joined, without_loops
from offhook.speech.phrase import Phrase, Piece
from offhook.speech.sentence_voice import SentenceVoice
from offhook.speech.workers import Workers

log = logging.getLogger(__name__)

PROVIDER = "vapi"
LONGEST_TEXT = 5000

_LEAD_FRAMES = 15  # 300 ms: what was said before the voice activity decision
_MOST_WAITING = 64
_LOOK_FRAMES = (5, 13, 22, 32, 45, 60, 80, 110)
"""So long after `speech_started` a phrase that is said over the assistant is looked at."""

_SPELL = re.compile(r"<spell>([^<>]{0,200})</spell>")
_BREAK = re.compile(r"\s*<break\b[^<>]{0,100}>\s*")
_TAG = re.compile(r"<{1,2}[^<>\s][^<>]{0,100}>{1,2}")


@dataclass(slots=True)
class _Asked:
    """A piece of a phrase on its way through a worker. The last piece of a phrase ends it."""

    job: Job
    pcm: bytes
    last: bool
    at: float


class LocalTranscriber:
    """Moonshine in the workers.

    A phrase is what is heard from 300 ms before `speech_started` to `speech_stopped`. A long one goes to the
    workers in pieces while it is still being said, so that the answer to `speech_stopped` waits only for the
    last; what the pieces said so far is told as partials. Phrases keep their order, whichever worker is
    quicker.

    What is said over the assistant is looked at from its first 0.2 s on, now and again, and told as partials:
    it is to be known at once whether that interrupts.
    """

    provider = PROVIDER
    segmented = True
    turn_patience = None

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._lead: deque[bytes] = deque(maxlen=_LEAD_FRAMES)
        self._phrase: Phrase | None = None
        self._frames = 0  # of this phrase since `speech_started`
        self._over = False  # the assistant was heard in it
        self._look: asyncio.Task[None] | None = None
        self._asked: asyncio.Queue[_Asked] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._on_transcript: TranscriptSink | None = None
        self._on_failure: FailureSink | None = None

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._task = asyncio.create_task(self._answer())
        self._task.add_done_callback(self._ended)

    def push(self, heard: bytes, said: bytes) -> None:
        if self._phrase is None:
            self._lead.append(heard)
            return
        piece = self._phrase.add(heard)
        if piece is not None:
            self._ask(piece, last=False)
        self._frames += 1
        self._over = self._over or said != SILENCE
        if self._over and self._frames in _LOOK_FRAMES and self._look is None:
            self._look = asyncio.get_running_loop().create_task(self._look_at(self._phrase))

    def speech_started(self) -> None:
        if self._phrase is None:
            self._phrase, self._frames, self._over = Phrase(), 0, False
            for frame in self._lead:
                self._phrase.add(frame)
            self._lead.clear()

    def speech_stopped(self) -> None:
        phrase, self._phrase = self._phrase, None
        self._look_no_more()
        self._ask(phrase.end() if phrase is not None else b"", last=True)

    async def close(self) -> None:
        self._phrase = None
        self._look_no_more()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        while not self._asked.empty():
            self._asked.get_nowait().job.cancel()

    def _look_no_more(self) -> None:
        look, self._look = self._look, None
        if look is not None:
            look.cancel()

    async def _look_at(self, phrase: Phrase) -> None:
        """What is not known in time is of no use, and no failure of the transcriber's."""
        try:
            text = await self._words(self._workers.submit("transcribe", {}, phrase.end(), owner=self))
        except WorkerFailed:
            text = ""
        if self._phrase is phrase:
            self._look = None
            if text and self._on_transcript is not None:
                self._on_transcript(Transcript(text, final=False))

    def _ask(self, piece: Piece, *, last: bool) -> None:
        if self._task is None or self._task.done():
            return
        if self._asked.qsize() >= _MOST_WAITING:
            self._fail(WorkerFailed("overloaded: answers are too far behind"))
            return
        job = self._workers.submit("transcribe", {}, piece, owner=self)
        self._asked.put_nowait(_Asked(job, piece, last, asyncio.get_running_loop().time()))

    async def _answer(self) -> None:
        assert self._on_transcript is not None
        texts: list[str] = []
        while True:
            asked = await self._asked.get()
            try:
                text = await self._text(asked)
            except WorkerFailed as error:
                self._fail(error)
                return
            if text:
                texts.append(text)
            if asked.last:
                seconds = asyncio.get_running_loop().time() - asked.at
                self._on_transcript(Transcript(joined(*texts), final=True, seconds=seconds))
                texts.clear()
            elif text:
                self._on_transcript(Transcript(joined(*texts), final=False))

    async def _text(self, asked: _Asked) -> str:
        """A worker that died under the piece is no reason to lose it: it is asked for once more."""
        try:
            return await self._words(asked.job)
        except WorkerFailed as error:
            if not error.retry:
                raise
        return await self._words(self._workers.submit("transcribe", {}, asked.pcm, owner=self))

    async def _words(self, job: Job) -> str:
        try:
            async for reply in job:
                return without_loops(str(reply.head.get("text", "")))
            return ""
        finally:
            job.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the local transcriber stopped", exc_info=error)
            self._fail(WorkerFailed("it stopped working"))

    def _fail(self, error: WorkerFailed) -> None:
        on_failure, self._on_failure = self._on_failure, None
        if on_failure is not None:  # it is told once
            on_failure(EngineError("transcriber", PROVIDER, error.words))


class SpeechCache:
    """Sentences said before, by text, voice and speed; the least recently used go first. One per node."""

    __slots__ = ("_bytes", "_limit", "_speech")

    Key = tuple[str, str, float]

    def __init__(self, limit_bytes: int = 32 * 1024 * 1024) -> None:
        self._speech: OrderedDict[SpeechCache.Key, bytes] = OrderedDict()
        self._limit = limit_bytes
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes of audio held."""
        return self._bytes

    def get(self, key: Key) -> bytes | None:
        pcm = self._speech.get(key)
        if pcm is not None:
            self._speech.move_to_end(key)
        return pcm

    def put(self, key: Key, pcm: bytes) -> None:
        if key in self._speech or len(pcm) > self._limit // 16:
            return
        self._speech[key] = pcm
        self._bytes += len(pcm)
        while self._bytes > self._limit:
            _, oldest = self._speech.popitem(last=False)
            self._bytes -= len(oldest)


def plain(text: str) -> str:
    """Text without the tags that the API lets through to voices: `<spell>` is followed, a `<break>` becomes a
    comma, others say nothing to this voice."""
    text = _SPELL.sub(lambda found: " ".join(found[1].replace(" ", "")), text)
    return _TAG.sub("", _BREAK.sub(", ", text))


class LocalVoice(SentenceVoice):
    """Hibari in the workers. `speed` 0.25 to 2, 1 is the voice's own pace; `cache` None: nothing is kept."""

    provider = PROVIDER

    def __init__(
        self, workers: Workers, name: str = "", speed: float = 1.0, cache: SpeechCache | None = None
    ) -> None:
        self._workers = workers
        self._name = name
        self._speed = min(max(speed, 0.25), 2.0)
        self._cache = cache

    async def start(self) -> None:
        """Nothing to do: the workers are warm."""

    async def say(self, text: str) -> AsyncIterator[bytes]:
        """One piece of audio per sentence. Text without anything to say gives no audio."""
        if len(text) > LONGEST_TEXT:
            raise EngineError("voice", PROVIDER, f"a text of {len(text)} characters")
        text = plain(text)
        key = (text, self._name, self._speed)
        cached = self._cache.get(key) if self._cache is not None else None
        if cached is not None:
            yield cached
            return
        said = bytearray()
        async with aclosing(self._synthesise(text)) as pieces:
            async for piece in pieces:
                if self._cache is not None:
                    said += piece
                yield piece
        if self._cache is not None:
            self._cache.put(key, bytes(said))

    async def close(self) -> None:
        """Nothing to give back: a `speak` under way ends with its iterator."""

    async def _synthesise(self, text: str) -> AsyncGenerator[bytes, None]:
        said = False
        for attempt in range(2):
            job = self._workers.submit(
                "speak", {"text": text, "voice": self._name, "speed": self._speed}, b"", owner=self
            )
            try:
                async for reply in job:
                    said = True
                    yield reply.blob
                return
            except WorkerFailed as error:
                if said or attempt or not error.retry:
                    raise EngineError("voice", PROVIDER, error.words) from None
            finally:
                job.cancel()


async def transcriber(request: EngineRequest[VapiTranscriber]) -> Transcriber:
    asked = request.settings.language or next(iter(request.settings.languages or ()), "en")
    if not asked.lower().startswith("en"):
        log.warning("the local transcriber hears English only, not %.20r", asked)
    return LocalTranscriber(request.node.workers)


async def voice(request: EngineRequest[VapiVoice]) -> Voice:
    settings, node = request.settings, request.node
    if settings.language and not settings.language.lower().startswith("en"):
        log.warning("the local voice speaks English only, not %.20r", settings.language)
    cache = None if settings.caching_enabled is False else node.shared(SpeechCache, SpeechCache)
    return LocalVoice(node.workers, settings.voice_id, settings.speed or 1.0, cache)
