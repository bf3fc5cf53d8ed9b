"""Provider `openai`: OpenAI, or any server that speaks its chat API at the address of the node's settings
(vapi-wire §5.1)."""

from __future__ import annotations

import re

from offhook.language.base import LanguageModel
from offhook.language.chat_completions import ChatServer, chat_model, most_tokens_of, temperature_of
from offhook.schema.model import OpenAIModel
from offhook.speech.engine_request import EngineRequest

URL = "https://api.openai.com/v1"

_REASONING = re.compile(r"gpt-5(?!.*chat)|o\d")


async def model(request: EngineRequest[OpenAIModel]) -> LanguageModel:
    settings, account = request.settings, await request.account()
    # OpenAI's reasoning models refuse max_tokens and any temperature but their own; other servers of this
    # API often know only max_tokens.
    own = account.url is None
    effort = settings.reasoning_effort
    server = ChatServer(
        provider=request.provider,
        model=settings.model,
        base_url=account.url or URL,
        api_key=account.key,
        temperature=None if own and _REASONING.match(settings.model) else temperature_of(settings),
        max_tokens=most_tokens_of(settings),
        limit="max_completion_tokens" if own else "max_tokens",
        extra={"reasoning_effort": effort} if effort else {},
    )
    return chat_model(server, request.node)
