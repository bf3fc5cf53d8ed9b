"""Voices over HTTP against the fake that the vendors' clients accept."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_request import Account
from offhook.speech.resample import LiveDownsampler, to_8k_from_24k
from offhook.speech.sentence_voice import sound_of
from tests.engines.making import vendors_voice
from tests.fakes.http_voices import DEEPGRAM_KEY, OPENAI_KEY, SECONDS, Fake, Refusal, served, sound
from tests.machine import PATIENCE
from tests.speech.servers import outside

AURA: dict[str, Any] = {"provider": "deepgram", "voiceId": "thalia"}
SPEECH: dict[str, Any] = {"provider": "openai", "voiceId": "alloy"}


async def said(fake: Fake, settings: dict[str, Any], key: str | None = None) -> bytes:
    async with served(fake) as server, outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        deepgram = settings["provider"] == "deepgram"
        account = Account(
            key or (DEEPGRAM_KEY if deepgram else OPENAI_KEY), server.url + ("" if deepgram else "/v1")
        )
        voice = await vendors_voice(reach, settings, account)
        await voice.start()
        return b"".join([piece async for piece in sound_of(voice, "We are open.")])


async def test_aura_speaks_at_the_rate_of_calls() -> None:
    assert await said(Fake(), AURA) == sound(SECONDS)


async def test_openai_is_brought_to_the_rate_of_calls() -> None:
    audio = await said(Fake(), SPEECH)
    assert len(audio) / 16000 == pytest.approx(SECONDS, abs=0.005)
    samples = np.frombuffer(audio, "<i2")[100:]
    assert np.abs(samples.astype(int) - 5000).max() < 20


@pytest.mark.parametrize("cuts", [1, 7, 1001])
def test_the_live_filter_is_the_whole_one(cuts: int) -> None:
    wave = (8000 * np.sin(np.arange(9000) * 0.13)).astype("<i2")
    data, live = wave.tobytes(), LiveDownsampler()
    step = max(len(data) // cuts, 1) if cuts < 1000 else 37
    audio = b"".join(live.feed(data[at : at + step]) for at in range(0, len(data), step))
    whole = np.rint(to_8k_from_24k(wave.astype(np.float32)))
    found = np.frombuffer(audio, "<i2")
    assert len(whole) - len(found) < 35
    assert np.abs(found - whole[: len(found)]).max() <= 1


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (AURA, {"model": "aura-2-thalia-en", "text": "We are open."}),
        ({**AURA, "voiceId": "celeste"}, {"model": "aura-2-celeste-es"}),
        ({**AURA, "voiceId": "luna", "model": "aura", "mipOptOut": True},
         {"model": "aura-luna-en", "mip_opt_out": "true"}),
        ({**AURA, "voiceId": "aura-2-thalia-en", "speed": 1.2},
         {"model": "aura-2-thalia-en", "speed": "1.2"}),
        (SPEECH, {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "We are open."}),
        ({**SPEECH, "instructions": "Whisper.", "speed": 1.5}, {"instructions": "Whisper.", "speed": 1.5}),
        ({**SPEECH, "model": "tts-1-hd", "instructions": "Whisper."}, {"model": "tts-1-hd"}),
    ],
)  # fmt: skip
async def test_each_setting_has_its_parameter(settings: dict[str, Any], asked: dict[str, Any]) -> None:
    fake = Fake()
    await said(fake, settings)
    assert asked.items() <= fake.asked[0].items()


def refused(status: str, **headers: str) -> Refusal:
    return Refusal(status, "CODE", "No.", {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("settings", [AURA, SPEECH])
@pytest.mark.parametrize(
    "refusal", [refused("503 Unavailable"), refused("429 Too Many Requests", Retry_After="0.1")]
)
async def test_one_that_is_busy_for_a_moment_is_asked_once_more(
    settings: dict[str, Any], refusal: Refusal
) -> None:
    fake = Fake(refusals=[refusal])
    assert await said(fake, settings)
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    ("settings", "fake", "key", "reason"),
    [
        (AURA, Fake(), "wrong key", "deepgram-returning-401-invalid-credentials"),
        (AURA, Fake(refusals=[refused("503 Unavailable")] * 2), None, "deepgram-returning-502-network-error"),
        (AURA, Fake(refusals=[refused("429 Too Many Requests")]), None, "deepgram-voice-failed"),
        (AURA, Fake(hangs=1), None, "deepgram-voice-failed"),
        (AURA, Fake(breaks=1), None, "deepgram-voice-failed"),
        (SPEECH, Fake(), "wrong key", "openai-401-unauthorized"),
        (SPEECH, Fake(refusals=[refused("404 Not Found")]), None, "openai-voice-failed"),
        (SPEECH, Fake(refusals=[refused("429 Too Many Requests")]), None, "openai-429-rate-limit-reached"),
        (SPEECH, Fake(refusals=[refused("500 Error")] * 2), None, "openai-500-server-error"),
    ],
)
async def test_a_failure_is_told_by_the_apis_name(
    settings: dict[str, Any], fake: Fake, key: str | None, reason: str
) -> None:
    with pytest.raises(EngineError) as raised:
        await said(fake, settings, key)
    assert pipeline_error(settings["provider"], raised.value.suffix) == f"pipeline-error-{reason}"
    assert DEEPGRAM_KEY not in str(raised.value)
    assert "wrong key" not in str(raised.value)


@pytest.mark.parametrize("settings", [AURA, SPEECH])
@pytest.mark.parametrize(
    "instead",
    [
        ("Content-Type: application/json", b'{"error": {"message": "No such voice."}}'),
        ("Content-Type: text/html; charset=utf-8", b"<html>Sign in first.</html>"),
        ("Content-Type: application/problem+json", b"{}"),
        ("Content-Type: audio/pcm\r\nContent-Encoding: gzip", b"\x1f\x8b" * 100),
        ("Content-Type: audio/pcm", b""),
    ],
)
async def test_what_is_no_sound_is_not_played(settings: dict[str, Any], instead: tuple[str, bytes]) -> None:
    with pytest.raises(EngineError):
        await said(Fake(instead=instead), settings)


async def test_sound_that_comes_too_slowly_to_be_heard_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.speech.streaming.http_voice.SOUND_SECONDS", 0.5)
    with pytest.raises(EngineError, match="no sound"):
        await said(Fake(drips=0.05), AURA)
