"""Our own client against the fake that ElevenLabs' accepts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import Transcriber
from offhook.speech.engine_request import Account
from offhook.speech.streaming.streaming_transcriber import RECONNECTS
from tests.engines.making import assistant_with, registry_of
from tests.fakes.scribe import KEY, Fake, served
from tests.machine import PATIENCE
from tests.speech.servers import outside
from tests.speech.test_custom_transcriber import Ears
from tests.speech.test_deepgram import final, speak

SETTINGS = {"provider": "11labs"}
ASKED = "How late are you open?"


@asynccontextmanager
async def hearing(
    fake: Fake, settings: dict[str, Any] | None = None, key: str = KEY
) -> AsyncIterator[tuple[Transcriber, Ears]]:
    ears = Ears()
    async with served(fake), outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        registry = registry_of(reach, **{"11labs": Account(key, fake.url)})
        transcriber = await registry.transcriber(assistant_with(transcriber=SETTINGS | (settings or {})))
        await transcriber.start(ears.heard.put_nowait, ears.failed.put_nowait)
        try:
            yield transcriber, ears
        finally:
            await transcriber.close()


async def test_words_come_for_now_and_once_for_good_with_their_times() -> None:
    async with hearing(Fake([ASKED, "Thanks."])) as (transcriber, ears):
        speak(transcriber)
        partial = await ears.heard.get()
        assert (partial.text, partial.final) == ("How late", False)
        heard = await final(ears)
        speak(transcriber)
        assert (await final(ears)).text == "Thanks."
    assert heard.text == ASKED
    assert [one.text for one in heard.words] == ASKED.split()
    assert heard.words[0].start == pytest.approx(0.1, abs=0.021)


@pytest.mark.parametrize(
    ("settings", "query"),
    [
        ({}, {"model_id": "scribe_v2_realtime", "audio_format": "pcm_8000",
              "vad_silence_threshold_secs": "0.5"}),
        ({"model": "scribe_v1", "language": "pt-BR"},
         {"model_id": "scribe_v2_realtime", "language_code": "pt"}),
        ({"model": "scribe_v3_live"}, {"model_id": "scribe_v3_live"}),
        ({"silenceThresholdSeconds": 1, "confidenceThreshold": 0.3, "minSpeechDurationMs": 100,
          "minSilenceDurationMs": 200},
         {"vad_silence_threshold_secs": "1", "vad_threshold": "0.3", "min_speech_duration_ms": "100",
          "min_silence_duration_ms": "200"}),
    ],
)  # fmt: skip
async def test_each_setting_has_its_parameter(settings: dict[str, Any], query: dict[str, str]) -> None:
    """The fake refuses the rest."""
    fake = Fake([ASKED])
    async with hearing(fake, settings) as (transcriber, ears):
        speak(transcriber, pause=2.0)
        assert (await final(ears)).text == ASKED
    assert query.items() <= fake.queries[0].items()


@pytest.mark.parametrize(
    ("fake", "key", "reason"),
    [
        (Fake(), "wrong key", "invalid-api-key"),
        (Fake(told=[("quota_exceeded", "No credits.")]), KEY, "quota-exceeded"),
        (Fake(told=[("input_error", "What?")]), KEY, "transcriber-failed"),
        (Fake([ASKED] * 9, garbage="{"), KEY, "transcriber-failed"),
    ],
)
async def test_a_failure_is_told_by_the_apis_name(fake: Fake, key: str, reason: str) -> None:
    async with hearing(fake, key=key) as (transcriber, ears):
        for _ in range(4):
            speak(transcriber)
        error = await ears.failed.get()
    assert pipeline_error("11labs", error.suffix) == f"pipeline-error-eleven-labs-{reason}"
    assert fake.connections == 1


async def test_what_was_not_answered_is_said_again_to_another_connection() -> None:
    for fake in (
        Fake([ASKED] * 2, closes_after=1),
        Fake([ASKED], told=[("transcriber_error", "Sorry.")]),
        Fake([ASKED], told=[("insufficient_audio_activity", "Nobody speaks.")]),
    ):
        async with hearing(fake) as (transcriber, ears):
            speak(transcriber)
            assert (await final(ears)).text == ASKED
        assert fake.connections == 2


async def test_noise_now_and_then_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time it gets another connection, however often that was before."""
    monkeypatch.setattr("offhook.speech.providers.scribe.ScribeTranscriber.answers_after", 0.0)
    monkeypatch.setattr("offhook.speech.streaming.streaming_transcriber.SILENT_SECONDS", 0.1)
    monkeypatch.setattr("offhook.speech.streaming.streaming_transcriber.STEADY_SECONDS", 0.0)

    class NoWordForNoise(Fake):
        async def _send(self, connection: ServerConnection, message: dict[str, Any]) -> None:
            if message["text"]:
                await super()._send(connection, message)

    noises = RECONNECTS + 1
    fake = NoWordForNoise([ASKED, *["", ASKED] * noises])
    async with hearing(fake) as (transcriber, ears):
        for _ in range(1 + noises):
            speak(transcriber)
            assert (await final(ears)).text == ASKED
        assert ears.failed.empty()
    assert fake.connections == 1 + noises
