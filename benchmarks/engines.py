"""Engines that take no time, so that what is measured is Offhook: words, answers and sound by script. Those
of an owner's own are what they are in a node."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Final

from pydantic import BaseModel

from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.engines.registry import EngineRegistry, OrgCredentials
from offhook.frames import SAMPLE_RATE
from offhook.language.language_model import (
    Finished,
    LanguageModel,
    Message,
    Reply,
    Text,
    ToolCall,
    ToolDefinition,
)
from offhook.network import AddressGuard
from offhook.network.outside import Outside
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_protocols import FailureSink, Transcriber, Transcript, TranscriptSink, Voice
from offhook.speech.engine_request import EngineNode
from offhook.speech.remote import CallContext
from offhook.speech.sentence_voice import SentenceVoice
from offhook.speech.workers import Workers

QUESTION: Final = "What are your opening hours?"
ANSWER: Final = "We are open from nine to five on weekdays, and on Saturdays from ten to two."
SECONDS_PER_CHARACTER: Final = 0.06
VOICE_SECONDS: Final = "voiceSeconds"
_BLOCK_SECONDS: Final = 30


def _sound() -> bytes:
    """Noise at a tenth of full scale: no two frames alike, all of them to be encoded."""
    rng = random.Random(7)
    samples = (rng.randrange(-3276, 3277) for _ in range(_BLOCK_SECONDS * SAMPLE_RATE))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


class InstantTranscriber:
    """Understands the question as soon as the caller's speech has ended."""

    provider = "scripted"
    segmented = True
    turn_patience = None

    def __init__(self) -> None:
        self._hear: TranscriptSink | None = None

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        self._hear = on_transcript

    def push(self, heard: bytes, said: bytes) -> None: ...

    def speech_started(self) -> None: ...

    def speech_stopped(self) -> None:
        asyncio.get_running_loop().call_soon(self._answer)

    def _answer(self) -> None:
        if self._hear is not None:
            self._hear(Transcript(QUESTION, True, 0.0))

    async def close(self) -> None:
        self._hear = None


class InstantModel:
    """Knows one answer; with a tool to hand over it then does so."""

    provider = "scripted"
    name = "scripted"
    generative = True

    async def start(self) -> None: ...

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        yield Text(ANSWER)
        handoffs = [tool.name for tool in tools if tool.name.startswith("handoff")]
        if handoffs:
            yield ToolCall("call_1", handoffs[0], {})
        yield Finished("tool_calls" if handoffs else "stop", 10, 20)

    async def close(self) -> None: ...


class InstantVoice(SentenceVoice):
    """Has the sound of each text ready, as a voice whose cache is warm, or has it after `latency` seconds."""

    provider = "scripted"

    def __init__(self, sound: bytes, latency: float = 0.0) -> None:
        self._sound = sound
        self._latency = latency

    async def start(self) -> None: ...

    async def say(self, text: str) -> AsyncIterator[bytes]:
        if self._latency:
            await asyncio.sleep(self._latency)
        yield self._sound[: int(len(text) * SECONDS_PER_CHARACTER * SAMPLE_RATE) * 2]

    async def close(self) -> None: ...


class ScriptedEngines:
    """For `running_node(engines=...)`: the same three for every assistant, but for a transcriber, voice or
    model of its owner's own, and the local model; its metadata may say how many VOICE_SECONDS its voice
    takes."""

    def __init__(self) -> None:
        self._sound = _sound()
        outside = Outside(AddressGuard(allow_private=True))
        self._registry = EngineRegistry(EngineNode(Workers(1), outside))

    def __call__(self, context: CallContext, credentials: OrgCredentials, org: str) -> EngineFactory:
        async def of(assistant: Assistant) -> Engines:
            return Engines(
                await self._transcriber(assistant),
                await self._model(assistant, context),
                await self._voice(assistant, context),
            )

        return of

    async def _transcriber(self, assistant: Assistant) -> Transcriber:
        if _provider(assistant.transcriber) != "custom-transcriber":
            return InstantTranscriber()
        return await self._registry.transcriber(assistant)

    async def _model(self, assistant: Assistant, context: CallContext) -> LanguageModel:
        if _provider(assistant.model) not in ("custom-llm", "vapi"):
            return InstantModel()
        return await self._registry.model(assistant, context=context)

    async def _voice(self, assistant: Assistant, context: CallContext) -> Voice:
        if _provider(assistant.voice) == "custom-voice":
            return await self._registry.voice(assistant, context=context)
        latency = (assistant.metadata or {}).get(VOICE_SECONDS)
        return InstantVoice(self._sound, latency if isinstance(latency, float) else 0.0)


def _provider(engine: BaseModel | None) -> object:
    return getattr(engine, "provider", None)
