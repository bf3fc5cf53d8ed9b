"""Engines and a caller that do what a script says, on whatever loop they run."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.conversation.events import Named, ToolOutcome
from offhook.frames import FRAME_BYTES, FRAME_SECONDS, SAMPLE_RATE
from offhook.language.language_model import (
    Finished,
    Message,
    ModelError,
    Reply,
    Text,
    ToolCall,
    ToolDefinition,
)
from offhook.schema.base import document
from offhook.schema.server import Server
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.handoff import HandoffDestinationDynamic, Successors
from offhook.schema.tools.tool import AnyTool
from offhook.speech.engine_protocols import EngineError, FailureSink, Transcript, TranscriptSink
from offhook.speech.sentence_voice import SentenceVoice
from tests.line import TestLine

LOUD = b"\x10\x20" * (FRAME_BYTES // 2)
SILENCE = bytes(FRAME_BYTES)
FADED = bytes(FRAME_BYTES // 3)
"""How a frame ends in which sound dies away."""


class ScriptedTranscriber:
    turn_patience: float | None = None

    """Hears the texts in `words`, one for each speech, `latency` seconds after its end."""

    def __init__(
        self,
        *,
        segmented: bool = True,
        latency: float = 0.07,
        failure: EngineError | None = None,
        provider: str = "scripted",
    ) -> None:
        self.provider = provider
        self.segmented = segmented
        self.latency = latency
        self.failure = failure
        self.words: deque[str] = deque()
        self.deaf = False
        self.pushed = 0
        self.closed = False
        self._on_transcript: TranscriptSink | None = None
        self._on_failure: FailureSink | None = None

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        if self.failure is not None:
            raise self.failure
        self._on_transcript, self._on_failure = on_transcript, on_failure

    def push(self, heard: bytes, said: bytes) -> None:
        self.pushed += 1

    def speech_started(self) -> None: ...

    def speech_stopped(self) -> None:
        if self.segmented and not self.deaf:
            text = self.words.popleft() if self.words else ""
            answer = Transcript(text, True, self.latency)
            asyncio.get_running_loop().call_later(self.latency, self.give, answer)

    def give(self, transcript: Transcript) -> None:
        if self._on_transcript is not None and not self.closed:
            self._on_transcript(transcript)

    def fail(self, error: EngineError) -> None:
        assert self._on_failure is not None
        self._on_failure(error)

    async def close(self) -> None:
        self.closed = True


class ScriptedVoice(SentenceVoice):
    """`seconds_per_character` of sound for each text, the first of it after `latency` seconds."""

    def __init__(
        self,
        *,
        seconds_per_character: float = 0.06,
        latency: float = 0.03,
        failure: EngineError | None = None,
        fails_at: str | None = None,
        provider: str = "scripted",
    ) -> None:
        self.provider = provider
        self.seconds_per_character = seconds_per_character
        self.latency = latency
        self.failure = failure
        self.fails_at = fails_at
        self.spoken: list[str] = []
        self.speaking = 0
        self.closed = False

    async def start(self) -> None:
        if self.failure is not None and self.fails_at is None:
            raise self.failure

    async def say(self, text: str) -> AsyncIterator[bytes]:
        self.spoken.append(text)
        self.speaking += 1
        try:
            if self.fails_at is not None and self.fails_at in text:
                raise self.failure or EngineError("voice", self.provider, "scripted to fail")
            await asyncio.sleep(self.latency)
            size = int(len(text) * self.seconds_per_character * SAMPLE_RATE) * 2
            sound = b"\x22\x11" * (size // 2)
            for start in range(0, size, 1600):
                yield sound[start : start + 1600]
        finally:
            self.speaking -= 1

    async def close(self) -> None:
        self.closed = True


Script = str | Sequence[Reply | float | Exception] | Exception
"""A whole answer, or its parts: outputs, pauses in seconds, an error to raise."""


async def given(engines: Engines) -> Engines:
    return engines


def always(engines: Engines) -> EngineFactory:
    """The same for every assistant."""
    return lambda _: given(engines)


class ScriptedModel:
    """Answers by `answers` in their order, or by a function of what it is shown. The first output comes after
    `latency` seconds, further words every `per_token`."""

    def __init__(
        self,
        answers: Sequence[Script] | Callable[[Sequence[Message]], Script],
        *,
        latency: float = 0.05,
        per_token: float = 0.01,
        provider: str = "scripted",
        failure: ModelError | None = None,
    ) -> None:
        self.provider = provider
        self.name = "scripted"
        self.generative = True
        self.latency = latency
        self.per_token = per_token
        self.failure = failure
        self.requests: list[list[Message]] = []
        self.tools: list[Sequence[ToolDefinition]] = []
        self.running = 0
        self.closed = False
        self._answers = answers

    async def start(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        shown = [message.copy() for message in messages]
        self.requests.append(shown)
        self.tools.append(tools)
        script = self._next(shown)
        self.running += 1
        try:
            await asyncio.sleep(self.latency)
            called = False
            for part in self._parts(script):
                if isinstance(part, Exception):
                    raise part
                if isinstance(part, float):
                    await asyncio.sleep(part)
                    continue
                called = called or isinstance(part, ToolCall)
                yield part
                await asyncio.sleep(self.per_token)
            yield Finished("tool_calls" if called else "stop", 10, 5)
        finally:
            self.running -= 1

    def _next(self, shown: Sequence[Message]) -> Script:
        if callable(self._answers):
            return self._answers(shown)
        return self._answers[min(len(self.requests), len(self._answers)) - 1]

    @staticmethod
    def _parts(script: Script) -> Sequence[Reply | float | Exception]:
        if isinstance(script, Exception):
            return [script]
        if isinstance(script, str):
            words = script.split(" ")
            return [Text(word if index == 0 else f" {word}") for index, word in enumerate(words)]
        return script

    async def close(self) -> None:
        self.closed = True


@dataclass
class ScriptedWorld:
    """Keeps what it was asked. `outcomes`: a tool's name to what it gives back, after how many seconds."""

    outcomes: dict[str, tuple[float, ToolOutcome]] = field(default_factory=dict)
    assistants: dict[str, Any] = field(default_factory=dict)
    named: Named = field(default_factory=Named)
    asked: list[tuple[Mapping[str, Any], ToolCall]] = field(default_factory=list)
    ran: list[ToolCall] = field(default_factory=list)
    transfers: list[Mapping[str, Any]] = field(default_factory=list)
    ends: list[tuple[float, str]] = field(default_factory=list)
    judgement: tuple[float, float | Exception | None] = (0.0, None)
    judged: list[Mapping[str, Any] | None] = field(default_factory=list)

    async def run_tool(self, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        self.ran.append(call)
        seconds, outcome = self.outcomes.get(call.name, (0.0, ToolOutcome(result="done")))
        await asyncio.sleep(seconds)
        return outcome

    async def transfer_destination(self, tool: AnyTool, call: ToolCall) -> Named:
        return self.named

    async def handoff_destination(
        self, tool: AnyTool, destination: HandoffDestinationDynamic, call: ToolCall
    ) -> Named:
        self.asked.append((document(destination), call))
        return self.named

    async def endpointing(self, server: Server | None) -> float | None:
        self.judged.append(None if server is None else document(server))
        seconds, answer = self.judgement
        await asyncio.sleep(seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def transfer(self, destination: CallDestination) -> None:
        self.transfers.append(document(destination))

    async def assistant_for(self, destination: Successors) -> Any:
        return self.assistants.get(str(getattr(destination, "assistant_name", None)))

    def end(self, ended_reason: str) -> None:
        self.ends.append((asyncio.get_running_loop().time(), ended_reason))


class SimulatedCaller:
    """The far end of the line: 20 ms ticks with perfect voice activity. `played`: the times at which the
    assistant was heard; `faded`: those of frames in which it dies away."""

    def __init__(self, line: TestLine, transcriber: ScriptedTranscriber) -> None:
        self._line = line
        self.transcriber = transcriber
        self.played: list[float] = []
        self.faded: list[float] = []
        self.after_tick: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._speaks_until = -1.0
        self._samples = 0
        self._ticking: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._ticking = self._loop.create_task(self._tick_on())

    async def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)

    @property
    def speaking(self) -> bool:
        return self._loop.time() < self._speaks_until

    def begin(self, text: str, seconds: float) -> None:
        """Make sound from now on for `seconds`, understood as `text`."""
        self.transcriber.words.append(text)
        self._speaks_until = self._loop.time() + seconds

    async def says(self, text: str, seconds: float | None = None) -> None:
        """Speak, to the end of it."""
        length = max(len(text) * 0.06, 0.3) if seconds is None else seconds
        self.begin(text, length)
        await asyncio.sleep(length)

    async def hears(self, limit: float = 30.0) -> None:
        """Wait until the assistant is heard."""
        count = len(self.played)
        await self._until(lambda: len(self.played) > count, limit)

    async def hears_the_end(self, limit: float = 60.0, pause: float = 0.5) -> None:
        """Wait until the assistant was heard and then silent for `pause` seconds."""
        if not self.played or self.played[-1] < self._loop.time() - 2 * FRAME_SECONDS:
            await self.hears(limit)
        await self._until(lambda: self._loop.time() - self.played[-1] > pause, limit)

    async def _until(self, holds: Callable[[], bool], limit: float) -> None:
        async with asyncio.timeout(limit):
            while not holds():
                await asyncio.sleep(FRAME_SECONDS)

    async def _tick_on(self) -> None:
        due = self._loop.time()
        while True:
            self.tick()
            due += FRAME_SECONDS
            await asyncio.sleep(max(due - self._loop.time(), 0))

    def tick(self) -> None:
        frame = self._line.tick(LOUD if self.speaking else SILENCE)
        if frame is not None:
            assert len(frame) == FRAME_BYTES
            dies_away = frame.endswith(FADED)
            (self.faded if dies_away else self.played).append(self._loop.time())
        self._samples += FRAME_BYTES // 2
        while self._samples >= 256:
            self._samples -= 256
            self._line.judge(0.95 if self.speaking else 0.02)
        self.after_tick()
