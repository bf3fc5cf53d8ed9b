"""One conversation: a caller with sound, voice activity and the local transcriber as in a node, the clock
virtual. The model and the voice are scripted."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Final, cast

from tests.scripted import Script, ScriptedModel, ScriptedVoice, ScriptedWorld, given

from benchmarks.ear import clips
from benchmarks.ear.surroundings import Surroundings
from offhook.conversation import Conversation, Engines
from offhook.conversation.events import Event
from offhook.frames import FRAME_BYTES, FRAME_SECONDS, SILENCE
from offhook.media import media_events
from offhook.media.channel import Channel
from offhook.media.echo.canceller import EchoCanceller
from offhook.media.media_commands import CloseTalk, Command
from offhook.media.talk import Talk
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.activity import VoiceActivity
from offhook.speech.engine_protocols import Voice
from offhook.speech.providers.local import LocalTranscriber
from offhook.speech.sentence_voice import SentenceVoice
from offhook.speech.workers import Workers

HEARING_SECONDS: Final = (0.03, 0.03)
"""What the local transcriber takes on an idle core: so much, and so much for each second of sound."""
_QUIET: Final = bytes([4, 0, 252, 255] * (FRAME_BYTES // 4))
"""A line on which nobody speaks."""


class _Hearing:
    """A worker's job, done here and answered when a worker would have."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._due = asyncio.get_running_loop().time() + self._takes()
        self._given = False

    def _takes(self) -> float:
        first, each = HEARING_SECONDS
        return first + each * clips.seconds(self._pcm)

    def __aiter__(self) -> _Hearing:
        return self

    async def __anext__(self) -> SimpleNamespace:
        if self._given:
            raise StopAsyncIteration
        await asyncio.sleep(max(self._due - asyncio.get_running_loop().time(), 0.0))
        self._given = True
        return SimpleNamespace(head={"text": clips.heard(self._pcm)})

    def cancel(self) -> None: ...


class _Workers:
    def submit(self, kind: str, head: Mapping[str, Any], blob: bytes, owner: object) -> _Hearing:
        return _Hearing(blob)


@functools.cache
def activity() -> VoiceActivity:
    return VoiceActivity()


class EarCall:
    """`played`: the moments at which the assistant was heard."""

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self._surroundings = surroundings
        self._echo = EchoCanceller()
        self.events: list[Event] = []
        self.played: list[float] = []
        self.conversation: Conversation
        self.model: ScriptedModel
        self.world = ScriptedWorld()
        self._loop = asyncio.get_running_loop()
        self._media: list[media_events.Event] = []
        self._talk = Talk(1, self._media.append, self._media.append, activity(), self._loop.time, self._echo)
        self.channel = Channel(1, "ear", self._do)
        self._sound = bytearray()
        self._ticking: asyncio.Task[None] | None = None

    def _do(self, command: Command) -> None:
        if isinstance(command, CloseTalk):
            self._talk.close()
        else:
            self._talk.apply(command)

    async def says(self, pcm: bytes) -> float:
        """Speak to the end of it; when the voice in it ended."""
        self._sound += pcm
        began = self._loop.time()
        await asyncio.sleep(clips.seconds(pcm))
        return began + clips.voice_ends(pcm)

    async def pauses(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def hears_the_end(self, pause: float = 0.6, limit: float = 30.0) -> None:
        """Wait until the assistant was heard from now on, and is silent."""
        known = len(self.played)
        async with asyncio.timeout(limit):
            while len(self.played) == known or self._loop.time() - self.played[-1] < pause:
                await asyncio.sleep(FRAME_SECONDS)

    @property
    def now(self) -> float:
        return self._loop.time()

    def heard_between(self, start: float, end: float) -> bool:
        return any(start <= at < end for at in self.played)

    def first_heard(self, after: float) -> float | None:
        return next((at for at in self.played if at >= after), None)

    @property
    def lines(self) -> list[str]:
        return self.conversation.transcript.to_text().splitlines()

    def start(self) -> None:
        self._ticking = self._loop.create_task(self._tick_on())

    async def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)

    async def _tick_on(self) -> None:
        due = self._loop.time()
        while True:
            self._tick()
            due += FRAME_SECONDS
            await asyncio.sleep(max(due - self._loop.time(), 0))

    def _tick(self) -> None:
        said = self._talk.next_frame()
        if said is not None:
            self.played.append(self._loop.time())
        heard = bytes(self._sound[:FRAME_BYTES]) or _QUIET
        del self._sound[:FRAME_BYTES]
        if self._surroundings is not None:
            heard = self._surroundings.picks_up(heard, said or SILENCE)
        self._talk.exchanged(heard, said or SILENCE)
        self._echo.run()
        activity().run()
        self.channel.at = self._loop.time()
        events = self._media[:]
        self._media.clear()
        for event in events:
            self.channel.take(event)


class Mouth(SentenceVoice):
    """The local voice, each sentence as it was made once."""

    provider = "vapi"

    async def start(self) -> None: ...

    async def say(self, text: str) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.15)
        yield clips.loud(clips.spoken(text, "low"), -18.0)

    async def close(self) -> None: ...


@asynccontextmanager
async def calling(
    answers: Sequence[Script],
    *,
    assistant: Mapping[str, Any] | None = None,
    answer_seconds: float = 0.05,
    voice_seconds: float = 0.15,
    voice: Voice | None = None,
    surroundings: Surroundings | None = None,
) -> AsyncIterator[EarCall]:
    call = EarCall(surroundings)
    call.model = ScriptedModel(answers, latency=answer_seconds, per_token=0.005)
    transcriber = LocalTranscriber(cast(Workers, _Workers()))
    engines = Engines(transcriber, call.model, voice or ScriptedVoice(latency=voice_seconds))
    settings = Assistant.model_validate(dict(assistant or {}))
    conversation = call.conversation = await Conversation.start(
        assistant=settings,
        engines=lambda _: given(engines),
        world=call.world,
        variables={},
        render=lambda text, variables: text,
        tell=call.events.append,
        rng=random.Random(7),
        channel=call.channel,
        call_id="ear",
    )
    try:
        conversation.begin()
        call.start()
        yield call
    finally:
        await call.stop()
        await conversation.close()
