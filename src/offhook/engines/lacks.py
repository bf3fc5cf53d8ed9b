"""What an assistant's engines lack here, said when it is stored rather than in its first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, get_args

from offhook.engines.languages import language_lacking
from offhook.engines.registry import (
    OrgCredentials,
    ProviderNotServed,
    choices_of,
    credential_of,
    served,
)
from offhook.engines.vendors import VENDORS
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_protocols import EngineError, Stage
from offhook.speech.engine_request import Account, account_of

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)


async def lacks_of(
    assistant: Assistant, account: Callable[[str], Account], credentials: OrgCredentials
) -> list[EngineError]:
    """One for each engine that is not served, has no key or not the language, whether it is the first of
    its plan or takes over. `account`: the node's own for a provider."""
    found: dict[tuple[Stage, str], EngineError] = {}
    known: set[tuple[Stage, str]] = set()
    for stage in STAGES:
        for settings in choices_of(assistant, stage):
            provider: str = settings.provider
            if (stage, provider) in known and provider != "openai":  # of which some models may be at Azure
                continue
            known.add((stage, provider))
            try:
                vendor = VENDORS.get(provider)
                if vendor is None or not getattr(vendor, stage):
                    raise ProviderNotServed(stage, provider, served(stage))
                if vendor.keyed:
                    credential = await credential_of(assistant, provider, credentials)
                    if (stage, provider) == ("model", "openai") and credential is None:
                        azure = await credential_of(assistant, "azure-openai", credentials)
                        if settings.model in getattr(azure, "models", ()):
                            continue
                    account_of(stage, provider, account(provider), credential)
                if (lack := language_lacking(assistant, stage, settings)) is not None:
                    raise lack
            except EngineError as error:
                found.setdefault((stage, provider), error)
    return list(found.values())
