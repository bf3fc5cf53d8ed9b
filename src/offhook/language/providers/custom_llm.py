"""Provider `custom-llm`: the owner's own server, which speaks OpenAI's chat API (vapi-wire §5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.language.chat_completions import ChatServer, chat_model
from offhook.language.http_model import most_tokens_of, temperature_of
from offhook.language.language_model import LanguageModel, ModelError
from offhook.schema.assistants.model import CustomLLMModel
from offhook.speech.engine_request import EngineRequest
from offhook.speech.remote import CallContext


async def model(request: EngineRequest[CustomLLMModel]) -> LanguageModel:
    settings = request.settings
    if not settings.url.startswith(("http://", "https://")):
        raise ModelError(request.provider, "model.url is not an http or https URL")
    server = ChatServer(
        provider=request.provider,
        model=settings.model,
        base_url=settings.url,
        headers=settings.headers or {},
        timeout=settings.timeout_seconds or 20.0,
        temperature=temperature_of(settings),
        max_tokens=most_tokens_of(settings),
    )
    return chat_model(server, request.node, _Metadata(settings.metadata_send_mode, request.context))


class _Metadata:
    """What a custom-llm request carries of the call (metadataSendMode): `off` nothing; `variable` the call,
    the number, the customer and the metadata as one object; `destructured` the metadata's own properties
    instead."""

    def __init__(self, mode: str | None, context: CallContext) -> None:
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
