"""Google's Gemini API (vapi-wire §5.1). With OFFHOOK_GOOGLE_BASE_URL any gateway of that API."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from offhook.language.http_model import ModelServer, http_model, most_tokens_of, temperature_of
from offhook.language.language_model import LanguageModel
from offhook.language.providers.gemini import GeminiSettings, GeminiThinkingConfig, GeminiWire
from offhook.schema.assistants.model import GoogleModel
from offhook.speech.engine_request import Account, EngineRequest

URL: Final = "https://generativelanguage.googleapis.com"
VERSION: Final = "v1beta"

ROOM_FOR_THOUGHTS: Final = 1024
"""Tokens beside those that the owner allows, for models that cannot be kept from thinking: what they think
counts as written."""

_VERSION = re.compile(r"/(v\d\w*)(?:/models)?/?$")
"""Of the API, in an address that has one."""
_GENERATION = re.compile(r"(?:models/)?gemini-(\d+)(?:\.(\d+))?-?(pro)?")


async def model(request: EngineRequest[GoogleModel]) -> LanguageModel:
    settings, account = request.settings, await request.account()
    generation, thinking = _generation(settings.model), thinking_of(settings.model)
    room = 0 if thinking is None or thinking.thinking_budget == 0 else ROOM_FOR_THOUGHTS
    wire = GeminiWire(
        GeminiSettings(
            temperature=temperature_of(settings),
            max_output_tokens=most_tokens_of(settings) + room,
            thinking_config=thinking,
        ),
        signed=generation >= (3, 0),
    )
    return http_model(server_of(request.provider, settings.model, account), wire, request.way_to(account))


def server_of(provider: str, model: str, account: Account, timeout: float = 20.0) -> ModelServer:
    """`timeout`: seconds until the first piece of an answer."""
    name = model if "/" in model else f"models/{model}"
    base = account.url or URL
    written = _VERSION.search(base)
    version = written[1] if written else VERSION
    return ModelServer(
        provider=provider,
        model=model,
        base_url=base,
        path=f"/{version}/{quote(name)}:streamGenerateContent",
        query="alt=sse",
        written=(f"/{version}/models", f"/{version}"),
        headers={"x-goog-api-key": account.key or "none"},
        secrets=(account.key,),
        timeout=timeout,
        meant=_meant,
    )


def _generation(model: str) -> tuple[int, int]:
    """(0, 0) for a name of another form."""
    found = _GENERATION.match(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def thinking_of(model: str) -> GeminiThinkingConfig | None:
    """As little as the model can: a caller waits meanwhile."""
    generation = _generation(model)
    if generation < (2, 5):
        return None
    if generation >= (3, 0):
        return GeminiThinkingConfig(thinking_level="low")
    found = _GENERATION.match(model)
    return GeminiThinkingConfig(thinking_budget=128 if found and found[3] else 0)


def _meant(status: int, body: str) -> int:
    """A wrong key is 400 there."""
    return 401 if status == 400 and "API_KEY_INVALID" in body else status
