"""The official SDK writes what our types take, and reads from our documents every value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import vapi
from pydantic import BaseModel

from offhook.schema import (
    Assistant,
    Call,
    CreateVapiPhoneNumberDTO,
    StoredAssistant,
    UpdateVapiPhoneNumberDTO,
    VapiPhoneNumber,
    document,
    format_timestamp,
    normalise_server,
    show_server,
    timestamp,
)
from tests.schema.parsing import parse
from tests.schema.samples import sample

pytestmark = pytest.mark.slow

IDS = {
    "id": "0198c5b0-0000-7000-8000-000000000001",
    "orgId": "0198c5b0-0000-7000-8000-000000000002",
    "createdAt": timestamp(1795428000.25),
    "updatedAt": timestamp(1795428001),
}
ASSISTANTS = sorted((Path(__file__).parent / "assistants").glob("*.json"))


def client(answer: Callable[[httpx.Request], object]) -> vapi.Vapi:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(201 if request.method == "POST" else 200, json=answer(request))

    return vapi.Vapi(
        token="key",
        base_url="http://127.0.0.1",
        httpx_client=httpx.Client(transport=httpx.MockTransport(respond)),
    )


def test_a_number_is_created_and_read_back_with_its_values() -> None:
    def create(request: httpx.Request) -> object:
        number = document(parse(CreateVapiPhoneNumberDTO, json.loads(request.content)))
        shown = show_server({**number, **IDS, "status": "active"})
        assert document(parse(VapiPhoneNumber, shown)) == shown
        return shown

    number = client(create).phone_numbers.create(
        request=vapi.CreatePhoneNumbersRequest_Vapi(
            name="Front desk",
            sip_uri="sip:front@example.org",
            server=vapi.Server(url="https://example.org/hook", timeout_seconds=5),
            authentication=vapi.SipAuthentication(username="u" * 20, password="p" * 20),
            fallback_destination=vapi.CreateVapiPhoneNumberDtoFallbackDestination_Number(number="+15550100"),
            hooks=[
                vapi.CreateVapiPhoneNumberDtoHooksItem_CallEnding(
                    do={"type": "say", "exact": "Sorry."},
                )
            ],
        )
    )

    assert number.provider == "vapi"
    assert number.id == IDS["id"]
    assert number.org_id == IDS["orgId"]
    assert number.created_at.timestamp() == 1795428000.25
    assert number.sip_uri == "sip:front@example.org"
    assert number.status == "active"
    assert number.server.url == "https://example.org/hook"
    assert number.server.timeout_seconds == 5
    assert number.authentication.username == "u" * 20
    assert number.fallback_destination.number == "+15550100"
    assert number.hooks[0].do.exact == "Sorry."


def test_a_change_from_the_sdk_carries_its_nulls() -> None:
    seen: list[dict[str, Any]] = []

    def update(request: httpx.Request) -> object:
        seen.append(normalise_server(document(parse(UpdateVapiPhoneNumberDTO, json.loads(request.content)))))
        return {**IDS, "provider": "vapi"}

    client(update).phone_numbers.update(
        "x", request=vapi.UpdatePhoneNumbersRequestBody_Vapi(name="n", assistant_id=None)
    )

    assert seen == [{"provider": "vapi", "name": "n", "assistantId": None}]


def test_an_assistant_is_created_with_what_the_sdk_wrote() -> None:
    seen: list[dict[str, Any]] = []

    def create(request: httpx.Request) -> object:
        seen.append(document(parse(Assistant, json.loads(request.content))))
        return {**seen[0], **IDS}

    assistant = client(create).assistants.create(
        name="Reception",
        first_message="Hello",
        model=vapi.CreateAssistantDtoModel_CustomLlm(
            url="http://127.0.0.1:1/v1",
            model="m",
            messages=[vapi.OpenAiMessage(role="system", content="Be kind.")],
            tools=[vapi.CustomLlmModelToolsItem_EndCall()],
        ),
        voice=vapi.CreateAssistantDtoVoice_Vapi(voice_id="Elliot", speed=1.0),
        transcriber=vapi.CreateAssistantDtoTranscriber_Vapi(language="en"),
        start_speaking_plan=vapi.StartSpeakingPlan(wait_seconds=0.2),
        server_messages=["status-update", 'transcript[transcriptType="final"]'],
        max_duration_seconds=60,
    )

    assert seen[0]["model"]["tools"] == [{"type": "endCall"}]
    assert seen[0]["serverMessages"] == ["status-update", 'transcript[transcriptType="final"]']
    assert assistant.model.provider == "custom-llm"
    assert assistant.model.messages[0].content == "Be kind."
    assert assistant.voice.voice_id == "Elliot"
    assert assistant.transcriber.language == "en"
    assert assistant.start_speaking_plan.wait_seconds == 0.2


def test_what_only_the_newest_sdk_knows_is_taken() -> None:
    seen: list[dict[str, Any]] = []

    def create(request: httpx.Request) -> object:
        seen.append(document(parse(Assistant, json.loads(request.content))))
        return {**seen[-1], **IDS}

    calling = client(create)
    desk = vapi.CreateTransferCallToolDtoDestinationsItem_Number(number="+15550100", name="Front desk")
    calling.assistants.create(
        model=vapi.CreateAssistantDtoModel_Openai(
            model="gpt-4o",
            service_tier="priority",
            tools=[vapi.OpenAiModelToolsItem_TransferCall(destinations=[desk])],
        ),
        voice=vapi.CreateAssistantDtoVoice_Deepgram(voice_id="asteria", speed=1.1, expressivity=0.5),
        transcriber=vapi.CreateAssistantDtoTranscriber_Soniox(endpoint_sensitivity=0.5),
    )
    calling.assistants.create(
        model=vapi.CreateAssistantDtoModel_AnthropicBedrock(
            model="claude-3-haiku-20240307", fallback_models=["claude-3-opus-20240229"]
        ),
        transcriber=vapi.CreateAssistantDtoTranscriber_AssemblyAi(agent_context_auto_update_enabled=True),
    )

    first, second = seen
    assert first["model"]["tools"][0]["destinations"][0]["name"] == "Front desk"
    assert first["voice"]["expressivity"] == 0.5
    assert first["transcriber"]["endpointSensitivity"] == 0.5
    assert second["model"]["fallbackModels"] == ["claude-3-opus-20240229"]
    assert second["transcriber"]["agentContextAutoUpdateEnabled"] is True


@pytest.mark.parametrize("path", ASSISTANTS, ids=lambda path: path.stem)
def test_no_value_of_an_assistant_is_lost_in_the_sdk(path: Path) -> None:
    """A missing discriminator would make the SDK drop a whole object in silence."""
    shown = {**json.loads(path.read_text("utf-8")), **IDS}

    read = client(lambda request: shown).assistants.get("x")

    assert missing(shown, read) == []


def test_a_call_is_read_with_its_artifact() -> None:
    message = {"time": 1795428000000, "secondsFromStart": 0.5, "endTime": 1795428001000, "duration": 1000}
    shown = {
        **IDS,
        "type": "inboundPhoneCall",
        "status": "ended",
        "endedReason": "customer-ended-call",
        "startedAt": IDS["createdAt"],
        "endedAt": None,
        "phoneCallTransport": "sip",
        "transport": {"provider": "vapi.sip", "callSid": "leg", "sbcCallSid": "sip-call-id"},
        "customer": {"number": "+15550100", "sipUri": "sip:+15550100@192.0.2.1"},
        "cost": 0,
        "costs": [{"type": "voice", "voice": {"provider": "vapi"}, "characters": 12, "cost": 0}],
        "monitor": {"listenUrl": "ws://127.0.0.1/x/listen", "controlUrl": "http://127.0.0.1/x/control"},
        "artifact": {
            "transcript": "AI: Hello\nUser: Hi\n",
            "messages": [
                {"role": "bot", "message": "Hello", "source": "", **message},
                {"role": "user", "message": "Hi", **message},
            ],
            "messagesOpenAIFormatted": [{"role": "assistant", "content": "Hello"}],
            "recording": {
                "stereoUrl": "http://127.0.0.1/s.wav",
                "mono": {"combinedUrl": "http://127.0.0.1/m.wav"},
            },
            "performanceMetrics": {"turnLatencies": [{"turnLatency": 420.5}], "turnLatencyAverage": 420.5},
        },
    }
    assert document(parse(Call, shown)) == shown

    call = client(lambda request: shown).calls.get("x")

    assert call.status == "ended"
    assert call.transport.sbc_call_sid == "sip-call-id"
    assert call.customer.sip_uri == "sip:+15550100@192.0.2.1"
    assert [message.role for message in call.artifact.messages] == ["bot", "user"]
    assert call.artifact.messages[0].seconds_from_start == 0.5
    assert call.artifact.messages_open_ai_formatted[0].content == "Hello"
    assert call.artifact.recording.mono.combined_url == "http://127.0.0.1/m.wav"
    assert call.artifact.performance_metrics.turn_latencies[0].turn_latency == 420.5
    assert call.costs[0].characters == 12


def test_no_value_of_a_full_number_or_assistant_is_lost() -> None:
    number, assistant = {**sample("VapiPhoneNumber"), **IDS}, {**sample("CreateAssistantDTO"), **IDS}
    parse(VapiPhoneNumber, number)
    parse(StoredAssistant, assistant)

    for shown, read in [
        (number, client(lambda request: number).phone_numbers.get("x")),
        (assistant, client(lambda request: assistant).assistants.get("x")),
    ]:
        assert missing(shown, read) == []


def missing(shown: Any, read: Any, path: str = "") -> list[str]:
    """Where a value that was shown is not in what the SDK read."""
    if isinstance(read, BaseModel):
        names = {info.alias or name: name for name, info in type(read).model_fields.items()}
        read = {alias: getattr(read, name) for alias, name in names.items()} | (read.model_extra or {})
    if isinstance(shown, dict) and isinstance(read, dict):
        return [found for name in shown for found in missing(shown[name], read.get(name), f"{path}.{name}")]
    if isinstance(shown, list) and isinstance(read, list) and len(shown) == len(read):
        pairs = enumerate(zip(shown, read, strict=True))
        return [found for index, (a, b) in pairs for found in missing(a, b, f"{path}.{index}")]
    if isinstance(read, datetime):
        read = format_timestamp(read)
    return [] if shown == read else [f"{path}: {shown!r} is read as {read!r}"]
