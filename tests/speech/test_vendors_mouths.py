"""Vendors that speak over HTTP, each by our own client against its fake: what is the same of all of them."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_request import Account
from offhook.speech.sentence_voice import sound_of
from tests.engines.making import vendors_voice
from tests.fakes.http_voices import SECONDS, sound
from tests.fakes.streamed_voices import KEY, MOUTHS, Fake, Mouth, served
from tests.machine import PATIENCE
from tests.speech.servers import outside

every = pytest.mark.parametrize("mouth", MOUTHS.values(), ids=MOUTHS)
in_objects = pytest.mark.parametrize(
    "mouth",
    [one for one in MOUTHS.values() if one.refused],
    ids=[name for name, one in MOUTHS.items() if one.refused],
)


async def said(
    fake: Fake, more: dict[str, Any] | None = None, key: str = KEY, text: str = "We are open."
) -> bytes:
    settings = fake.mouth.settings | (more or {})
    async with served(fake) as server, outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        voice = await vendors_voice(reach, settings, Account(key, server.url))
        await voice.start()
        return b"".join([piece async for piece in sound_of(voice, text)])


@every
async def test_it_speaks_at_the_rate_of_calls(mouth: Mouth) -> None:
    audio = await said(Fake(mouth, slow=0.1))
    if mouth.rate == 8000:
        assert audio == sound(SECONDS)
        return
    assert len(audio) / 16000 == pytest.approx(SECONDS, abs=0.01)
    assert np.abs(np.frombuffer(audio, "<i2")[100:].astype(int) - 5000).max() < 20


@every
async def test_one_that_is_busy_for_a_moment_is_asked_once_more(mouth: Mouth) -> None:
    for status in (("503 Unavailable", ""), ("429 Too Many Requests", "Retry-After: 0.1\r\n")):
        fake = Fake(mouth, statuses=[status])
        assert await said(fake)
        assert len(fake.asked) == 2


@every
async def test_a_failure_is_told_without_the_key(mouth: Mouth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.speech.streaming.http_voice.SOUND_SECONDS", 0.5)
    provider = mouth.settings["provider"]
    for fake, key in (
        (Fake(mouth), "a-wrong-key-0815"),
        (Fake(mouth, statuses=[("429 Too Many Requests", "")]), KEY),
        (Fake(mouth, statuses=[("500 Error", "")] * 2), KEY),
        (Fake(mouth, hangs=1), KEY),
        (Fake(mouth, breaks=1), KEY),
        (Fake(mouth, instead=("text/html", b"<html>Sign in first.</html>")), KEY),
        (Fake(mouth, instead=(mouth.kind, b"")), KEY),
    ):
        with pytest.raises(EngineError) as raised:
            await said(fake, key=key)
        reason = pipeline_error(provider, raised.value.suffix)
        assert reason == f"pipeline-error-{provider}-voice-failed"
        assert key not in str(raised.value)


@in_objects
async def test_what_is_no_sound_among_objects_is_told(mouth: Mouth) -> None:
    with pytest.raises(EngineError, match=r"Unknown voice|login fail"):
        await said(Fake(mouth, refuses=1))
    for odd in (
        b"{",
        b"[]\n",
        b'data: {"audio": 7, "data": {"audio": 7}, "result": {"audioContent": 7}}\n',
        b'{"audio": "%", "data": {"audio": "%"}, "result": {"audioContent": "%"}}\n',
        b"x" * 1_100_000,
    ):
        with pytest.raises(EngineError):
            await said(Fake(mouth, instead=(mouth.kind, odd)))  # fmt: skip


SETTINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("rime-ai", {}, {"modelId": "arcana", "speaker": "luna", "lang": "eng", "text": "We are open."}),
    ("rime-ai", {"model": "mistv2", "speed": 2, "language": "de", "reduceLatency": True},
     {"modelId": "mistv2", "speedAlpha": 0.5, "lang": "ger", "reduceLatency": True}),
    ("rime-ai", {"speed": 1.5}, {"speedAlpha": 1.5}),
    ("minimax", {"speed": 1.2, "pitch": 3, "volume": 2, "emotion": "happy", "languageBoost": "German"},
     {"voice_setting": {"voice_id": "English_Trustworthy_Man", "speed": 1.2, "pitch": 3, "vol": 2,
                        "emotion": "happy"},
      "language_boost": "German", "model": "speech-02-turbo"}),
    ("inworld", {"speakingRate": 1.2, "temperature": 0.8, "languageCode": "de"},
     {"audioConfig": {"audioEncoding": "PCM", "sampleRateHertz": 8000, "speakingRate": 1.2},
      "temperature": 0.8, "language": "de", "modelId": "inworld-tts-1"}),
    ("xai", {}, {"voice_id": "eve", "language": "en", "speed": 1.1}),
    ("xai", {"language": "de", "speed": 0.9}, {"language": "de", "speed": 0.9}),
    ("lmnt", {"language": "de"}, {"voice": "leah", "language": "de"}),
    ("neuphonic", {"speed": 1.2}, {"voice_id": "v-1", "lang_code": "en", "speed": 1.2}),
    ("smallest-ai", {"model": "lightning", "speed": 1.2}, {"model": "lightning_v3.1", "speed": 1.2}),
    ("hume", {"model": "octave", "isCustomHumeVoice": True, "description": "Calm."},
     {"version": "1", "utterances": [{"text": "We are open.", "description": "Calm.",
                                      "voice": {"id": "v-1", "provider": "CUSTOM_VOICE"}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "asked"), SETTINGS)
async def test_each_setting_has_its_parameter(
    name: str, settings: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The fake refuses the rest."""
    fake = Fake(MOUTHS[name])
    await said(fake, settings)
    assert asked.items() <= fake.asked[0].items()
