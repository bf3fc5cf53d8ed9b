"""Assistants: what answers a call (vapi-wire §5), and how overrides change one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from offhook.schema.assistants.analysis import AnalysisPlan
from offhook.schema.assistants.artifact_plan import ArtifactPlan
from offhook.schema.assistants.hook import Hook
from offhook.schema.assistants.model import AnyModel
from offhook.schema.assistants.plan import (
    BackgroundSound,
    BackgroundSpeechDenoisingPlan,
    CompliancePlan,
    KeypadInputPlan,
    LangfuseObservabilityPlan,
    MessagePlan,
    MonitorPlan,
    TransportConfigurationTwilio,
    VoicemailDetection,
)
from offhook.schema.assistants.speaking import StartSpeakingPlan, StopSpeakingPlan
from offhook.schema.assistants.transcriber import AnyTranscriber
from offhook.schema.assistants.voice import AnyVoice
from offhook.schema.base import JsonObject, Number, Resource
from offhook.schema.credential import AnyCredential
from offhook.schema.server import LegacyServer, Server
from offhook.schema.tools.tool import Tool
from offhook.schema.webhooks.message_type import ClientMessageType, ServerMessageType

FirstMessageMode = Literal[
    "assistant-speaks-first",
    "assistant-speaks-first-with-model-generated-message",
    "assistant-waits-for-user",
]


class _LegacyAssistant(LegacyServer):
    """Properties of earlier versions of the API, accepted as before (vapi-wire §0, §5)."""

    silence_timeout_seconds: Number | None = Field(default=None, ge=5, le=3600)
    backchanneling_enabled: bool | None = None
    background_denoising_enabled: bool | None = None
    recording_enabled: bool | None = None
    hipaa_enabled: bool | None = None
    message_plan: MessagePlan | None = None
    response_delay_seconds: Number | None = Field(default=None, ge=0, le=2)
    llm_request_delay_seconds: Number | None = Field(default=None, ge=0, le=3)
    num_words_to_interrupt_assistant: Number | None = Field(default=None, ge=0, le=10)


class Assistant(_LegacyAssistant):
    """An assistant as a client writes it: nothing is required. Times in seconds.

    What holds for a property that is not given stands in `effective.py`."""

    name: str | None = Field(default=None, max_length=40)
    transcriber: AnyTranscriber | None = None
    model: AnyModel | None = None
    voice: AnyVoice | None = None
    first_message: str | None = None
    first_message_mode: FirstMessageMode | None = None
    first_message_interruptions_enabled: bool | None = None
    voicemail_detection: VoicemailDetection | None = None
    voicemail_message: str | None = Field(default=None, max_length=1000)
    end_call_message: str | None = Field(default=None, max_length=1000)
    end_call_phrases: list[Annotated[str, Field(min_length=2, max_length=140)]] | None = None
    client_messages: list[ClientMessageType] | None = None
    server_messages: list[ServerMessageType] | None = None
    max_duration_seconds: Number | None = Field(default=None, ge=10, le=43200)
    background_sound: BackgroundSound | None = None
    model_output_in_messages_enabled: bool | None = None
    transport_configurations: list[TransportConfigurationTwilio] | None = None
    observability_plan: LangfuseObservabilityPlan | None = None
    credentials: list[AnyCredential] | None = None
    credential_ids: list[str] | None = None
    hooks: list[Hook] | None = None
    compliance_plan: CompliancePlan | None = None
    background_speech_denoising_plan: BackgroundSpeechDenoisingPlan | None = None
    analysis_plan: AnalysisPlan | None = None
    artifact_plan: ArtifactPlan | None = None
    start_speaking_plan: StartSpeakingPlan | None = None
    stop_speaking_plan: StopSpeakingPlan | None = None
    monitor_plan: MonitorPlan | None = None
    keypad_input_plan: KeypadInputPlan | None = None
    server: Server | None = None
    metadata: JsonObject | None = None


class AssistantOverrides(Assistant):
    """Changes to an assistant for one call. `variableValues` fills templates; `tools:append` adds
    to the model's tools."""

    variable_values: JsonObject | None = None
    tools_append: list[Tool] | None = Field(default=None, alias="tools:append")


class StoredAssistant(Assistant, Resource):
    """An assistant as shown."""

    latest_version: str | None = None
    is_server_url_secret_set: bool | None = None


_MERGED = ("variableValues", "metadata")


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """An assistant's document with overrides applied; neither argument is changed.

    A property of the overrides replaces the base's as a whole, null included. Two are merged key
    by key instead, the overrides' value winning: `variableValues` and `metadata`; null there
    changes nothing. `tools:append` adds its tools to those of the resulting `model` and leaves no
    property behind; an assistant without a model has nothing to add them to, so it is kept for
    whoever puts the default model in."""
    result = {**base, **overrides}
    for name in _MERGED:
        if base.get(name) is not None:
            result[name] = {**base[name], **(overrides.get(name) or {})}
    appended = [*(base.get("tools:append") or ()), *(overrides.get("tools:append") or ())]
    result.pop("tools:append", None)
    model = result.get("model")
    if appended and isinstance(model, Mapping):
        result["model"] = {**model, "tools": [*(model.get("tools") or ()), *appended]}
    elif appended:
        result["tools:append"] = appended
    return result


_KEY_BY_KEY = ("variable_values", "metadata")


def merged(base: Assistant, *layers: AssistantOverrides | None) -> AssistantOverrides:
    """The same of types that have been read: an assistant with overrides over it, one layer after another."""
    values = _given(base)
    for layer in layers:
        if layer is not None:
            values = _overridden(values, _given(layer))
    return AssistantOverrides.model_construct(set(values), **values)


def _given(assistant: Assistant) -> dict[str, Any]:
    return {name: getattr(assistant, name) for name in assistant.model_fields_set if name not in _NOT_SAID}


_NOT_SAID = frozenset({*StoredAssistant.model_fields} - {*Assistant.model_fields})
"""What a stored assistant has besides its own properties."""


def _overridden(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    result = {**base, **overrides}
    for name in _KEY_BY_KEY:
        if base.get(name) is not None:
            result[name] = {**base[name], **(overrides.get(name) or {})}
    appended = [*(base.get("tools_append") or ()), *(overrides.get("tools_append") or ())]
    result.pop("tools_append", None)
    model = result.get("model")
    if appended and model is not None:
        tools = [*(model.tools or ()), *appended]
        result["model"] = model.model_copy(update={"tools": tools})
    elif appended:
        result["tools_append"] = appended
    return result
