"""Our own client against the fake that ElevenLabs' types accept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from elevenlabs.types import CloseContext, FlushContext, InitializeConnectionMulti

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError, SpokenSound, TimedWord, Voice
from offhook.speech.engine_request import Account
from tests.engines.making import vendors_voice
from tests.fakes.elevenlabs import CHARACTER_MS, KEY, VOICE, Fake, Refused, served, sound
from tests.fakes.test_elevenlabs import judged
from tests.machine import PATIENCE
from tests.speech.servers import outside

SETTINGS: Mapping[str, Any] = {"provider": "11labs", "voiceId": VOICE}
OPEN = "We are open until five."
CLOSED = "On Sunday we are closed."


@asynccontextmanager
async def speaking(
    fake: Fake, settings: Mapping[str, Any] = SETTINGS, key: str = KEY
) -> AsyncIterator[Voice]:
    async with served(fake), outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        voice = await vendors_voice(reach, settings, Account(key, fake.url))
        await voice.start()
        try:
            yield voice
        finally:
            await voice.close()


async def texts_of(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def said(voice: Voice, *texts: str) -> list[list[SpokenSound]]:
    """The sounds of each text."""
    found: list[list[SpokenSound]] = [[]]
    async for one in voice.speak(texts_of(*texts)):
        found[-1].append(one)
        if one.last:
            found.append([])
    assert found.pop() == []
    return found


def words_of(sounds: Iterable[SpokenSound]) -> list[TimedWord]:
    return [word for one in sounds for word in one.words]


def audio_of(sounds: Iterable[SpokenSound]) -> bytes:
    return b"".join(one.audio for one in sounds)


async def test_each_text_gets_its_sound_and_the_times_of_its_words() -> None:
    fake = Fake()
    async with speaking(fake) as voice:
        first, second = await said(voice, OPEN, CLOSED)
    each = CHARACTER_MS / 1000
    for text, sounds in ((OPEN, first), (CLOSED, second)):
        assert [one.text for one in words_of(sounds)] == text.split()
        starts = [text.index(word) * each for word in text.split()]
        assert [one.start for one in words_of(sounds)] == pytest.approx(starts)
        assert words_of(sounds)[-1].end == pytest.approx(len(text) * each)
        # The space behind it may be of either.
        assert len(audio_of(sounds)) == pytest.approx(len(sound(len(text) * each)), abs=2 * len(sound(each)))
    assert fake.connections == 1


async def test_text_goes_out_as_it_is_written() -> None:
    """The second is written when the first has been heard of."""
    fake = Fake()
    heard = asyncio.Event()

    async def written() -> AsyncIterator[str]:
        yield OPEN
        await heard.wait()
        yield CLOSED

    async with speaking(fake) as voice:
        lasts = 0
        async for one in voice.speak(written()):
            heard.set()
            lasts += one.last
    assert lasts == 2
    assert fake.texts == [OPEN, CLOSED]


async def test_a_text_is_whole_before_there_is_another() -> None:
    fake = Fake()
    more = asyncio.Event()

    async def written() -> AsyncIterator[str]:
        yield OPEN
        await more.wait()

    async with speaking(fake) as voice:
        async for one in voice.speak(written()):
            if one.last:
                more.set()


async def test_what_we_send_is_of_the_vendors_types() -> None:
    fake = Fake()
    settings = {**SETTINGS, "stability": 0.3, "similarityBoost": 0.8, "style": 0.1, "useSpeakerBoost": True,
                "speed": 1.1, "pronunciationDictionaryLocators": [
                    {"pronunciationDictionaryId": "p1", "versionId": "v1"}]}  # fmt: skip
    async with speaking(fake, settings) as voice:
        await said(voice, OPEN, CLOSED)
        await said(voice, OPEN)
    kinds = [InitializeConnectionMulti, FlushContext, FlushContext, CloseContext]
    kinds += [InitializeConnectionMulti, FlushContext, CloseContext]
    for kind, message in zip(kinds, fake.received, strict=False):
        judged(kind, message)
    opening = fake.received[0]
    assert opening["voice_settings"] == {
        "stability": 0.3, "similarity_boost": 0.8, "style": 0.1, "use_speaker_boost": True, "speed": 1.1,
    }  # fmt: skip
    assert opening["pronunciation_dictionary_locators"] == [
        {"pronunciation_dictionary_id": "p1", "version_id": "v1"}
    ]
    assert fake.connections == 1
    assert fake.received[0]["context_id"] != fake.received[4]["context_id"]


@pytest.mark.parametrize(
    ("settings", "query"),
    [
        ({}, {"model_id": "eleven_turbo_v2", "output_format": "pcm_8000", "auto_mode": "true"}),
        ({"language": "de"}, {"model_id": "eleven_turbo_v2_5", "language_code": "de"}),
        ({"model": "eleven_flash_v2_5", "language": "fr"}, {"language_code": "fr"}),
        ({"model": "eleven_multilingual_v2", "language": "fr"}, {"model_id": "eleven_multilingual_v2"}),
        (
            {"autoMode": False, "enableSsmlParsing": True},
            {"auto_mode": "false", "enable_ssml_parsing": "true"},
        ),
    ],
)
async def test_each_setting_has_its_parameter(settings: dict[str, Any], query: dict[str, str]) -> None:
    """The fake refuses what the model does not take."""
    fake = Fake()
    async with speaking(fake, {**SETTINGS, **settings}) as voice:
        assert len(await said(voice, OPEN)) == 1
    assert query.items() <= fake.queries[0].items()


async def test_what_is_interrupted_is_no_longer_made() -> None:
    fake = Fake(pace=0.02)
    async with speaking(fake) as voice:
        sounds = voice.speak(texts_of("A very long story. " * 10))
        await anext(sounds)
        await sounds.aclose()  # type: ignore[attr-defined]
        (again,) = await said(voice, CLOSED)
        assert [one.text for one in words_of(again)] == CLOSED.split()
    assert fake.received[2].get("close_context") is True
    assert fake.connections == 1


async def test_two_may_speak_at_once() -> None:
    async with speaking(Fake(pace=0.005)) as voice:
        one, other = await asyncio.gather(said(voice, OPEN), said(voice, CLOSED))
    assert [word.text for word in words_of(one[0])] == OPEN.split()
    assert [word.text for word in words_of(other[0])] == CLOSED.split()


async def test_without_times_all_sound_comes_and_each_text_ends() -> None:
    async with speaking(Fake(aligned=False)) as voice:
        first, second = await said(voice, OPEN, CLOSED)
    whole = sound((len(OPEN) + len(CLOSED) + 2) * CHARACTER_MS / 1000)
    assert audio_of(first + second) == whole
    assert words_of(first + second) == []


async def test_a_pause_behind_a_text_without_times_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.speech.streaming.context_voice.SOUND_SECONDS", 0.2)
    more = asyncio.Event()

    async def written() -> AsyncIterator[str]:
        yield OPEN
        await more.wait()
        yield CLOSED

    lasts = 0
    async with speaking(Fake(aligned=False)) as voice:
        async for one in voice.speak(written()):
            lasts += one.last
            if one.last:
                more.set()
    assert lasts == 2


@pytest.mark.parametrize(
    ("fake", "settings", "reason"),
    [
        (Fake(), {"voiceId": "gone"}, "voice-not-found"),
        (Fake(told=[Refused("quota_exceeded", "No credits are left.")]), {}, "quota-exceeded"),
        (Fake(told=[Refused("system_busy", "Try later.")]), {}, "system-busy-and-requested-upgrade"),
        (Fake(told=[Refused("too_many_concurrent_requests", "Too many.")]), {},
         "blocked-concurrent-requests-and-requested-upgrade"),
        (Fake(told=[Refused("something_new", "Whatever.")]), {}, "voice-failed"),
        (Fake(mute=9), {}, "voice-failed"),
        (Fake(garbage="{"), {}, "voice-failed"),
        (Fake(garbage='{"audio": 7, "contextId": "c1"}'), {}, "voice-failed"),
        (Fake(garbage='{"audio": "?", "contextId": "c1"}'), {}, "voice-failed"),
        (Fake(closes_after=1), {}, "voice-failed"),
    ],
)  # fmt: skip
async def test_a_failure_is_told_by_the_apis_name(fake: Fake, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(EngineError) as raised:
        async with speaking(fake, {**SETTINGS, **settings}) as voice:
            await said(voice, *[OPEN] * 9)
    assert pipeline_error("11labs", raised.value.suffix) == f"pipeline-error-eleven-labs-{reason}"


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ((401, "invalid_api_key", "Invalid API key."), "invalid-api-key"),
        ((401, "quota_exceeded", "No credits are left."), "quota-exceeded"),
        ((403, "missing_permissions", "No."), "unauthorized-access"),
        ((429, "too_many_concurrent_requests", "x"), "blocked-concurrent-requests-and-requested-upgrade"),
        ((500, "internal", "x"), "500-server-error"),
        ((503, "internal", "x"), "503-server-error"),
    ],
)
async def test_a_refused_handshake_is_told_too(refusal: tuple[int, str, str], reason: str) -> None:
    with pytest.raises(EngineError) as raised:
        async with speaking(Fake(refusals=[refusal] * 2)):
            pass
    assert pipeline_error("11labs", raised.value.suffix) == f"pipeline-error-eleven-labs-{reason}"


async def test_a_connection_that_was_lost_is_made_again_for_the_next_text() -> None:
    fake = Fake(closes_after=1)
    async with speaking(fake) as voice:
        with pytest.raises(EngineError):
            await said(voice, OPEN)
        (again,) = await said(voice, OPEN)
        assert [one.text for one in words_of(again)] == OPEN.split()
    assert fake.connections == 2


async def test_sound_without_an_end_is_given_up() -> None:
    fake = Fake(character_ms=2400)
    async with speaking(fake) as voice:
        with pytest.raises(EngineError, match="more sound"):
            await said(voice, OPEN)
    assert fake.connections == 1


async def test_the_key_is_in_no_error(caplog: pytest.LogCaptureFixture) -> None:
    refused = Refused("invalid_api_key", f"The key {KEY} is not known.")
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError) as raised:
        async with speaking(Fake(told=[refused])) as voice:
            await said(voice, OPEN)
    assert KEY not in str(raised.value)
    assert KEY not in raised.value.unquoted
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert KEY not in "".join(ours)
