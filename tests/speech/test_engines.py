from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from offhook.schema.transcriber import VapiTranscriber
from offhook.schema.voice import CustomVoice as CustomVoiceSettings
from offhook.schema.voice import VapiVoice
from offhook.speech import engines as engines_module
from offhook.speech.base import EngineError
from offhook.speech.engines import ProviderNotServed, SpeechEngines, SpeechSettings
from offhook.speech.fallback import FallbackTranscriber, FallbackVoice
from offhook.speech.providers.custom_transcriber import CustomTranscriber
from offhook.speech.providers.custom_voice import CustomVoice
from offhook.speech.providers.local import LocalTranscriber, LocalVoice
from offhook.speech.workers import Workers
from tests.speech.servers import outside

CUSTOM_VOICE = {"provider": "custom-voice", "server": {"url": "https://voice.example.org"}}
CUSTOM_EARS = {"provider": "custom-transcriber", "server": {"url": "wss://ears.example.org"}}


@pytest.fixture
async def engines() -> AsyncIterator[SpeechEngines]:
    async with outside() as reach:
        yield SpeechEngines(Workers(1), reach)


async def test_without_settings_the_platforms_own_engines_are_taken(engines: SpeechEngines) -> None:
    assert isinstance(engines.transcriber(None), LocalTranscriber)
    assert isinstance(engines.voice(None), LocalVoice)


async def test_the_schemas_models_are_taken(engines: SpeechEngines) -> None:
    assert isinstance(engines.transcriber(VapiTranscriber(provider="vapi")), LocalTranscriber)
    assert isinstance(engines.voice(VapiVoice(provider="vapi", voice_id="Clara", speed=1.2)), LocalVoice)
    custom = CustomVoiceSettings.model_validate(CUSTOM_VOICE)
    assert isinstance(engines.voice(custom), CustomVoice)


async def test_custom_engines(engines: SpeechEngines) -> None:
    assert isinstance(engines.transcriber(CUSTOM_EARS), CustomTranscriber)
    assert isinstance(engines.voice(CUSTOM_VOICE), CustomVoice)


async def test_the_defaults_come_from_the_settings() -> None:
    async with outside() as reach:
        settings = SpeechSettings(transcriber=CUSTOM_EARS, voice=CUSTOM_VOICE)
        engines = SpeechEngines(Workers(1), reach, settings)
        assert isinstance(engines.transcriber(None), CustomTranscriber)
        assert isinstance(engines.voice(None), CustomVoice)
        assert isinstance(engines.voice({"provider": "vapi"}), LocalVoice)


async def test_a_fallback_plan_makes_a_chain(engines: SpeechEngines) -> None:
    voices = {"voices": [{"provider": "vapi", "voiceId": "Clara"}]}
    voice = engines.voice({**CUSTOM_VOICE, "fallbackPlan": voices})
    assert isinstance(voice, FallbackVoice)
    assert voice.provider == "custom-voice"
    transcribers = {"transcribers": [CUSTOM_EARS]}
    assert isinstance(
        engines.transcriber({"provider": "vapi", "fallbackPlan": transcribers}), FallbackTranscriber
    )


async def test_what_is_not_served_is_passed_over_in_a_fallback_plan(engines: SpeechEngines) -> None:
    plan = {"voices": [{"provider": "cartesia"}, {"provider": "vapi", "voiceId": "Clara"}]}
    assert isinstance(engines.voice({"provider": "11labs", "voiceId": "x", "fallbackPlan": plan}), LocalVoice)


async def test_a_provider_that_is_not_served_names_those_that_are(engines: SpeechEngines) -> None:
    with pytest.raises(ProviderNotServed, match=r"11labs voice: .*vapi, custom-voice") as caught:
        engines.voice({"provider": "11labs", "voiceId": "x"})
    assert (caught.value.stage, caught.value.provider) == ("voice", "11labs")
    with pytest.raises(ProviderNotServed, match="vapi, custom-transcriber"):
        engines.transcriber({"provider": "deepgram"})


async def test_a_custom_engine_without_a_server_is_refused(engines: SpeechEngines) -> None:
    with pytest.raises(EngineError, match=r"server\.url"):
        engines.voice({"provider": "custom-voice"})


def test_a_whole_installation_misses_nothing() -> None:
    assert engines_module.missing() == []


async def test_a_missing_package_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module.importlib.util, "find_spec", lambda name: None)
    problems = await SpeechEngines.check()
    assert [p.text for p in problems] == [
        "the package moonshine-voice==0.1.0 is missing: pip install --force-reinstall moonshine-voice==0.1.0",
        "the package hibari-tts==0.2.1 is missing: pip install --force-reinstall hibari-tts==0.2.1",
    ]


async def test_a_missing_model_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "_MODEL_FILES", {"hibari": ("assets/gone.onnx",)})
    (problem,) = await SpeechEngines.check()
    assert "gone.onnx is missing or empty: pip install" in problem.text


async def test_check_starts_the_engines() -> None:
    assert await SpeechEngines.check() == []
