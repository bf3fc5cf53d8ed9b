"""Vendors that hear over a socket, each by our own client against the fake that its SDK accepts (or, where it
has none, that goes by what it documents): what is the same of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError, Transcriber, Transcript
from offhook.speech.engine_request import Account
from tests.engines.making import assistant_with, registry_of
from tests.fakes import (
    assembly_ai,
    azure_transcription,
    gladia,
    openai_transcription,
    soniox,
    speechmatics,
    xai_transcription,
)
from tests.fakes.ears import KEY, EarsFake, served
from tests.fakes.loudness import Loudness
from tests.machine import PATIENCE
from tests.speech.servers import outside
from tests.speech.test_custom_transcriber import Ears
from tests.speech.test_deepgram import final, speak

ASKED = "How late are you open?"
THANKS = "Thanks."


@dataclass(frozen=True)
class Ear:
    """`base`: what of its address stands in the setting. `heard_first`: the first partial. `timed`: words
    have times. `patience`: within which it ends a turn itself. `refused`: what a wrong key is called.
    `passing`: an error of a moment, `lasting`: one that stays, with its name."""

    settings: dict[str, Any]
    fake: Callable[..., EarsFake]
    heard_first: str
    refused: str
    passing: dict[str, Any]
    lasting: dict[str, Any] | None = None
    named: str = ""
    base: str = ""
    timed: bool = True
    patience: float | None = None
    busy: str = ""
    broken: str = ""
    served: Callable[[Any], AbstractAsyncContextManager[Any]] = served

    @property
    def provider(self) -> str:
        return str(self.settings["provider"])

    @property
    def failed(self) -> str:
        return self.broken or f"{self.provider}-transcriber-failed"


EARS = {
    "openai": Ear(
        {"provider": "openai", "model": "gpt-4o-transcribe"},
        openai_transcription.Fake,
        "How late",
        refused="openai-transcriber-failed",
        passing={"type": "error", "error": {"type": "server_error", "message": "Sorry."}},
        lasting={"type": "error", "error": {"type": "invalid_request_error", "message": "No."}},
        named="openai-transcriber-failed",
        base="/v1",
        timed=False,
    ),
    "assembly-ai": Ear(
        {"provider": "assembly-ai"},
        assembly_ai.Fake,
        "How late",
        refused="assembly-ai-returning-401-invalid-credentials",
        passing={"type": "Error", "error_code": 3005, "error": "Server error"},
        lasting={"type": "Error", "error_code": 1008, "error": "Insufficient funds"},
        named="assembly-ai-returning-400-insufficent-funds",
        patience=1.4,
    ),
    "soniox": Ear(
        {"provider": "soniox"},
        soniox.Fake,
        "How late",
        refused="soniox-transcriber-auth-failed",
        passing={"tokens": [], "error_code": 503, "error_message": "Cannot continue request (code 7)"},
        lasting={"tokens": [], "error_code": 402, "error_message": "Balance exhausted"},
        named="soniox-transcriber-failed",
        patience=1.5,
        busy="soniox-transcriber-rate-limited",
    ),
    "gladia": Ear(
        {"provider": "gladia"},
        gladia.Fake,
        "How late",
        refused="gladia-transcriber-failed",
        passing={"type": "error", "message": "Sorry."},
        served=gladia.served,
    ),
    "speechmatics": Ear(
        {"provider": "speechmatics", "customVocabulary": []},
        speechmatics.Fake,
        "How",
        refused="speechmatics-transcriber-failed",
        passing={"message": "Error", "type": "job_error", "reason": "Sorry."},
        lasting={"message": "Error", "type": "quota_exceeded", "reason": "No."},
        named="speechmatics-transcriber-failed",
    ),
    "azure": Ear(
        {"provider": "azure"},
        azure_transcription.Fake,
        "How late",
        refused="azure-speech-transcriber-failed",
        passing={"path": "turn.end", "body": {}},
        broken="azure-speech-transcriber-failed",
    ),
    "xai": Ear(
        {"provider": "xai"},
        xai_transcription.Fake,
        "How late",
        refused="xai-transcriber-auth-failed",
        passing={"type": "error", "message": "Sorry."},
        busy="xai-transcriber-rate-limited",
    ),
}
every = pytest.mark.parametrize("ear", EARS.values(), ids=EARS)


@asynccontextmanager
async def hearing(
    ear: Ear, fake: EarsFake, more: dict[str, Any] | None = None, key: str = KEY
) -> AsyncIterator[tuple[Transcriber, Ears]]:
    ears = Ears()
    async with ear.served(fake), outside(allow_private=False) as reach, asyncio.timeout(PATIENCE):
        registry = registry_of(reach, **{ear.provider: Account(key, fake.url + ear.base)})
        transcriber = await registry.transcriber(assistant_with(transcriber=ear.settings | (more or {})))
        await transcriber.start(ears.heard.put_nowait, ears.failed.put_nowait)
        try:
            yield transcriber, ears
        finally:
            await transcriber.close()


@every
async def test_words_come_for_now_and_for_good(ear: Ear) -> None:
    async with hearing(ear, ear.fake([ASKED, THANKS])) as (transcriber, ears):
        assert transcriber.turn_patience == ear.patience
        speak(transcriber)
        told: list[Transcript] = []
        while not told or not told[-1].final:
            told.append(await ears.heard.get())
        speak(transcriber)
        assert (await final(ears)).text == THANKS
    assert (told[0].text, told[0].final) == (ear.heard_first, False)
    assert (told[-1].text, told[-1].turn) == (ASKED, "ended" if ear.patience else None)
    assert [one.text for one in told[-1].words] == (ASKED.split() if ear.timed else [])
    if ear.timed:
        assert told[-1].words[0].start == pytest.approx(0.1, abs=0.021)


async def failure(ear: Ear, fake: EarsFake, key: str = KEY, turns: int = 4) -> EngineError:
    """However it is told: while it connects, or later."""
    try:
        async with hearing(ear, fake, key=key) as (transcriber, ears):
            for _ in range(turns):
                speak(transcriber)
            error = await ears.failed.get()
    except EngineError as raised:
        error = raised
    assert key not in str(error)
    return error


def named(ear: Ear, error: EngineError) -> str:
    return pipeline_error(ear.provider, error.suffix).removeprefix("pipeline-error-")


@every
async def test_what_will_not_be_better_is_told_at_once(ear: Ear) -> None:
    for fake, key, reason in (
        (ear.fake(), "a-wrong-key-0815", ear.refused),
        (ear.fake(told=[ear.lasting or {}]), KEY, ear.named),
        (ear.fake([ASKED] * 9, garbage="{"), KEY, ear.failed),
        (ear.fake(refusals=[429]), KEY, ear.busy or ear.failed),
    ):
        if not reason:
            continue  # it knows no errors that last
        assert named(ear, await failure(ear, fake, key)) == reason
        assert fake.connections == 1


@every
async def test_what_may_be_better_is_tried_again_and_hears_it_again(ear: Ear) -> None:
    for fake in (
        ear.fake([ASKED], refusals=[503]),
        ear.fake([ASKED], told=[ear.passing]),
        ear.fake([ASKED] * 2, closes_after=1),
        ear.fake([ASKED], slow=0.3),
    ):
        async with hearing(ear, fake) as (transcriber, ears):
            speak(transcriber)
            assert (await final(ears)).text == ASKED
            assert ears.failed.empty()


@every
async def test_one_that_hangs_is_given_up(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.speech.streaming.streaming_transcriber.SILENT_SECONDS", 0.2)
    mute = ear.fake([ASKED] * 9, mute=9)
    async with hearing(ear, mute) as (transcriber, ears):
        monkeypatch.setattr(type(transcriber), "answers_after", 0.0)
        speak(transcriber)
        assert (await ears.failed.get()).detail == "it does not answer"
    assert mute.connections == 2


Setting = tuple[str, dict[str, Any], dict[str, Any]]
SETTINGS: list[Setting] = [
    ("assembly-ai", {}, {"sample_rate": "8000", "speech_model": "universal-streaming-english",
                         "format_turns": "true", "end_of_turn_confidence_threshold": "0.7",
                         "min_turn_silence": "160", "max_turn_silence": "400"}),
    ("assembly-ai", {"language": "multi", "formatTurns": False, "maxTurnSilence": 900},
     {"speech_model": "universal-streaming-multilingual", "format_turns": "false",
      "max_turn_silence": "900"}),
    ("assembly-ai", {"keytermsPrompt": ["Offhook", "SIP"], "endOfTurnConfidenceThreshold": 0},
     {"keyterms_prompt": '["Offhook", "SIP"]', "end_of_turn_confidence_threshold": "0"}),
    ("assembly-ai", {"prompt": "A clinic.", "languageCodes": ["de"]}, {"max_turn_silence": "400"}),
    ("assembly-ai", {"speechModel": "universal-3-5-pro", "prompt": "A clinic.", "mode": "balanced",
                     "agentContext": "How can I help?", "languageCodes": ["de", "en"]},
     {"prompt": "A clinic.", "mode": "balanced", "agent_context": "How can I help?",
      "language_codes": '["de", "en"]'}),
    ("soniox", {}, {"model": "stt-rt-v4", "language_hints": ["en"], "enable_endpoint_detection": True,
                    "max_endpoint_delay_ms": 500}),
    ("soniox", {"model": "stt-rt-v5", "language": "de", "maxEndpointDelayMs": 900,
                "languageHintsStrict": True, "customVocabulary": ["Offhook"],
                "contextGeneral": [{"key": "domain", "value": "health"}]},
     {"model": "stt-rt-v5", "language_hints": ["de"], "max_endpoint_delay_ms": 900,
      "language_hints_strict": True,
      "context": {"terms": ["Offhook"], "general": [{"key": "domain", "value": "health"}]}}),
    ("soniox", {"languages": ["de", "fr"], "endpointSensitivity": 0.5},
     {"language_hints": ["de", "fr"], "endpoint_sensitivity": 0.5}),
    ("soniox", {"languages": []}, {"audio_format": "pcm_s16le"}),
    ("gladia", {}, {"model": "solaria-1", "region": "us-west", "endpointing": 0.05,
                    "language_config": {"languages": ["en"], "code_switching": False}}),
    ("gladia", {"model": "fast", "region": "eu-west", "languages": ["de", "fr"], "endpointing": 0.5,
                "languageBehaviour": "automatic multiple languages", "audioEnhancer": True,
                "customVocabularyConfig": {"vocabulary": ["Offhook", {"value": "SIP", "intensity": 0.6}]}},
     {"model": "solaria-1", "region": "eu-west", "endpointing": 0.5,
      "language_config": {"languages": ["de", "fr"], "code_switching": True},
      "pre_processing": {"audio_enhancer": True},
      "realtime_processing": {
          "custom_vocabulary": True,
          "custom_vocabulary_config": {"vocabulary": ["Offhook", {"value": "SIP", "intensity": 0.6}]}}}),
    ("speechmatics", {}, {"language": "en", "max_delay": 3.0, "enable_partials": True}),
    ("speechmatics", {"language": "de", "operatingPoint": "enhanced", "maxDelay": 1500,
                      "removeDisfluencies": True,
                      "customVocabulary": [{"content": "Offhook", "soundsLike": ["off hook"]}]},
     {"language": "de", "operating_point": "enhanced", "max_delay": 1.5,
      "transcript_filtering_config": {"remove_disfluencies": True},
      "additional_vocab": [{"content": "Offhook", "sounds_like": ["off hook"]}]}),
    ("azure", {}, {"language": "en-US", "format": "detailed", "wordLevelTimestamps": "true",
                   "segmentationSilenceTimeoutMs": "300"}),
    ("azure", {"language": "de-DE", "segmentationStrategy": "Semantic", "segmentationSilenceTimeoutMs": 500,
               "segmentationMaximumTimeMs": 30000},
     {"language": "de-DE", "segmentationStrategy": "Semantic", "segmentationSilenceTimeoutMs": "500",
      "segmentationMaximumTimeMs": "30000"}),
    ("xai", {"language": "de"}, {"language": "de", "interim_results": "true", "endpointing": "300"}),
    ("openai", {"model": "gpt-4o-mini-transcribe", "language": "de"},
     {"model": "gpt-4o-mini-transcribe", "language": "de"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "asked"), SETTINGS)
async def test_each_setting_has_its_parameter(
    name: str, settings: dict[str, Any], asked: dict[str, Any]
) -> None:
    """The fake refuses the rest."""
    ear = EARS[name]
    fake = ear.fake([ASKED])
    async with hearing(ear, fake, settings) as (transcriber, ears):
        speak(transcriber, pause=1.5)
        assert (await final(ears)).text
    begun = next((one for one in fake.begun if isinstance(one, dict)), {})
    found = {**dict(fake.queries[0]), **_flat(begun)}
    assert asked.items() <= found.items()


def _flat(begun: dict[str, Any]) -> dict[str, Any]:
    heard: dict[str, Any] = begun.get("audio", {}).get("input", {})
    return {**begun, **heard.get("transcription", {}), **begun.get("transcription_config", {})}


async def test_words_without_marks_are_told_where_they_are_wished_for() -> None:
    ear = EARS["assembly-ai"]
    async with hearing(ear, ear.fake([ASKED]), {"formatTurns": False}) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == "how late are you open"
    async with hearing(ear, ear.fake([ASKED]), {"disablePartialTranscripts": True}) as (transcriber, ears):
        speak(transcriber)
        assert (await ears.heard.get()).turn == "may-end"


@pytest.mark.parametrize("own", [[], [{"provider": "assembly-ai", "apiKey": ""}]], ids=["none", "empty"])
async def test_a_nodes_key_goes_to_no_address_of_an_assistants(own: list[dict[str, Any]]) -> None:
    elsewhere = {"provider": "assembly-ai", "realtimeUrl": "wss://example.com/v3/ws"}
    async with outside() as reach:
        registry = registry_of(reach, **{"assembly-ai": Account(KEY)})
        with pytest.raises(EngineError, match="realtimeUrl"):
            await registry.transcriber(assistant_with(transcriber=elsewhere, credentials=own))


@every
async def test_nobody_is_given_up_for_a_cough(ear: Ear) -> None:
    """All but Soniox say nothing where there are no words."""
    async with hearing(ear, ear.fake()) as (transcriber, _):
        patient: Any = transcriber
        assert (patient.answers_after > 1.0) is (ear.provider != "soniox")


async def test_azures_long_phrases_are_heard() -> None:
    """They come in several readings, each with the times of all words."""

    class Long(azure_transcription.Fake):
        async def _told(self, connection: ServerConnection, path: str, body: dict[str, Any]) -> None:
            if "NBest" in body:
                body["NBest"].append({"Lexical": "word " * 20_000})
            await super()._told(connection, path, body)

    async with hearing(EARS["azure"], Long([ASKED] * 9)) as (transcriber, ears):
        speak(transcriber)
        assert (await final(ears)).text == ASKED


async def test_one_that_has_no_words_time_and_again_has_failed() -> None:
    """So OpenAI is without credit: the session stays open."""

    class Spent(openai_transcription.Fake):
        async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
            error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "No credit."}
            await self._told(connection, f"{openai_transcription.ITEM}failed", content_index=0, error=error)
            self.items += 1

    async with hearing(EARS["openai"], Spent([ASKED] * 9)) as (transcriber, ears):
        for _ in range(3):
            speak(transcriber, pause=0.5)
        assert (await ears.failed.get()).detail == "No credit."


@pytest.mark.parametrize("name", ["assembly-ai", "soniox"])
async def test_what_is_heard_with_doubt_is_left_out(name: str) -> None:
    ear = EARS[name]
    async with hearing(ear, ear.fake([ASKED]), {"confidenceThreshold": 0.99}) as (transcriber, ears):
        speak(transcriber)
        heard = await final(ears)
    assert (heard.text, heard.words, heard.turn) == ("", (), "ended")
