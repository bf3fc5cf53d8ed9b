"""Azure's speech: where it is, and what is written in its language."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from offhook.schema.credential import AzureCredential, MicrosoftCredential
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_request import Account, EngineNode, EngineRequest
from offhook.speech.providers.azure import address, ssml
from offhook.speech.workers import Workers
from tests.engines.making import assistant_with, registry_of
from tests.speech.servers import outside

VOICE: dict[str, Any] = {"provider": "azure", "voiceId": "andrew"}


def written(text: str, **settings: Any) -> str:
    chosen: Any = assistant_with(voice=VOICE | settings).voice
    return ssml(chosen, text)


def test_text_is_no_markup() -> None:
    said = written('Tom & "Jerry" <3 </voice><break time="500ms"/>')
    assert 'Tom &amp; "Jerry" &lt;3 &lt;/voice&gt;<break time="500ms"/></voice></speak>' in said
    assert '<voice name="en-US-AndrewMultilingualNeural">' in said


def test_speed_style_and_language_are_said() -> None:
    assert '<prosody rate="1.2">Hello.</prosody>' in written("Hello.", speed=1.2)
    german = written("Hallo.", voiceId="de-DE-KatjaNeural")
    assert 'xml:lang="de-DE"' in german
    style = {"provider": "microsoft", "style": "happy", "styleDegree": 1.5, "role": "Girl"}
    said = written("Hello.", **style)
    assert '<mstts:express-as style="happy" styledegree="1.5" role="Girl">Hello.</mstts:express-as>' in said


async def at(
    url: str | None, service: Literal["tts", "stt"] = "tts", credential: Any = None, provider: str = "azure"
) -> str:
    async def stored() -> Any:
        return credential

    async with outside() as reach:
        node = EngineNode(Workers(1), reach, {provider: Account("key", url)})
        chosen: Any = assistant_with(voice=VOICE).voice
        return await address(EngineRequest("voice", provider, chosen, node, stored), service)


async def test_one_address_of_a_region_stands_for_both_services() -> None:
    for url in (
        "https://eastus.api.cognitive.microsoft.com/",
        "https://eastus.tts.speech.microsoft.com",
        "https://eastus.stt.speech.microsoft.com",
    ):
        assert await at(url) == "https://eastus.tts.speech.microsoft.com"
        assert await at(url, "stt") == "https://eastus.stt.speech.microsoft.com"
    resource = "https://clinic.cognitiveservices.azure.com"
    assert await at(resource, "stt") == f"{resource}/stt"
    assert await at("http://127.0.0.1:8080/cognitiveservices/v1") == "http://127.0.0.1:8080"


async def test_the_region_of_the_orgs_key_goes_before() -> None:
    own = AzureCredential.model_validate(
        {"provider": "azure", "service": "speech", "region": "westeurope", "apiKey": "org-key"}
    )
    assert await at("http://127.0.0.1:8080", credential=own) == "https://westeurope.tts.speech.microsoft.com"
    other = MicrosoftCredential.model_validate(
        {"provider": "microsoft", "region": "a.b/c?", "apiKey": "org-key"}
    )
    with pytest.raises(EngineError, match="region is none"):
        await at(None, credential=other, provider="microsoft")
    with pytest.raises(EngineError, match="OFFHOOK_MICROSOFT_BASE_URL"):
        await at(None, provider="microsoft")


async def test_a_key_for_storage_is_none_for_speech() -> None:
    kept = {
        "c1": {"provider": "azure", "service": "blob_storage", "region": "eastus", "apiKey": "storage-key"},
        "c2": {"provider": "azure", "service": "speech", "region": "westus", "apiKey": "speech-key"},
    }

    async def stored(provider: str) -> dict[str, dict[str, Any]]:
        return kept if provider == "azure" else {}

    async with outside() as reach:
        voice: Any = await registry_of(reach).voice(assistant_with(voice=VOICE), stored)
        del kept["c2"]
        with pytest.raises(EngineError, match="no key"):
            await registry_of(reach).voice(assistant_with(voice=VOICE), stored)
    assert "westus" in str(vars(voice._voices.current))
