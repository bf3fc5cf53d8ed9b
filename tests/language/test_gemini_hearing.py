"""Google's models as transcribers, against the fake that Google's own client accepts."""

from __future__ import annotations

import asyncio
import io
import wave
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google import genai
from google.genai import types

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import Transcriber
from offhook.speech.engine_request import Account
from tests.engines.making import assistant_with, registry_of
from tests.fakes.gemini import KEY, Fake, broken, forbidden, overloaded, served, too_many
from tests.machine import PATIENCE
from tests.speech.servers import outside
from tests.speech.test_custom_transcriber import Ears
from tests.speech.test_deepgram import final, speak

ASKED = "How late are you open?"


@asynccontextmanager
async def hearing(
    fake: Fake, settings: dict[str, Any] | None = None, key: str = KEY
) -> AsyncIterator[tuple[Transcriber, Ears]]:
    ears = Ears()
    async with served(fake) as server, outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        registry = registry_of(reach, google=Account(key, server.url))
        chosen = {"provider": "google"} | (settings or {})
        transcriber = await registry.transcriber(assistant_with(transcriber=chosen))
        await transcriber.start(ears.heard.put_nowait, ears.failed.put_nowait)
        try:
            yield transcriber, ears
        finally:
            await transcriber.close()


def sound_in(body: Mapping[str, Any]) -> tuple[str, float]:
    """What is asked, and seconds of its sound."""
    asked, sound = body["contents"][0]["parts"]
    with wave.open(io.BytesIO(b64decode(sound["inlineData"]["data"]))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        return asked["text"], file.getnframes() / 8000


async def test_each_phrase_is_answered_with_its_words() -> None:
    fake = Fake(text=ASKED)
    async with hearing(fake, {"language": "German"}) as (transcriber, ears):
        assert transcriber.segmented
        for _ in range(2):
            speak(transcriber)
            heard = await final(ears)
            assert heard.text == ASKED
    asked, seconds = sound_in(fake.asked[0])
    assert "in German" in asked
    assert seconds == pytest.approx(0.9, abs=0.021)  # with what came before and behind


async def test_a_long_phrase_is_asked_about_in_pieces() -> None:
    fake = Fake(text=ASKED)
    async with hearing(fake) as (transcriber, ears):
        speak(transcriber, seconds=13.0)
        assert (await ears.heard.get()).final is False
        assert (await final(ears)).text.count(ASKED) == 2
    assert len(fake.asked) == 2


async def test_what_the_model_declines_to_write_is_nothing() -> None:
    async with hearing(Fake(text="", reason="SAFETY", reasons=9)) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ""


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.5-pro", "gemini-3.5-flash"])
async def test_every_model_is_asked_as_it_can_be(model: str) -> None:
    async with hearing(Fake(text=ASKED), {"model": model}) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ASKED


@pytest.mark.parametrize(
    ("fake", "key"),
    [
        (Fake(), "a-wrong-key-0815"),
        (Fake(refusals=[forbidden()]), KEY),
        (Fake(refusals=[too_many(30)]), KEY),
        (Fake(refusals=[broken(), broken()]), KEY),
        (Fake(breaks=0), KEY),
    ],
)
async def test_a_failure_is_told_by_the_apis_name(fake: Fake, key: str) -> None:
    async with hearing(fake, key=key) as (transcriber, ears):
        speak(transcriber)
        error = await ears.failed.get()
    assert pipeline_error("google", error.suffix) == "pipeline-error-google-transcriber-failed"
    assert key not in str(error)


async def test_what_heals_in_a_moment_is_asked_once_more() -> None:
    async with hearing(Fake(text=ASKED, refusals=[overloaded()])) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ASKED


async def test_googles_client_sends_sound_to_the_fake_too() -> None:
    fake = Fake(text=ASKED)
    async with served(fake) as server:
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=server.url))
        sound = types.Part.from_bytes(data=b"RIFF", mime_type="audio/wav")
        answer = await client.aio.models.generate_content_stream(
            model="gemini-2.5-flash", contents=[types.Content(role="user", parts=[sound])]
        )
        assert "".join([one.text or "" async for one in answer]).strip() == ASKED
        await client.aio.aclose()
    sent = fake.asked[0]["contents"][0]["parts"][0]["inlineData"]
    assert "audio/wav" in sent.values()  # by either name of its type
