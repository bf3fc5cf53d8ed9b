"""Our own client against the fake that Cartesia's accepts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError, Transcriber, Transcript
from offhook.speech.engine_request import Account
from tests.engines.making import assistant_with, registry_of
from tests.fakes.ink import KEY, Fake, served
from tests.machine import PATIENCE
from tests.speech.servers import outside
from tests.speech.test_custom_transcriber import Ears
from tests.speech.test_deepgram import final, speak

ASKED = "How late are you open?"


@asynccontextmanager
async def hearing(
    fake: Fake, settings: dict[str, Any] | None = None
) -> AsyncIterator[tuple[Transcriber, Ears]]:
    ears = Ears()
    async with served(fake), outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        registry = registry_of(reach, cartesia=Account(KEY, fake.url))
        chosen = {"provider": "cartesia"} | (settings or {})
        transcriber = await registry.transcriber(assistant_with(transcriber=chosen))
        await transcriber.start(ears.heard.put_nowait, ears.failed.put_nowait)
        try:
            yield transcriber, ears
        finally:
            await transcriber.close()


async def test_a_turn_may_end_and_ends() -> None:
    async with hearing(Fake([ASKED])) as (transcriber, ears):
        assert transcriber.turn_patience == 6.6
        speak(transcriber)
        turns: list[Transcript] = []
        while not turns or not turns[-1].final:
            turns.append(await ears.heard.get())
    assert [(one.text, one.turn) for one in turns[-2:]] == [(ASKED, "may-end"), (ASKED, "ended")]


async def test_words_are_asked_for_behind_each_speech() -> None:
    fake = Fake([ASKED, "Thanks."])
    async with hearing(fake, {"model": "ink-whisper", "language": "de"}) as (transcriber, ears):
        assert transcriber.turn_patience is None
        for text in (ASKED, "Thanks."):
            speak(transcriber)
            assert (await final(ears)).text == text
        await transcriber.close()
        while "close" not in fake.commands:
            await asyncio.sleep(0)
    assert fake.commands == ["finalize", "finalize", "close"]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "/stt/turns/websocket?model=ink-2&"),
        ({"language": "en"}, "/stt/turns/websocket?model=ink-2&"),
        ({"language": "fr"}, "/stt/websocket?model=ink-whisper&"),
        ({"model": "ink-whisper"}, "/stt/websocket?model=ink-whisper&"),
    ],
)
async def test_each_model_has_its_door(settings: dict[str, str], path: str) -> None:
    fake = Fake()
    async with hearing(fake, settings):
        pass
    assert fake.paths[0].startswith(path)
    assert ("language=" in fake.paths[0]) == ("whisper" in path)


async def test_a_refused_key_is_told() -> None:
    with pytest.raises(EngineError, match="401") as raised:
        async with hearing(Fake(refusals=[401])):
            pass
    reason = pipeline_error("cartesia", raised.value.suffix)
    assert reason == "pipeline-error-cartesia-transcriber-failed"


@pytest.mark.parametrize("fake", [Fake(told=[402]), Fake([ASKED] * 9, garbage="{")])
async def test_what_will_not_be_better_is_not_tried_again(fake: Fake) -> None:
    async with hearing(fake) as (transcriber, ears):
        for _ in range(4):
            speak(transcriber)
        await ears.failed.get()
    assert fake.connections == 1


async def test_what_was_asked_for_is_asked_for_again_with_the_sound() -> None:
    """The connection breaks between the request and its answer."""

    class Breaks(Fake):
        async def _send(self, connection: ServerConnection, **message: Any) -> None:
            if self.connections == 1:
                await connection.close(1011)
            await super()._send(connection, **message)

    fake = Breaks([ASKED] * 2)
    async with hearing(fake, {"model": "ink-whisper"}) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ASKED
    assert fake.commands[:2] == ["finalize"] * 2


async def test_what_may_be_better_is_tried_again() -> None:
    async with hearing(Fake([ASKED], told=[503])) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ASKED
