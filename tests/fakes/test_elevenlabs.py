"""ElevenLabs' own client against the fake, and its types against what is said over the socket that it has no
client for: what they take for ElevenLabs, ours may be tested with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from elevenlabs import VoiceSettings
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.types import (
    AudioOutputMulti,
    CloseContext,
    FinalOutputMulti,
    FlushContext,
    InitializeConnectionMulti,
)
from websockets.asyncio.client import connect

from tests.fakes.elevenlabs import CHARACTER_MS, KEY, VOICE, Fake, served, sound

# The SDK still uses what the library calls old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXTS = ["We are open ", "until five."]


async def spoken(fake: Fake, key: str = KEY, voice: str = VOICE, model: str = "eleven_turbo_v2") -> bytes:
    def speak() -> bytes:
        client = ElevenLabs(api_key=key, base_url=fake.url)
        speech: Any = client.text_to_speech
        speech._ws_base_url = fake.url.replace("http", "ws")  # it knows only wss
        settings = VoiceSettings(stability=0.4, speed=1.1)
        pieces = speech.convert_realtime(
            voice, text=iter(TEXTS), model_id=model, output_format="pcm_8000", voice_settings=settings
        )
        return b"".join(pieces)

    async with served(fake):
        return await asyncio.to_thread(speak)


async def test_it_speaks_to_the_vendors_client() -> None:
    fake = Fake()
    audio = await spoken(fake)
    text = "We are open until five. "
    assert audio == sound(len(text) * CHARACTER_MS / 1000)
    assert "".join(fake.texts) == "We are openuntil five."


@pytest.mark.parametrize(
    "given", [{"key": "wrong"}, {"voice": "gone"}, {"model": "eleven_gone"}, {"model": "eleven_v3"}]
)
async def test_it_knows_its_refusals(given: Mapping[str, str]) -> None:
    with pytest.raises(ApiError) as raised:
        await spoken(Fake(), **given)
    assert raised.value.status_code == 1008


def judged(kind: Any, message: Mapping[str, Any]) -> Any:
    """By the vendor's own type, which knows all of it."""
    found = kind.model_validate(message)
    assert found.model_extra == {}
    return found


async def test_what_contexts_say_is_of_the_vendors_types() -> None:
    fake = Fake()
    opening: dict[str, Any] = {
        "text": " ",
        "context_id": "a",
        "voice_settings": {"stability": 0.4, "speed": 1.1},
    }
    asked: list[dict[str, Any]] = [opening, {"text": "We are open. ", "context_id": "a", "flush": True}]
    closing = {"context_id": "a", "close_context": True}
    judged(InitializeConnectionMulti, opening)
    judged(FlushContext, asked[1])
    judged(CloseContext, closing)
    async with served(fake):
        url = f"{fake.url.replace('http', 'ws')}/v1/text-to-speech/{VOICE}/multi-stream-input"
        query = "?model_id=eleven_turbo_v2&output_format=pcm_8000"
        async with connect(url + query, additional_headers={"xi-api-key": KEY}) as socket:
            for message in [*asked, closing]:
                await socket.send(json.dumps(message))
            first, last = json.loads(await socket.recv()), json.loads(await socket.recv())
    heard = judged(AudioOutputMulti, first)
    assert heard.context_id == "a"
    assert "".join(heard.alignment.chars) == "We are open. "
    assert heard.alignment.char_start_times_ms[1] == CHARACTER_MS
    assert judged(FinalOutputMulti, last).is_final is True
