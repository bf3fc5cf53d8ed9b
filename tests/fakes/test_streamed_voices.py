"""The vendors' own clients against the fakes of those that speak over HTTP. Rime, MiniMax and xAI have no
such client in Python; Azure's is no free software, Smallest's wants a web framework, and Neuphonic's an older
socket library than ours: those fakes go by what the vendors document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hume import AsyncHumeClient
from hume.tts import FormatPcm, PostedUtterance, PostedUtteranceVoiceWithId
from inworld_tts import InworldTTS
from lmnt import AsyncLmnt

from tests.fakes.http_voices import SECONDS, sound
from tests.fakes.streamed_voices import KEY, MOUTHS, Fake, served
from tests.machine import PATIENCE

TEXT = "We are open."


async def by_lmnt(url: str, key: str) -> bytes:
    async with AsyncLmnt(api_key=key, base_url=url, max_retries=0) as client:
        answer = await client.speech.generate(text=TEXT, voice="leah", format="pcm_s16le", sample_rate=8000)
        return await answer.read()


async def by_inworld(url: str, key: str) -> bytes:
    client = InworldTTS(api_key=key, base_url=url)
    pieces = client.stream(TEXT, voice="Ashley", encoding="PCM", sample_rate=8000)
    try:
        return b"".join([piece async for piece in pieces])
    finally:
        client.close()


async def by_hume(url: str, key: str) -> bytes:
    from base64 import b64decode

    client = AsyncHumeClient(api_key=key, base_url=url)
    voice = PostedUtteranceVoiceWithId(id="v-1", provider="HUME_AI")
    answer: Any = client.tts.synthesize_json_streaming(
        utterances=[PostedUtterance(text=TEXT, voice=voice)], format=FormatPcm(), version="2",
        instant_mode=True, strip_headers=True,
    )  # fmt: skip
    return b"".join([b64decode(one.audio) async for one in answer])


CLIENTS: dict[str, Callable[[str, str], Awaitable[bytes]]] = {
    "lmnt": by_lmnt,
    "inworld": by_inworld,
    "hume": by_hume,
}


@pytest.mark.parametrize("name", CLIENTS)
async def test_the_vendors_client_is_spoken_to(name: str) -> None:
    mouth, client = MOUTHS[name], CLIENTS[name]
    async with asyncio.timeout(PATIENCE), served(Fake(mouth)) as server:
        assert await client(server.url, KEY) == sound(SECONDS, mouth.rate)
        with pytest.raises(Exception, match=r"401|Refused"):
            await client(server.url, "a-wrong-key")
