"""Engines as a node makes them of an assistant."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from offhook.engines.registry import EngineRegistry
from offhook.engines.vendors import VENDORS
from offhook.language.language_model import LanguageModel
from offhook.network.outside import Outside
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.speech.engine_protocols import Voice
from offhook.speech.engine_request import Account, EngineNode, EngineRequest
from offhook.speech.remote import CallContext, no_context
from offhook.speech.workers import Workers


def registry_of(reach: Outside, **accounts: Account) -> EngineRegistry:
    return EngineRegistry(EngineNode(Workers(1), reach, accounts))


def assistant_with(**parts: object) -> AssistantOverrides:
    """`transcriber`, `model`, `voice`, ... as in the API."""
    return AssistantOverrides.model_validate(parts)


async def model_of(
    reach: Outside,
    settings: Mapping[str, object] | None,
    context: CallContext = no_context,
    **accounts: Account,
) -> LanguageModel:
    return await registry_of(reach, **accounts).model(assistant_with(model=settings), context=context)


async def vendors_voice(reach: Outside, settings: Mapping[str, object], account: Account) -> Voice:
    """As the vendor's file makes it, with nothing around it."""
    chosen = assistant_with(voice=settings).voice
    assert chosen is not None
    node = EngineNode(Workers(1), reach, {chosen.provider: account})
    request = EngineRequest("voice", chosen.provider, chosen, node)
    made: Voice = await importlib.import_module(VENDORS[chosen.provider].voice).voice(request)
    return made
