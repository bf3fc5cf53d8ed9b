"""The vendors' own clients against the fake: what they take for them, ours may be tested with."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment

from tests.fakes.http_voices import DEEPGRAM_KEY, OPENAI_KEY, SECONDS, Fake, Refusal, served, sound

# The SDK still names what the library calls old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def of_deepgram(fake: Fake, key: str = DEEPGRAM_KEY, model: Any = "aura-2-thalia-en") -> bytes:
    async with served(fake) as server:
        where = DeepgramClientEnvironment(
            base=server.url, production=server.url, agent=server.url, agent_rest=server.url
        )

        def speak() -> bytes:
            client = DeepgramClient(api_key=key, environment=where)
            options: Any = {"max_retries": 0}
            pieces = client.speak.v1.audio.generate(
                text="Hello.", model=model, encoding="linear16", sample_rate=8000, container="none",
                request_options=options,
            )  # fmt: skip
            return b"".join(pieces)

        return await asyncio.to_thread(speak)


async def of_openai(fake: Fake, key: str = OPENAI_KEY, **asked: Any) -> bytes:
    async with served(fake) as server:
        client = openai.AsyncOpenAI(api_key=key, base_url=server.url + "/v1", max_retries=0)
        given: dict[str, Any] = {
            "model": "gpt-4o-mini-tts",
            "voice": "alloy",
            "response_format": "pcm",
        } | asked
        async with client:
            answer = await client.audio.speech.create(input="Hello.", **given)
            return await answer.aread()


async def test_it_speaks_to_deepgrams_client() -> None:
    assert await of_deepgram(Fake()) == sound(SECONDS)
    for given in ({"key": "wrong"}, {"model": "aura-2-gone-en"}):
        with pytest.raises(ApiError):
            await of_deepgram(Fake(), **given)


async def test_it_speaks_to_openais_client() -> None:
    assert await of_openai(Fake()) == sound(SECONDS, 24000)
    with pytest.raises(openai.AuthenticationError):
        await of_openai(Fake(), key="wrong")
    with pytest.raises(openai.BadRequestError):
        await of_openai(Fake(), model="tts-1", instructions="Whisper.")
    with pytest.raises(openai.RateLimitError):
        await of_openai(
            Fake(refusals=[Refusal("429 Too Many Requests", "rate_limit_exceeded", "Slow down.")])
        )
