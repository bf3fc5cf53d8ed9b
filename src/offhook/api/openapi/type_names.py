"""The names of the types in `/openapi.json`: the API's own.

Most classes have the API's name already. Where the API has two types for what is written in a request and
what is stored of it (`CreateSquadDTO` and `Squad`), one class has two names. Where the API has a type for
each provider, one class stands for all that have the same properties: `VendorModel` is `GroqModel`,
`XaiModel` and others. And some names are used otherwise here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel

from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.squad import Squad
from offhook.schema.credential import AnyCredential
from offhook.schema.tools.tool import Tool

BY_TAG: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "VendorModel": (
        "provider",
        {
            "anyscale": "AnyscaleModel",
            "cerebras": "CerebrasModel",
            "deep-seek": "DeepSeekModel",
            "deepinfra": "DeepInfraModel",
            "groq": "GroqModel",
            "inflection-ai": "InflectionAIModel",
            "minimax": "MinimaxLLMModel",
            "openrouter": "OpenRouterModel",
            "perplexity-ai": "PerplexityAIModel",
            "together-ai": "TogetherAIModel",
            "xai": "XaiModel",
        },
    ),
    "AnthropicModel": (
        "provider",
        {"anthropic": "AnthropicModel", "anthropic-bedrock": "AnthropicBedrockModel"},
    ),
    "PlainVendorModel": ("provider", {"openai": "WorkflowOpenAIModel", "google": "WorkflowGoogleModel"}),
    "PlainAnthropicModel": (
        "provider",
        {"anthropic": "WorkflowAnthropicModel", "anthropic-bedrock": "WorkflowAnthropicBedrockModel"},
    ),
    "VoicemailDetectionPlan": (
        "provider",
        {
            "vapi": "VapiVoicemailDetectionPlan",
            "google": "GoogleVoicemailDetectionPlan",
            "openai": "OpenAIVoicemailDetectionPlan",
        },
    ),
    "SpeechInterruptedHook": (
        "on",
        {
            "assistant.speech.interrupted": "CallHookAssistantSpeechInterrupted",
            "customer.speech.interrupted": "CallHookCustomerSpeechInterrupted",
        },
    ),
    "ConnectedTool": (
        "type",
        {
            "gohighlevel.calendar.availability.check": "GoHighLevelCalendarAvailabilityTool",
            "gohighlevel.calendar.event.create": "GoHighLevelCalendarEventCreateTool",
            "gohighlevel.contact.create": "GoHighLevelContactCreateTool",
            "gohighlevel.contact.get": "GoHighLevelContactGetTool",
            "google.calendar.availability.check": "GoogleCalendarCheckAvailabilityTool",
            "google.calendar.event.create": "GoogleCalendarCreateEventTool",
            "google.sheets.row.append": "GoogleSheetsRowAppendTool",
            "slack.message.send": "SlackSendMessageTool",
        },
    ),
    "ApiUrlCredential": (
        "provider",
        {"cartesia": "CartesiaCredential", "deepgram": "DeepgramCredential", "soniox": "SonioxCredential"},
    ),
    "AuthorizationCredential": (
        "provider",
        {
            "google.calendar.oauth2-authorization": "GoogleCalendarOAuth2AuthorizationCredential",
            "google.sheets.oauth2-authorization": "GoogleSheetsOAuth2AuthorizationCredential",
            "slack.oauth2-authorization": "SlackOAuth2AuthorizationCredential",
        },
    ),
    "ApiKeyCredential": (
        "provider",
        {
            "anthropic": "AnthropicCredential",
            "anyscale": "AnyscaleCredential",
            "assembly-ai": "AssemblyAICredential",
            "cerebras": "CerebrasCredential",
            "deep-seek": "DeepSeekCredential",
            "deepinfra": "DeepInfraCredential",
            "gladia": "GladiaCredential",
            "gohighlevel": "GoHighLevelCredential",
            "google": "GoogleCredential",
            "groq": "GroqCredential",
            "hume": "HumeCredential",
            "inflection-ai": "InflectionAICredential",
            "inworld": "InworldCredential",
            "lmnt": "LmntCredential",
            "neuphonic": "NeuphonicCredential",
            "openai": "OpenAICredential",
            "openrouter": "OpenRouterCredential",
            "perplexity-ai": "PerplexityAICredential",
            "rime-ai": "RimeAICredential",
            "runpod": "RunpodCredential",
            "smallest-ai": "SmallestAICredential",
            "speechmatics": "SpeechmaticsCredential",
            "tavus": "TavusCredential",
            "together-ai": "TogetherAICredential",
            "wellsaid": "WellSaidCredential",
            "xai": "XAiCredential",
        },
    ),
}
"""For a class that stands for several types: the property that tells them apart, and the name for each
value."""

_TAKEN: Final = {
    "OpenAIToolCall": "ToolCall",  # a tool call of the conversation has this name here
    "StoredS3CompatibleCredential": "S3CompatibleStorageCredential",
}


def _members(union: Any) -> set[str]:
    return {kind.__name__ for kind in get_args(get_args(union)[0])}


_WRITTEN: Final = _members(Tool) | _members(AnyCredential) | {Assistant.__name__, Squad.__name__}
"""The types whose stored form has four more properties than the written one."""


def published(name: str, tag: str | None = None) -> str:
    """The API's name for a class. `tag` is the value that selects the type, if the class stands for
    several."""
    if name in _TAKEN:
        return _TAKEN[name]
    own = name.removeprefix("Stored").removeprefix("Shown")
    base = own if tag is None else BY_TAG[own][1][tag]
    return f"Create{base}DTO" if name in _WRITTEN else base


def is_stored(model: type[BaseModel]) -> bool:
    """Whether the type shows a resource that is written as another type."""
    return model.__name__.startswith("Stored")
