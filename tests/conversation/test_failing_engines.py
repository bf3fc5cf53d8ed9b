"""Engines of the owner's own that fail over the wire, each in its ways, in whole conversations on a real
loop: an apology and the reason, or the next engine of the fallback plan; never silence."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from websockets.asyncio.server import ServerConnection

from offhook.conversation import Conversation, Engines, ended_reason
from offhook.conversation.events import Event
from offhook.conversation.own_words import APOLOGY
from offhook.engines.fallback import FallbackTranscriber, FallbackVoice
from offhook.language.language_model import LanguageModel
from offhook.network.outside import Outside
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_protocols import EngineError, Transcriber, Voice
from offhook.speech.providers.custom_transcriber import RemoteTranscriber
from offhook.speech.providers.custom_voice import RemoteVoice
from offhook.speech.remote import Remote
from tests.conversation.stage import render
from tests.engines.making import model_of
from tests.language.test_openai import DONE, delta, stream
from tests.line import TestLine
from tests.scripted import (
    ScriptedModel,
    ScriptedTranscriber,
    ScriptedVoice,
    ScriptedWorld,
    SimulatedCaller,
    always,
)
from tests.speech.servers import Reply, Request, answer, http_server, in_pieces, never, outside
from tests.speech.test_custom_transcriber import Server, ws_server

T = TypeVar("T")
R = TypeVar("R")
FIRST = "Hello."
QUESTION = "When are you open?"
ANSWER = "From nine to five."
QUICK: dict[str, Any] = {"seconds_per_character": 0.004, "latency": 0.0}
PCM = bytes(3200)
LIMIT = 60.0


async def resets(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def no_http(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 smtp.example.org ESMTP\r\n")


@dataclass
class Talk:
    conversation: Conversation
    world: ScriptedWorld
    voice: ScriptedVoice
    emergency: ScriptedVoice
    caller: SimulatedCaller
    events: list[Event] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.conversation.transcript.to_text()

    async def ends(self) -> str:
        async with asyncio.timeout(LIMIT):
            while not self.world.ends:
                await asyncio.sleep(0.02)
        return self.world.ends[0][1]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not holds():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def talking(
    *,
    transcriber: Transcriber | None = None,
    model: LanguageModel | None = None,
    voice: Voice | None = None,
    heard_by: ScriptedTranscriber | None = None,
    ask: bool = True,
) -> AsyncIterator[Talk]:
    """The first message, then the caller's question. What is not given is scripted and works; `heard_by` gets
    the caller's words."""
    ears, own_voice, emergency = (
        heard_by or ScriptedTranscriber(),
        ScriptedVoice(**QUICK),
        ScriptedVoice(**QUICK),
    )
    world, events = ScriptedWorld(), list[Event]()
    engines = Engines(transcriber or ears, model or ScriptedModel([ANSWER]), voice or own_voice)
    line = TestLine()
    caller = SimulatedCaller(line, ears)
    conversation: Conversation | None = None
    try:
        conversation = await Conversation.start(
            assistant=Assistant.model_validate({"firstMessage": FIRST}),
            engines=always(engines),
            world=world,
            variables={},
            render=render,
            tell=events.append,
            rng=random.Random(1),
            channel=line.channel,
            emergency=emergency,
        )
        conversation.begin()
        caller.start()
        talk = Talk(conversation, world, own_voice, emergency, caller, events)
        await talk.until(lambda: FIRST in talk.text)
        if ask:
            await asyncio.sleep(0.3)
            await caller.says(QUESTION, 0.4)
        yield talk
    finally:
        await caller.stop()
        if conversation is not None:
            await conversation.close()


@asynccontextmanager
async def at(reply: Reply | None) -> AsyncIterator[tuple[Outside, str]]:
    """A server that answers so; None: nobody listens there."""
    async with AsyncExitStack() as stack:
        reach = await stack.enter_async_context(outside())
        if reply is None:
            async with http_server(never) as gone:
                pass
            yield reach, gone.url
        else:
            server = await stack.enter_async_context(http_server(reply))
            yield reach, server.url


async def all_of(case: Callable[[T], Awaitable[R]], given: Mapping[str, T]) -> dict[str, R]:
    """What comes of each, all at the same time."""
    return dict(zip(given, await asyncio.gather(*map(case, given.values())), strict=True))


# the voice

VOICES: dict[str, Reply | None] = {
    "refuses": answer(b'{"error": "quota"}', "429 Slow", "application/json"),
    "breaks": answer(b"oh", "500 Oh"),
    "JSON": answer(b'{"error": "quota"}'),
    "page": answer(b"<html>", kind="text/html"),
    "empty": answer(b""),
    "packed": answer(b"\x1f\x8b", content_encoding="gzip"),
    "elsewhere": answer(b"", "302 Found", location="http://127.0.0.1:1/"),
    "silent": never,
    "stops in the middle": in_pieces([PCM, PCM], end=False),
    "resets": resets,
    "no HTTP": no_http,
    "nobody there": None,
}


def fine_once(then: Reply) -> Reply:
    """The first message is spoken."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> None:
        fine = request.body["message"]["text"] == FIRST
        await (answer(PCM) if fine else then)(request, writer)

    return reply


def custom_voice(reach: Outside, url: str) -> RemoteVoice:
    return RemoteVoice(Remote(url, {}, 1.0), reach)


async def test_a_voice_that_fails_is_stood_in_for_by_an_apology() -> None:
    async def case(reply: Reply) -> tuple[str, str]:
        async with at(fine_once(reply)) as (reach, url), talking(voice=custom_voice(reach, url)) as talk:
            return await talk.ends(), " ".join(talk.emergency.spoken)

    replies = {name: reply for name, reply in VOICES.items() if reply is not None}
    assert await all_of(case, replies) == dict.fromkeys(
        replies, ("pipeline-error-custom-voice-failed", APOLOGY)
    )


async def test_a_voice_that_fails_is_followed_by_the_next() -> None:
    """One that fails in the middle of a sentence, too: the next goes on with it."""

    async def case(reply: Reply | None) -> str:
        async with at(None if reply is None else fine_once(reply)) as (reach, url):
            voice = FallbackVoice([custom_voice(reach, url), ScriptedVoice(**QUICK)])
            async with talking(voice=voice) as talk:
                await talk.until(lambda: ANSWER in talk.text or bool(talk.world.ends))
                return "answered" if not talk.world.ends else talk.world.ends[0][1]

    assert await all_of(case, VOICES) == dict.fromkeys(VOICES, "answered")


async def test_a_voice_that_is_not_there_keeps_the_assistant_from_starting() -> None:
    async with at(None) as (reach, url):
        with pytest.raises(EngineError) as caught:
            async with talking(voice=custom_voice(reach, url)):
                pass
    assert ended_reason(caught.value) == "pipeline-error-custom-voice-failed"


# the model

ERROR = json.dumps({"error": {"message": "because"}}).encode()
MODELS: dict[str, tuple[Reply | None, str]] = {
    "bad request": (answer(ERROR, "400 Bad", "application/json"), "400-bad-request-validation-failed"),
    "unauthorized": (answer(ERROR, "401 No", "application/json"), "401-unauthorized"),
    "quota": (answer(ERROR, "429 Slow", "application/json"), "429-exceeded-quota"),
    "breaks": (answer(b"oh", "500 Oh"), "500-server-error"),
    "overloaded": (answer(b"", "503 Busy"), "503-server-overloaded-error"),
    "page": (answer(b"<html>", kind="text/html"), "llm-failed"),
    "empty": (answer(b"", kind="text/event-stream"), "llm-failed"),
    "says nothing": (stream(DONE), "llm-failed"),
    "stops in the middle": (stream(delta(content="From nine"), end=False), "llm-failed"),
    "silent": (never, "llm-failed"),
    "falls silent": (stream(delta(content="From"), pause=30), "llm-failed"),
    "resets": (resets, "llm-failed"),
    "no HTTP": (no_http, "llm-failed"),
    "nobody there": (None, "llm-failed"),
}


async def test_a_model_that_fails_is_apologised_for() -> None:
    async def case(given: tuple[Reply | None, str]) -> tuple[str, bool]:
        async with at(given[0]) as (reach, url):
            settings = {"provider": "custom-llm", "url": url, "model": "mine", "timeoutSeconds": 1}
            async with talking(model=await model_of(reach, settings)) as talk:
                return await talk.ends(), APOLOGY in " ".join(talk.voice.spoken)

    assert await all_of(case, MODELS) == {
        name: (f"pipeline-error-custom-llm-{failure}", True) for name, (_, failure) in MODELS.items()
    }


# the transcriber


async def closes(server: Server, connection: ServerConnection) -> None:
    """At the first audio."""
    await connection.recv()
    await connection.recv()
    await connection.close()


async def overlong(server: Server, connection: ServerConnection) -> None:
    await connection.recv()
    await connection.recv()
    await connection.send("x" * 200_000)
    await connection.wait_closed()


async def garbles(server: Server, connection: ServerConnection) -> None:
    """Nothing that can be understood, then the caller's words, as soon as there is audio."""
    await connection.recv()
    for odd in ("", "{", "[]", b"\x00", '{"type": "transcriber-response"}', '{"type": "metadata"}'):
        await connection.send(odd)
    await asyncio.sleep(1)
    said = {"type": "transcriber-response", "transcription": QUESTION, "channel": "customer"}
    await connection.send(json.dumps(said))
    await connection.wait_closed()


Hears = Callable[[Server, ServerConnection], Any]


@pytest.mark.parametrize("behave", [closes, overlong])
async def test_a_transcriber_that_fails_is_apologised_for(behave: Hears) -> None:
    async with ws_server(behave) as server, outside() as reach:
        transcriber = RemoteTranscriber(Remote(server.url, {}, 1.0), reach)
        async with talking(transcriber=transcriber, ask=False) as talk:
            assert await talk.ends() == "pipeline-error-custom-transcriber-failed"
            assert APOLOGY in " ".join(talk.voice.spoken)


@pytest.mark.parametrize("behave", [closes, overlong])
async def test_a_transcriber_that_fails_is_followed_by_the_next(behave: Hears) -> None:
    follower = ScriptedTranscriber()
    async with ws_server(behave) as server, outside() as reach:
        first = RemoteTranscriber(Remote(server.url, {}, 1.0), reach)
        both = FallbackTranscriber([first, follower])
        async with talking(transcriber=both, heard_by=follower, ask=False) as talk:
            await talk.until(lambda: both.segmented)
            await talk.caller.says(QUESTION, 0.4)
            await talk.until(lambda: ANSWER in talk.text)
            assert talk.world.ends == []


async def test_a_transcriber_that_garbles_is_listened_to_all_the_same() -> None:
    async with ws_server(garbles) as server, outside() as reach:
        transcriber = RemoteTranscriber(Remote(server.url, {}, 1.0), reach)
        async with talking(transcriber=transcriber, ask=False) as talk:
            await talk.until(lambda: ANSWER in talk.text)


@pytest.mark.parametrize("reply", [None, never, no_http, answer(b"hello"), answer(b"", "403 No")])
async def test_a_transcriber_that_cannot_be_reached_keeps_the_assistant_from_starting(
    reply: Reply | None,
) -> None:
    async with at(reply) as (reach, url):
        transcriber = RemoteTranscriber(Remote(url.replace("http", "ws"), {}, 1.0), reach)
        with pytest.raises(EngineError) as caught:
            async with talking(transcriber=transcriber, ask=False):
                pass
    assert ended_reason(caught.value) == "pipeline-error-custom-transcriber-failed"
