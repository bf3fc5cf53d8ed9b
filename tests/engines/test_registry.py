from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from offhook.engines.fallback import FallbackModel, FallbackTranscriber, FallbackVoice
from offhook.engines.registry import PLATFORM, EngineRegistry, ProviderNotServed
from offhook.engines.vendors import VENDORS
from offhook.language.http_model import HttpModel
from offhook.language.language_model import LanguageModel
from offhook.network.guard import AddressRefused
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.transcriber import CustomTranscriber
from offhook.schema.assistants.voice import CustomVoice
from offhook.speech import installation
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_request import Account, EngineNode, EngineRequest
from offhook.speech.providers.custom_transcriber import RemoteTranscriber
from offhook.speech.providers.custom_voice import RemoteVoice
from offhook.speech.providers.local import LocalTranscriber, LocalVoice
from offhook.speech.workers import Workers
from tests.engines.making import assistant_with, model_of, registry_of
from tests.speech.servers import answer, http_server, outside

CUSTOM_VOICE = {"provider": "custom-voice", "server": {"url": "https://voice.example.org"}}
CUSTOM_EARS = {"provider": "custom-transcriber", "server": {"url": "wss://ears.example.org"}}
VAPI_VOICE = {"provider": "vapi", "voiceId": "Clara"}
GPT = {"provider": "openai", "model": "gpt-x"}


@pytest.fixture
async def engines() -> AsyncIterator[EngineRegistry]:
    async with outside() as reach:
        yield registry_of(reach)


async def test_without_settings_the_platforms_own_engines_are_taken(engines: EngineRegistry) -> None:
    assert isinstance(await engines.transcriber(assistant_with()), LocalTranscriber)
    assert isinstance(await engines.voice(assistant_with()), LocalVoice)


async def test_the_platforms_own_engines(engines: EngineRegistry) -> None:
    assistant = assistant_with(transcriber={"provider": "vapi"}, voice={**VAPI_VOICE, "speed": 1.2})
    assert isinstance(await engines.transcriber(assistant), LocalTranscriber)
    assert isinstance(await engines.voice(assistant), LocalVoice)


async def test_custom_engines(engines: EngineRegistry) -> None:
    assistant = assistant_with(transcriber=CUSTOM_EARS, voice=CUSTOM_VOICE)
    assert isinstance(await engines.transcriber(assistant), RemoteTranscriber)
    assert isinstance(await engines.voice(assistant), RemoteVoice)


async def test_the_defaults_come_from_the_settings() -> None:
    async with outside() as reach:
        defaults = {
            **PLATFORM,
            "transcriber": CustomTranscriber.model_validate(CUSTOM_EARS),
            "voice": CustomVoice.model_validate(CUSTOM_VOICE),
        }
        engines = EngineRegistry(EngineNode(Workers(1), reach), defaults=defaults)
        assert isinstance(await engines.transcriber(assistant_with()), RemoteTranscriber)
        assert isinstance(await engines.voice(assistant_with()), RemoteVoice)
        assert isinstance(await engines.voice(assistant_with(voice=VAPI_VOICE)), LocalVoice)


async def test_a_fallback_plan_makes_a_chain(engines: EngineRegistry) -> None:
    voices = {"voices": [VAPI_VOICE]}
    voice = await engines.voice(assistant_with(voice={**CUSTOM_VOICE, "fallbackPlan": voices}))
    assert isinstance(voice, FallbackVoice)
    assert voice.provider == "custom-voice"
    transcribers = {"transcribers": [CUSTOM_EARS]}
    assistant = assistant_with(transcriber={**CUSTOM_EARS, "fallbackPlan": transcribers})
    assert isinstance(await engines.transcriber(assistant), FallbackTranscriber)


async def test_fallback_models_make_a_chain_of_one_vendors_models() -> None:
    async with outside() as reach:
        engines = registry_of(reach, openai=Account("sk-1"))
        model = await engines.model(assistant_with(model={**GPT, "fallbackModels": ["gpt-y", "gpt-z"]}))
    assert isinstance(model, FallbackModel)
    assert (model.provider, model.name, model.generative) == ("openai", "gpt-x", True)


async def test_what_is_not_served_is_passed_over_in_a_fallback_plan(engines: EngineRegistry) -> None:
    plan = {"voices": [{"provider": "cartesia", "voiceId": "x"}, VAPI_VOICE]}
    voice = {"provider": "11labs", "voiceId": "x", "fallbackPlan": plan}
    assert isinstance(await engines.voice(assistant_with(voice=voice)), LocalVoice)


async def test_what_cannot_be_made_is_passed_over_in_a_plan(
    engines: EngineRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    voice = {"provider": "custom-voice", "server": {}, "fallbackPlan": {"voices": [VAPI_VOICE]}}
    assert isinstance(await engines.voice(assistant_with(voice=voice)), LocalVoice)
    assert "no server.url is set" in caplog.text


async def test_a_plan_of_which_nothing_can_be_made_raises_the_first_error(engines: EngineRegistry) -> None:
    with pytest.raises(EngineError, match="OFFHOOK_OPENAI_API_KEY"):
        await engines.model(assistant_with(model={**GPT, "fallbackModels": ["gpt-y"]}))


async def test_a_provider_that_is_not_served_names_those_that_are(engines: EngineRegistry) -> None:
    with pytest.raises(ProviderNotServed, match=r"tavus voice: .*vapi, custom-voice") as caught:
        await engines.voice(assistant_with(voice={"provider": "tavus", "voiceId": "x"}))
    assert (caught.value.stage, caught.value.provider) == ("voice", "tavus")
    with pytest.raises(ProviderNotServed, match="vapi, custom-transcriber"):
        await engines.transcriber(assistant_with(transcriber={"provider": "talkscriber"}))


async def test_a_custom_engine_without_a_server_is_refused(engines: EngineRegistry) -> None:
    with pytest.raises(EngineError, match=r"server\.url"):
        await engines.voice(assistant_with(voice={"provider": "custom-voice", "server": {}}))


# keys


CREDENTIALS = {
    "new": {"provider": "openai", "apiKey": "sk-new"},
    "old": {"provider": "openai", "apiKey": "sk-old"},
}


async def key_of(
    reach: Any, stored: Mapping[str, Mapping[str, Any]], node: Account | None = None, **more: Any
) -> str:
    """With which key a model of the vendor would be asked."""

    async def credentials(provider: str) -> Mapping[str, Mapping[str, Any]]:
        return {name: one for name, one in stored.items() if one["provider"] == provider}

    engines = registry_of(reach, **({} if node is None else {"openai": node}))
    model: LanguageModel = await engines.model(assistant_with(model=GPT, **more), credentials)
    assert isinstance(model, HttpModel)
    return str(model._headers["authorization"]).removeprefix("Bearer ")


async def test_the_orgs_own_key_comes_before_the_nodes() -> None:
    async with outside() as reach:
        assert await key_of(reach, {}, Account("sk-node")) == "sk-node"
        assert await key_of(reach, CREDENTIALS, Account("sk-node")) == "sk-new"
        assert await key_of(reach, CREDENTIALS) == "sk-new"
        other = {"a": {"provider": "deepgram", "apiKey": "dg"}}
        assert await key_of(reach, other, Account("sk-node")) == "sk-node"


async def test_an_assistants_own_credentials_come_first() -> None:
    own = [{"provider": "deepgram", "apiKey": "dg"}, {"provider": "openai", "apiKey": "sk-own"}]
    async with outside() as reach:
        assert await key_of(reach, CREDENTIALS, credentials=own) == "sk-own"


async def test_an_assistant_may_be_held_to_some_of_the_orgs_credentials() -> None:
    async with outside() as reach:
        assert await key_of(reach, CREDENTIALS, credentialIds=["old", "gone"]) == "sk-old"
        assert await key_of(reach, CREDENTIALS, Account("sk-node"), credentialIds=[]) == "sk-node"


async def test_a_stored_credential_that_is_not_valid_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    broken: dict[str, dict[str, Any]] = {"broken": {"provider": "openai", "apiKey": 7}, **CREDENTIALS}
    async with outside() as reach:
        assert await key_of(reach, broken) == "sk-new"
    assert "the credential broken is not valid" in caplog.text


async def test_a_nodes_key_goes_to_no_address_but_the_nodes() -> None:
    """A credential without a key has an address all the same."""

    class Keyless(AssistantOverrides):
        api_key: str = ""
        api_url: str = "https://elsewhere.example"

    async def credential() -> AssistantOverrides:
        return Keyless()

    async with outside() as reach:
        node = EngineNode(Workers(1), reach, {"deepgram": Account("dg-node", "https://dg.internal")})
        request = EngineRequest("voice", "deepgram", assistant_with(), node, credential)
        assert await request.account() == Account("dg-node", "https://dg.internal")


async def test_the_address_of_a_credential_comes_before_the_nodes() -> None:
    class WithUrl(AssistantOverrides):
        api_key: str = "dg-org"
        api_url: str | None = "https://dg.org.example"

    async with outside() as reach:
        node = EngineNode(Workers(1), reach, {"deepgram": Account("dg-node", "https://dg.internal")})
        for url, found in (("https://dg.org.example",) * 2, (None, "https://dg.internal")):

            async def credential(url: str | None = url) -> AssistantOverrides:
                return WithUrl(api_url=url)

            request = EngineRequest("voice", "deepgram", assistant_with(), node, credential)
            assert await request.account() == Account("dg-org", found)


@pytest.mark.parametrize(
    ("url", "refused"), [(None, False), ("http://127.0.0.1:1", True), ("http://localhost:1", True)]
)
async def test_only_the_operators_own_address_may_be_private(url: str | None, refused: bool) -> None:
    class WithUrl(AssistantOverrides):
        api_key: str = "dg-org"
        api_url: str | None = url

    async def credential() -> AssistantOverrides:
        return WithUrl()

    async with http_server(answer(b"here")) as server, outside(allow_private=False) as reach:
        node = EngineNode(Workers(1), reach, {"deepgram": Account("dg-node", server.url)})
        request = EngineRequest("voice", "deepgram", assistant_with(), node, credential)
        account = await request.account()
        try:
            found = (await request.way_to(account).http.get(account.url or "")).text
        except AddressRefused:
            found = ""
        assert found == ("" if refused else "here")


async def test_a_model_is_reached_at_the_operators_address() -> None:
    async with http_server(answer(b"", "401 Unauthorized")) as server, outside(allow_private=False) as reach:
        made = await model_of(reach, {"provider": "openai", "model": "m"}, openai=Account("k", server.url))
        with pytest.raises(EngineError, match="401"):
            await anext(made.respond([{"role": "user", "content": "Hello."}], ()))


def test_a_key_is_not_shown() -> None:
    assert "sk-1" not in repr(Account("sk-1"))


def test_every_vendor_has_what_its_line_says() -> None:
    import importlib

    for vendor in VENDORS.values():
        for kind in ("transcriber", "model", "voice"):
            if module := getattr(vendor, kind):
                assert callable(getattr(importlib.import_module(module), kind))


# what the local engines need


def test_a_whole_installation_misses_nothing() -> None:
    assert installation.missing() == []


async def test_a_missing_package_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    problems = await installation.check()
    assert [p.text for p in problems] == [
        "the package moonshine-voice==0.1.0 is missing: pip install --force-reinstall moonshine-voice==0.1.0",
        "the package hibari-tts==0.2.1 is missing: pip install --force-reinstall hibari-tts==0.2.1",
    ]


async def test_a_missing_model_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_MODEL_FILES", {"hibari": ("assets/gone.onnx",)})
    (problem,) = await installation.check()
    assert "gone.onnx is missing or empty: pip install" in problem.text


async def test_check_starts_the_engines() -> None:
    assert await installation.check() == []


@pytest.mark.parametrize("stage", ["transcriber", "model", "voice"])
async def test_the_engines_of_this_machine_stand_in_if_the_operator_says_so(
    stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {
        "transcriber": {"provider": "talkscriber"},
        "model": {"provider": "openai", "model": "gpt-4o"},
        "voice": {"provider": "playht", "voiceId": "v"},
    }[stage]
    async with outside() as reach:
        node = EngineNode(Workers(1), reach)
        assistant = assistant_with(**{stage: given})
        with pytest.raises(EngineError):
            await getattr(EngineRegistry(node), stage)(assistant)
        made = await getattr(EngineRegistry(node, substitute=True), stage)(assistant)
        assert made.provider == "vapi"
    assert "an engine is passed over" in caplog.text


async def test_what_is_wrong_is_told_though_engines_stand_in() -> None:
    wrong = {"provider": "custom-llm", "model": "m", "url": "llm.example.org"}
    async with outside() as reach:
        registry = EngineRegistry(EngineNode(Workers(1), reach), substitute=True)
        with pytest.raises(EngineError, match=r"model\.url"):
            await registry.model(assistant_with(model=wrong))
