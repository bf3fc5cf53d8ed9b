"""Our own client against the fake that Cartesia's accepts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError, TimedWord, Voice
from offhook.speech.engine_request import Account
from tests.engines.making import assistant_with, registry_of, vendors_voice
from tests.fakes.cartesia import KEY, VOICE, WORD_SECONDS, Fake, served, sound
from tests.machine import PATIENCE
from tests.speech.servers import outside
from tests.speech.test_elevenlabs import audio_of, said, texts_of, words_of

SETTINGS: Mapping[str, Any] = {"provider": "cartesia", "voiceId": VOICE}


@asynccontextmanager
async def speaking(fake: Fake, settings: Mapping[str, Any] = SETTINGS) -> AsyncIterator[Voice]:
    async with served(fake), outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        voice = await vendors_voice(reach, settings, Account(KEY, fake.url))
        await voice.start()
        try:
            yield voice
        finally:
            await voice.close()


@pytest.mark.parametrize("restarts", [False, True])
async def test_each_text_gets_its_sound_and_the_times_of_its_words(restarts: bool) -> None:
    fake = Fake(restarts=restarts)
    async with speaking(fake) as voice:
        first, second = await said(voice, "We are open.", "Until five.")
        await said(voice, "Goodbye.")
    assert audio_of(first) == sound(3 * WORD_SECONDS)
    assert audio_of(second) == sound(2 * WORD_SECONDS)
    for sounds, words in ((first, "We are open."), (second, "Until five.")):
        found = words_of(sounds)
        assert [one.text for one in found] == words.split()
        assert [one.start for one in found] == pytest.approx([at * WORD_SECONDS for at in range(len(found))])
    assert (fake.connections, fake.versions) == (1, ["2026-08-14"])


async def test_each_setting_has_its_parameter() -> None:
    settings = {**SETTINGS, "model": "sonic-3.5", "language": "de", "pronunciationDictId": "d1",
                "generationConfig": {"speed": 1.2, "volume": 0.8}}  # fmt: skip
    fake = Fake()
    async with speaking(fake, settings) as voice:
        await said(voice, "Hallo.")
    asked = fake.received[0]
    assert asked["model_id"] == "sonic-3.5"
    assert asked["language"] == "de"
    assert asked["pronunciation_dict_id"] == "d1"
    assert asked["generation_config"] == {"speed": 1.2, "volume": 0.8}
    assert (asked["transcript"], asked["continue"], asked["max_buffer_delay_ms"]) == ("Hallo. ", True, 0)
    assert fake.received[1]["flush"] is True
    assert (fake.received[2]["transcript"], fake.received[2]["continue"]) == ("", False)


async def test_controls_are_asked_by_the_version_that_knows_them() -> None:
    controls = {"speed": "fast", "emotion": "positivity:high"}
    fake = Fake()
    async with speaking(fake, {**SETTINGS, "model": "sonic-2", "experimentalControls": controls}) as voice:
        await said(voice, "Hello.")
    wished = fake.received[0]["voice"]["__experimental_controls"]
    assert wished == {"speed": "fast", "emotion": ["positivity:high"]}
    assert fake.versions == ["2024-11-13"]


async def test_what_is_interrupted_is_cancelled_and_the_rest_left_out() -> None:
    fake = Fake()
    async with speaking(fake) as voice:
        sounds = voice.speak(texts_of("A very long story. " * 10))
        await anext(sounds)
        await sounds.aclose()  # type: ignore[attr-defined]
        (again,) = await said(voice, "Goodbye now.")
        assert [one.text for one in words_of(again)] == ["Goodbye", "now."]
        assert all(isinstance(one, TimedWord) for one in words_of(again))


@pytest.mark.parametrize(
    ("fake", "settings", "reason"),
    [
        (Fake(refusals=[401]), {}, "voice-failed"),
        (Fake(refusals=[402]), {}, "requested-payment"),
        (Fake(refusals=[429]), {}, "voice-failed"),
        (Fake(refusals=[503] * 4), {}, "503-server-error"),
        (Fake(told=[(402, "Payment required", "No credits.")] * 2), {}, "requested-payment"),
        (Fake(told=[(500, "Internal", "No.")] * 4), {}, "500-server-error"),
        (Fake(), {"voiceId": "gone"}, "voice-failed"),
        (Fake(mute=9), {}, "voice-failed"),
        (Fake(garbage="{"), {}, "voice-failed"),
        (Fake(garbage='{"type": "chunk", "context_id": "c1", "data": "?"}'), {}, "voice-failed"),
    ],
)
async def test_a_failure_is_told_by_the_apis_name(fake: Fake, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(EngineError) as raised:
        async with speaking(fake, {**SETTINGS, **settings}) as voice:
            await said(voice, *["We are open until five."] * 9)
    assert pipeline_error("cartesia", raised.value.suffix) == f"pipeline-error-cartesia-{reason}"


async def test_a_sentence_that_broke_off_is_gone_on_with() -> None:
    """By another connection, from the word at which it did."""
    fake = Fake(closes_after=4)
    async with served(fake), outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        registry = registry_of(reach, cartesia=Account(KEY, fake.url))
        voice = await registry.voice(assistant_with(voice=SETTINGS))
        await voice.start()
        (sounds,) = await said(voice, "We are open until five.")
        await voice.close()
    assert [one.text for one in words_of(sounds)] == ["We", "are", "open", "until", "five."]
    assert audio_of(sounds) == sound(5 * WORD_SECONDS)
    assert fake.connections == 2
