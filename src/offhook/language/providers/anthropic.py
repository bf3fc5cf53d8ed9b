"""Anthropic's Messages API (vapi-wire §5.1). With OFFHOOK_ANTHROPIC_BASE_URL any gateway of that API."""

from __future__ import annotations

import logging
import re
from typing import Final

from offhook.language.http_model import ModelServer, http_model, most_tokens_of, temperature_of
from offhook.language.language_model import LanguageModel
from offhook.language.providers.anthropic_messages import MessagesSettings, MessagesWire, ThinkingConfig
from offhook.schema.assistants.model import AnthropicModel
from offhook.speech.engine_request import EngineRequest

log = logging.getLogger(__name__)

URL: Final = "https://api.anthropic.com"
VERSION: Final = "2023-06-01"
"""The newer one refuses `temperature` with every model."""

_BEFORE_4_7 = re.compile(
    r"claude-(?:instant|v?[12](?![0-9])|3|(?:opus|sonnet|haiku)-(?:3|4(?:-[0-6](?![0-9]))?(?:-2\d{7}|-latest|@|:|$)))"
)
"""The models that take `temperature`, and thoughts of a fixed budget. Those that came later refuse both."""


async def model(request: EngineRequest[AnthropicModel]) -> LanguageModel:
    settings, account = request.settings, await request.account()
    older = _BEFORE_4_7.match(settings.model) is not None
    most, thinking = most_tokens_of(settings), _thinking(settings, older)
    # What is thought counts as written; the owner has said how much of that may be said.
    if settings.thinking is not None and most <= settings.thinking.budget_tokens:
        most += int(settings.thinking.budget_tokens)
    wire = MessagesWire(
        MessagesSettings(
            model=settings.model,
            max_tokens=most,
            # Theirs goes to 1, the API's to 2. With thoughts it must be the model's own.
            temperature=min(temperature_of(settings), 1.0) if older and thinking is None else None,
            thinking=thinking,
        )
    )
    server = ModelServer(
        provider=request.provider,
        model=settings.model,
        base_url=account.url or URL,
        path="/v1/messages",
        written=("/v1/messages", "/v1"),
        headers={"x-api-key": account.key or "none", "anthropic-version": VERSION},
        secrets=(account.key,),
    )
    return http_model(server, wire, request.way_to(account))


def _thinking(settings: AnthropicModel, older: bool) -> ThinkingConfig | None:
    if settings.thinking is None:
        return None
    if older:
        return {"type": "enabled", "budget_tokens": int(settings.thinking.budget_tokens)}
    log.info("%s thinks as much as it likes: it takes no thinking.budgetTokens", settings.model)
    return {"type": "adaptive"}
