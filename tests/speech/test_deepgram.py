"""Our own client against the fake that Deepgram's accepts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from offhook.engines.registry import EngineRegistry
from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError, Transcriber, Transcript
from offhook.speech.engine_request import Account
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber
from tests.engines.making import assistant_with, registry_of
from tests.fakes.deepgram import KEY, Fake, Refusal, served, silence, speech
from tests.machine import PATIENCE
from tests.speech.servers import outside
from tests.speech.test_custom_transcriber import Ears

NOVA = {"provider": "deepgram", "model": "nova-3"}
FLUX = {"provider": "deepgram", "model": "flux-general-en"}
ASKED = "How late are you open?"


@asynccontextmanager
async def hearing(
    fake: Fake, settings: dict[str, Any] | None = None, key: str = KEY
) -> AsyncIterator[tuple[Transcriber, Ears]]:
    ears = Ears()
    async with served(fake), outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        registry: EngineRegistry = registry_of(reach, deepgram=Account(key, fake.url))
        transcriber = await registry.transcriber(assistant_with(transcriber=settings or NOVA))
        await transcriber.start(ears.heard.put_nowait, ears.failed.put_nowait)
        try:
            yield transcriber, ears
        finally:
            await transcriber.close()


def say(transcriber: Transcriber, sound: bytes) -> None:
    for start in range(0, len(sound), 320):
        transcriber.push(sound[start : start + 320], bytes(320))


def speak(transcriber: Transcriber, seconds: float = 0.6, pause: float = 1.0) -> None:
    """As a call does it: the hints come with the voice."""
    say(transcriber, silence(0.1))
    transcriber.speech_started()
    say(transcriber, speech(seconds))
    say(transcriber, silence(0.2))
    transcriber.speech_stopped()
    say(transcriber, silence(pause))


async def final(ears: Ears) -> Transcript:
    while True:
        heard = await ears.heard.get()
        if heard.final:
            return heard


async def test_words_come_for_now_and_for_good_with_their_times() -> None:
    async with hearing(Fake([ASKED])) as (transcriber, ears):
        speak(transcriber)
        partial = await ears.heard.get()
        assert (partial.text, partial.final, partial.turn) == ("How late", False, None)
        heard = await final(ears)
    assert (heard.text, heard.confidence) == (ASKED, 0.98)
    assert [one.text for one in heard.words] == ASKED.split()
    assert heard.words[0].start == pytest.approx(0.1, abs=0.021)
    assert heard.words[-1].end == pytest.approx(0.7, abs=0.021)


async def test_a_turn_of_flux_may_end_and_ends() -> None:
    async with hearing(Fake([ASKED]), FLUX) as (transcriber, ears):
        assert transcriber.turn_patience == 6.0
        speak(transcriber)
        turns: list[Transcript] = []
        while not turns or not turns[-1].final:
            turns.append(await ears.heard.get())
    assert [one.turn for one in turns] == [None] * (len(turns) - 2) + ["may-end", "ended"]
    assert [one.text for one in turns[-2:]] == [ASKED] * 2
    assert len(turns[-1].words) == 5


async def test_a_turn_of_flux_that_goes_on() -> None:
    async with hearing(Fake([ASKED]), FLUX) as (transcriber, ears):
        transcriber.speech_started()
        say(transcriber, speech(0.5) + silence(0.3) + speech(0.5) + silence(1.0))
        turns: list[Transcript] = []
        while not turns or not turns[-1].final:
            turns.append(await ears.heard.get())
    assert [one.turn for one in turns if one.turn] == ["may-end", "may-end", "ended"]
    assert sum(one.final for one in turns) == 1


async def test_each_setting_has_its_parameter() -> None:
    settings = {
        **NOVA, "language": "multi", "smartFormat": True, "numerals": True, "profanityFilter": True,
        "redaction": ["pci", "numbers"], "keyterm": ["Offhook", "dial tone"], "endpointing": 300,
        "mipOptOut": True, "keywords": ["sip:2"],
    }  # fmt: skip
    fake = Fake()
    async with hearing(fake, settings):
        pass
    (query,) = fake.queries
    assert sorted(query) == sorted(
        [
            ("model", "nova-3"), ("language", "multi"), ("encoding", "linear16"), ("sample_rate", "8000"),
            ("channels", "1"), ("interim_results", "true"), ("punctuate", "true"), ("smart_format", "true"),
            ("numerals", "true"), ("profanity_filter", "true"), ("redact", "pci"), ("redact", "numbers"),
            ("keyterm", "Offhook"), ("keyterm", "dial tone"), ("keyterm", "sip"), ("endpointing", "300"),
            ("utterance_end_ms", "1000"), ("vad_events", "true"), ("mip_opt_out", "true"),
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({**NOVA, "model": "nova-2", "keywords": ["Offhook:2", "SIP"], "keyterm": ["no"]},
         [("keywords", "Offhook:2"), ("keywords", "SIP"), ("language", "en"), ("endpointing", "10")]),
        ({"provider": "deepgram"}, [("model", "nova-3")]),
        ({**FLUX, "eotThreshold": 0.8, "eotTimeoutMs": 3000, "keyterm": ["Offhook"], "redaction": ["pii"]},
         [("eot_threshold", "0.8"), ("eager_eot_threshold", "0.5"), ("eot_timeout_ms", "3000"),
          ("keyterm", "Offhook")]),
        ({**FLUX, "model": "flux-general-multi", "languages": ["de", "es"], "numerals": True},
         [("language_hint", "de"), ("language_hint", "es"), ("numerals", "true")]),
    ],
)  # fmt: skip
async def test_each_kind_of_model_gets_what_it_takes(
    settings: dict[str, Any], given: list[tuple[str, str]]
) -> None:
    """The fake refuses the rest."""
    fake = Fake()
    async with hearing(fake, settings):
        pass
    assert set(given) <= set(fake.queries[0])


async def test_what_is_heard_with_little_confidence_is_left_out() -> None:
    async with hearing(Fake(["Hm.", "Never."], confidence=0.3)) as (transcriber, ears):
        speak(transcriber)
        await asyncio.sleep(0.2)
        assert ears.heard.empty()
    low = {**NOVA, "confidenceThreshold": 0.2}
    async with hearing(Fake(["Hm."], confidence=0.3), low) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == "Hm."


async def test_the_connection_is_said_goodbye_to() -> None:
    fake = Fake()
    async with hearing(fake) as (transcriber, _):
        await transcriber.close()
        while not fake.controls:
            await asyncio.sleep(0)
    assert fake.controls == ["CloseStream"]


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Refusal(400, "Bad Request", "Bad Request: No such model/language/tier combination found."),
         "returning-400-no-such-model-language-tier-combination"),
        (Refusal(400, "Bad Request", "Bad Request: other."), "transcriber-failed"),
        (Refusal(401, "INVALID_AUTH", "Invalid credentials."), "returning-401-invalid-credentials"),
        (Refusal(402, "ASR_PAYMENT_REQUIRED", "No credits."), "transcriber-failed"),
        (Refusal(403, "FORBIDDEN", "No access to the model."), "returning-403-model-access-denied"),
        (Refusal(404, "NOT_FOUND", "Not found."), "returning-404-not-found"),
        (Refusal(429, "TOO_MANY_REQUESTS", "Too many."), "transcriber-failed"),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_with_its_words_and_not_tried_again(refusal: Refusal, reason: str) -> None:
    fake = Fake(refusals=[refusal])
    with pytest.raises(EngineError) as raised:
        async with hearing(fake):
            pass
    assert refusal.err_msg in str(raised.value)
    assert refusal.err_msg not in raised.value.unquoted
    assert pipeline_error("deepgram", raised.value.suffix) == f"pipeline-error-deepgram-{reason}"
    assert fake.connections == 1


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(503, "UNAVAILABLE", "Try again."),
        Refusal(429, "TOO_MANY_REQUESTS", "Too many.", {"Retry-After": "0.1"}),
    ],
)
async def test_one_that_is_busy_for_a_moment_is_asked_once_more(refusal: Refusal) -> None:
    fake = Fake([ASKED], refusals=[refusal])
    async with hearing(fake) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ASKED
    assert fake.connections == 2


async def test_one_that_asks_for_a_long_wait_is_not_waited_for() -> None:
    refusal = Refusal(429, "TOO_MANY_REQUESTS", "Too many.", {"Retry-After": "60"})
    with pytest.raises(EngineError, match="429"):
        async with hearing(Fake(refusals=[refusal, refusal])):
            pass


async def test_one_that_does_not_answer_the_handshake_is_given_up() -> None:
    with pytest.raises(EngineError, match="too long"):
        async with hearing(Fake(hangs=1)):
            pass


async def test_what_was_not_answered_is_said_again_to_another_connection() -> None:
    """Closed at its second result: the final never came."""
    fake = Fake([ASKED, ASKED], closes_after=2)
    async with hearing(fake) as (transcriber, ears):
        speak(transcriber)
        heard = await final(ears)
        assert ears.failed.empty()
    assert (heard.text, fake.connections) == (ASKED, 2)
    assert heard.words[0].start == pytest.approx(0.1, abs=0.021)


async def test_one_that_is_lost_again_and_again_fails() -> None:
    fake = Fake([ASKED] * 9, closes_after=1, closings=9)
    async with hearing(fake) as (transcriber, ears):
        speak(transcriber)
        error = await ears.failed.get()
    assert (error.stage, error.provider, fake.connections) == ("transcriber", "deepgram", 4)
    assert "closed by the server with 1011" in error.detail


async def test_one_that_says_nothing_gets_another_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamingTranscriber, "answers_after", 0.0)
    monkeypatch.setattr("offhook.speech.streaming.streaming_transcriber.SILENT_SECONDS", 0.1)
    fake = Fake(["Lost.", ASKED], mute=1)
    async with hearing(fake) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ASKED
    mute = Fake(["Lost."] * 3, mute=3)
    async with hearing(mute) as (transcriber, ears):
        speak(transcriber)
        assert "does not answer" in (await ears.failed.get()).detail
    assert mute.connections == 2


@pytest.mark.parametrize(
    "garbage", ["{", "[]", '{"type": 7}', '{"type": "Results", "start": "x"}', "[" * 60000, "\\u0000"]
)
async def test_one_that_talks_nonsense_fails(garbage: str, caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake([ASKED] * 9, garbage=garbage)
    with caplog.at_level(logging.WARNING):
        async with hearing(fake) as (transcriber, ears):
            for _ in range(4):
                speak(transcriber)
            error = await ears.failed.get()
    assert pipeline_error("deepgram", error.suffix) == "pipeline-error-deepgram-returning-500-invalid-json"
    assert fake.connections == 1
    assert sum("a message is ignored" in record.getMessage() for record in caplog.records) == 1


async def test_kinds_of_messages_that_are_new_are_left_out() -> None:
    fake = Fake([ASKED], garbage='{"type": "Weather", "sunny": true}')
    async with hearing(fake) as (transcriber, ears):
        for _ in range(4):
            speak(transcriber)
        await asyncio.sleep(0.2)
        assert ears.failed.empty()
        assert ears.heard.empty()


async def test_the_key_is_in_no_error(caplog: pytest.LogCaptureFixture) -> None:
    refusal = Refusal(401, "INVALID_AUTH", f"The key {KEY} is not known.")
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError) as raised:
        async with hearing(Fake(refusals=[refusal])):
            pass
    assert KEY not in str(raised.value)
    assert KEY not in raised.value.unquoted
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert KEY not in "".join(ours)


async def test_that_there_is_no_key_is_told_by_the_apis_name() -> None:
    async with outside() as reach:
        with pytest.raises(EngineError, match="OFFHOOK_DEEPGRAM_API_KEY") as raised:
            await registry_of(reach).transcriber(assistant_with(transcriber=NOVA))
    reason = pipeline_error("deepgram", raised.value.suffix)
    assert reason == "pipeline-error-deepgram-transcriber-api-key-missing"
