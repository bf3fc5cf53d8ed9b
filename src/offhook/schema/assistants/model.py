"""Language models, one class per kind of provider (vapi-wire §5.1).

`provider` is a closed list. Names of models are open strings: vendors change them weekly, and
whether one exists is for the vendor to say. Ranges are those of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from offhook.schema.assistants.plain_model import AnthropicThinkingConfig, OpenAIMessage
from offhook.schema.assistants.workflow import CreateWorkflowDTO
from offhook.schema.base import OWN_NAMES, JsonObject, Model, Number
from offhook.schema.server import Server
from offhook.schema.tools.tool import Tool


class ToolRef(Model):
    tool_id: str
    version: str


class CreateCustomKnowledgeBaseDTO(Model):
    """Documents are asked of a server (knowledge-base-request)."""

    provider: Literal["custom-knowledge-base"]
    server: Server


class _Model(Model):
    """`messages` come before the conversation; `tools` may be written out or named by id.
    `numFastTurns`: so many first turns are answered by a faster model."""

    messages: list[OpenAIMessage] | None = None
    tools: list[Tool] | None = None
    tool_ids: list[str] | None = None
    tool_refs: list[ToolRef] | None = None
    knowledge_base: CreateCustomKnowledgeBaseDTO | None = None
    temperature: Number | None = Field(default=None, ge=0, le=2)
    max_tokens: Number | None = Field(default=None, ge=50, le=10000)
    emotion_recognition_enabled: bool | None = None
    num_fast_turns: Number | None = Field(default=None, ge=0)


PLATFORM_MODEL: Final = "extractive"
"""What the platform's own model is called where no other name was given: older clients cannot read a model
without one."""


def with_model_names(document: Mapping[str, Any]) -> dict[str, Any]:
    """A resource as it is shown: however deep an assistant lies in it, its model has a name."""
    return {name: _with_names(name, value) for name, value in document.items()}


def _with_names(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_with_names("", item) for item in value]
    if not isinstance(value, Mapping) or name in OWN_NAMES:
        return value
    shown = with_model_names(value)
    if name == "model" and value.get("provider") == "vapi" and value.get("model") is None:
        shown["model"] = PLATFORM_MODEL
    return shown


class VapiModel(_Model):
    """The platform's own model: here the local one. `workflow` is stored, not run."""

    provider: Literal["vapi"]
    model: str | None = None
    version: Literal["latest", "1"] | None = None
    workflow_id: str | None = None
    workflow: CreateWorkflowDTO | None = None


class CustomLLMModel(_Model):
    """Any server that speaks OpenAI's chat API at `url`/chat/completions.
    `metadataSendMode`: how call, phoneNumber, customer and metadata go into the request."""

    provider: Literal["custom-llm"]
    url: str
    model: str
    headers: dict[str, str] | None = None
    metadata_send_mode: Literal["off", "variable", "destructured"] | None = None
    timeout_seconds: Number | None = Field(default=None, ge=0, le=300)
    word_level_confidence_enabled: bool | None = None


class OpenAIModel(_Model):
    provider: Literal["openai"]
    model: str
    fallback_models: list[str] | None = None
    tool_strict_compatibility_mode: (
        Literal["strip-parameters-with-unsupported-validation", "strip-unsupported-validation"] | None
    ) = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    prompt_cache_key: str | None = Field(default=None, max_length=64)
    reasoning_effort: Literal["minimal", "none", "low", "medium", "high", "xhigh"] | None = None
    service_tier: str | None = None
    reasoner: JsonObject | None = None
    speaker: JsonObject | None = None


class AnthropicModel(_Model):
    provider: Literal["anthropic", "anthropic-bedrock"]
    model: str
    thinking: AnthropicThinkingConfig | None = None
    fallback_models: list[str] | None = None


class GeminiMultimodalLivePrebuiltVoiceConfig(Model):
    voice_name: Literal["Puck", "Charon", "Kore", "Fenrir", "Aoede"]


class GeminiMultimodalLiveVoiceConfig(Model):
    prebuilt_voice_config: GeminiMultimodalLivePrebuiltVoiceConfig


class GeminiMultimodalLiveSpeechConfig(Model):
    voice_config: GeminiMultimodalLiveVoiceConfig


class GoogleRealtimeConfig(Model):
    top_p: Number | None = None
    top_k: Number | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    speech_config: GeminiMultimodalLiveSpeechConfig | None = None


class GoogleModel(_Model):
    provider: Literal["google"]
    model: str
    realtime_config: GoogleRealtimeConfig | None = None


class VendorModel(_Model):
    """The providers that have nothing of their own besides a name of a model."""

    provider: Literal[
        "anyscale",
        "cerebras",
        "deep-seek",
        "deepinfra",
        "groq",
        "inflection-ai",
        "minimax",
        "openrouter",
        "perplexity-ai",
        "together-ai",
        "xai",
    ]
    model: str


AnyModel = Annotated[
    VapiModel | CustomLLMModel | OpenAIModel | AnthropicModel | GoogleModel | VendorModel,
    Field(discriminator="provider"),
]
