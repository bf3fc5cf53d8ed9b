"""Which language model an assistant's `model` means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from offhook.language.base import LanguageModel, ModelError
from offhook.language.chat_completions import ChatServer, OpenAiModel
from offhook.language.habits import Habits
from offhook.language.providers.extractive import ExtractiveModel
from offhook.network import words_of
from offhook.network.outside import Outside
from offhook.speech.remote import CallContext, Settings, json_of, no_context

_REASONING = re.compile(r"gpt-5(?!.*chat)|o\d")

SERVED = ("vapi", "openai", "custom-llm")


class ModelNotServed(ModelError):
    """The assistant wants a model that Offhook does not have, or that its settings lack the address of."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`openai_base_url`: an OpenAI-compatible API (up to and with `/v1`) for provider `openai`; None:
    OpenAI's own, for which a key is needed. `default`: what an assistant without `model` gets, as JSON of the
    API."""

    openai_base_url: str | None = None
    openai_api_key: str = field(default="", repr=False)
    default: Mapping[str, object] | None = None


class LanguageModels:
    """The models of a node."""

    def __init__(self, outside: Outside, settings: ModelSettings | None = None) -> None:
        self._outside = outside
        self._settings = settings or ModelSettings()
        self._habits = Habits()

    def model(self, settings: Settings, context: CallContext = no_context) -> LanguageModel:
        """A model for one call, not started. Raises ModelNotServed, or ModelError for an address that cannot
        be one."""
        chosen = json_of(settings) or json_of(self._settings.default)
        provider = str(chosen.get("provider") or "vapi")
        if provider == "vapi":
            return ExtractiveModel()
        if provider == "openai":
            return self._make(self._openai(chosen), None)
        if provider == "custom-llm":
            return self._make(_custom(chosen), _Metadata(str(chosen.get("metadataSendMode")), context))
        served = ", ".join(SERVED)
        raise ModelNotServed(provider, f"this provider is not served here; served are: {served}")

    def _openai(self, chosen: Mapping[str, object]) -> ChatServer:
        url, key = self._settings.openai_base_url, self._settings.openai_api_key
        if not url and not key:
            raise ModelNotServed(
                "openai",
                "set OFFHOOK_OPENAI_API_KEY, or OFFHOOK_OPENAI_BASE_URL for another OpenAI-compatible server",
            )
        extra = {}
        if chosen.get("reasoningEffort"):
            extra["reasoning_effort"] = chosen["reasoningEffort"]
        model = str(chosen.get("model") or "")
        # OpenAI's reasoning models refuse max_tokens and any temperature but their own; other servers of this
        # API often know only max_tokens.
        own = url is None
        return ChatServer(
            provider="openai",
            model=model,
            base_url=url or "https://api.openai.com/v1",
            api_key=key,
            temperature=None if own and _REASONING.match(model) else _number(chosen, "temperature", 0.5),
            max_tokens=int(_number(chosen, "maxTokens", 250)),
            limit="max_completion_tokens" if own else "max_tokens",
            extra=extra,
        )

    def _make(self, server: ChatServer, metadata: _Metadata | None) -> OpenAiModel:
        try:
            habit = self._habits.of(server.base_url, server.model)
            return OpenAiModel(server, self._outside.http, habit, metadata if metadata is not None else dict)
        except (httpx2.InvalidURL, ValueError, TypeError) as error:
            raise ModelError(server.provider, words_of(error)) from None


def _custom(chosen: Mapping[str, object]) -> ChatServer:
    url = chosen.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ModelError("custom-llm", "model.url is not an http or https URL")
    headers = chosen.get("headers")
    return ChatServer(
        provider="custom-llm",
        model=str(chosen.get("model") or ""),
        base_url=url,
        headers={str(k): str(v) for k, v in headers.items()} if isinstance(headers, Mapping) else {},
        timeout=_number(chosen, "timeoutSeconds", 20.0) or 20.0,
        temperature=_number(chosen, "temperature", 0.5),
        max_tokens=int(_number(chosen, "maxTokens", 250)),
    )


def _number(chosen: Mapping[str, object], name: str, default: float) -> float:
    value = chosen.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


class _Metadata:
    """What a custom-llm request carries of the call (metadataSendMode): `off` nothing; `variable` the call,
    the number, the customer and the metadata as one object; `destructured` the metadata's own properties
    instead."""

    def __init__(self, mode: str, context: CallContext) -> None:
        self._mode = mode
        self._context = context

    def __call__(self) -> Mapping[str, Any]:
        if self._mode == "off":
            return {}
        known = self._context()
        body = {name: known[name] for name in ("call", "phoneNumber", "customer") if known.get(name)}
        metadata = known.get("metadata")
        if isinstance(metadata, Mapping) and metadata:
            if self._mode == "destructured":
                # The chat itself cannot be changed by metadata.
                return {**{k: v for k, v in metadata.items() if k not in _CHAT}, **body}
            body["metadata"] = metadata
        return body


_CHAT = frozenset({"model", "messages", "stream", "stream_options", "tools", "temperature", "max_tokens"})
