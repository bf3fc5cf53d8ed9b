"""OpenAI, and the vendors whose models speak its chat API: one table of where they are and how they differ
(vapi-wire §5.1). With OFFHOOK_<PROVIDER>_BASE_URL any server of that API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

from offhook.language.chat_completions import ChatServer, chat_model
from offhook.language.http_model import ModelServer, http_model, most_tokens_of, temperature_of
from offhook.language.language_model import LanguageModel
from offhook.language.providers.openai_responses import ResponsesSettings, ResponsesWire
from offhook.schema.assistants.model import OpenAIModel, VendorModel
from offhook.schema.calls.ended_reason import PipelineFailure
from offhook.schema.credential import AzureOpenAICredential
from offhook.speech.engine_request import Account, EngineRequest


@dataclass(frozen=True, slots=True)
class Shape:
    """`limit`: what the vendor calls the most tokens of a reply; `extra` goes with each request."""

    url: str
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"
    extra: Mapping[str, Any] = field(default_factory=dict)
    rate_limited: PipelineFailure = "429-exceeded-quota"
    alternates: bool = False


SHAPES: Final[Mapping[str, Shape]] = {
    "openai": Shape("https://api.openai.com/v1", rate_limited="429-rate-limit-reached"),
    "groq": Shape("https://api.groq.com/openai/v1"),
    "cerebras": Shape("https://api.cerebras.ai/v1"),
    "deepinfra": Shape("https://api.deepinfra.com/v1/openai", "max_tokens"),
    "deep-seek": Shape("https://api.deepseek.com/v1", "max_tokens"),
    "together-ai": Shape("https://api.together.xyz/v1", "max_tokens"),
    "openrouter": Shape("https://openrouter.ai/api/v1", "max_tokens"),
    "perplexity-ai": Shape("https://api.perplexity.ai", "max_tokens", alternates=True),
    "xai": Shape("https://api.x.ai/v1"),
    # Without it the thoughts of its models stand in the text.
    "minimax": Shape("https://api.minimax.io/v1", extra={"reasoning_split": True}),
}

TRIES: Final = 2
AZURE_VERSION: Final = "2024-10-21"

_REASONING = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)(?!.*chat)")
"""OpenAI's models that refuse max_tokens, and any temperature but their own unless they do not reason."""
_NO_EFFORT_WITH_TOOLS = re.compile(r"gpt-5\.[246](?!\d)(?!.*chat)")
"""Those that refuse tools together with an effort in chat completions: they are asked by responses."""
_REGION = re.compile(r"(?!ft:)([^:]+):[a-z0-9-]+")
"""The original has regions behind the names of models, for deployments of its own."""


async def model(request: EngineRequest[OpenAIModel | VendorModel]) -> LanguageModel:
    settings = request.settings
    if isinstance(settings, OpenAIModel) and (azure := await _azure(request, settings.model)) is not None:
        return _azure_model(azure, request, settings)
    account = await request.account()
    shape, own = SHAPES[request.provider], account.url is None
    name = settings.model
    extra: dict[str, Any] = dict(shape.extra)
    temperature: float | None = temperature_of(settings)
    most: int | None = most_tokens_of(settings)
    # Other servers behind the name of this provider often know only max_tokens.
    limit = shape.limit if own or request.provider != "openai" else "max_tokens"
    if isinstance(settings, OpenAIModel):
        extra |= _options(settings)
        # Ollama has colons in the names of its own models.
        name = _without_region(name) if own else name
        if _REASONING.match(name):  # wherever it stands
            limit = shape.limit
        if _reasons(name, settings):
            temperature, most = None, _most_with_thoughts(settings)
        if _NO_EFFORT_WITH_TOOLS.match(name) and settings.reasoning_effort not in (None, "none"):
            return _responses_model(request, account, name, settings)
    server = ChatServer(
        provider=request.provider,
        model=name,
        base_url=account.url or shape.url,
        api_key=account.key,
        temperature=temperature,
        max_tokens=most,
        limit=limit,
        extra=extra,
        tries=TRIES,
        alternates=shape.alternates,
        rate_limited=shape.rate_limited,
    )
    return chat_model(server, request.node, outside=request.way_to(account))


def _responses_model(
    request: EngineRequest[Any], account: Account, name: str, settings: OpenAIModel
) -> LanguageModel:
    shape, extra = SHAPES[request.provider], _options(settings)
    effort = extra.pop("reasoning_effort")
    server = ModelServer(
        provider=request.provider,
        model=name,
        base_url=account.url or shape.url,
        path="/responses",
        written=("/chat/completions", "/responses"),
        headers={"Authorization": f"Bearer {account.key or 'none'}"},
        secrets=(account.key,),
        tries=TRIES,
        rate_limited=shape.rate_limited,
    )
    wire = ResponsesWire(ResponsesSettings(name, effort, _most_with_thoughts(settings), extra))
    return http_model(server, wire, request.way_to(account))


async def _azure(request: EngineRequest[Any], model: str) -> AzureOpenAICredential | None:
    """The org's deployments at Azure, where they have this model: such a credential names its models."""
    found = await request.other_credential("azure-openai")
    name = _without_region(model)
    return found if isinstance(found, AzureOpenAICredential) and {model, name} & set(found.models) else None


def _azure_model(
    azure: AzureOpenAICredential, request: EngineRequest[Any], settings: OpenAIModel
) -> LanguageModel:
    name = _without_region(settings.model)
    reasons = _reasons(name, settings)
    headers = {"api-key": azure.open_ai_key}
    if azure.ocp_apim_subscription_key:
        headers["Ocp-Apim-Subscription-Key"] = azure.ocp_apim_subscription_key
    server = ChatServer(
        provider="azure-openai",
        model=name,
        base_url=azure.open_ai_endpoint,
        path=f"/openai/deployments/{quote(name, safe='')}/chat/completions",
        query=f"api-version={AZURE_VERSION}",
        headers=headers,
        temperature=None if reasons else temperature_of(settings),
        max_tokens=_most_with_thoughts(settings) if reasons else most_tokens_of(settings),
        limit="max_completion_tokens" if _REASONING.match(name) else "max_tokens",
        extra=_options(settings),
        tries=TRIES,
    )
    return chat_model(server, request.node)


def _reasons(name: str, settings: OpenAIModel) -> bool:
    return _REASONING.match(name) is not None and settings.reasoning_effort != "none"


def _most_with_thoughts(settings: OpenAIModel) -> int | None:
    """What is thought counts as written, and no word would be left of the API's 250."""
    return None if settings.max_tokens is None else most_tokens_of(settings)


def _without_region(name: str) -> str:
    region = _REGION.fullmatch(name)
    return region[1] if region else name


def _options(settings: OpenAIModel) -> dict[str, Any]:
    """What the owner has set, by OpenAI's names."""
    options = {
        "reasoning_effort": settings.reasoning_effort,
        "prompt_cache_key": settings.prompt_cache_key,
        "prompt_cache_retention": settings.prompt_cache_retention,
        "service_tier": settings.service_tier,
    }
    return {name: value for name, value in options.items() if value is not None}
