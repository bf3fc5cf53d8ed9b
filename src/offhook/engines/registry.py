"""The engines that an assistant's `transcriber`, `model` and `voice` mean, found by the provider's name."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter

from offhook.engines.fallback import FallbackModel, FallbackTranscriber, FallbackVoice
from offhook.engines.vendors import VENDORS, Vendor
from offhook.json_document import ResourceDocument
from offhook.language.language_model import LanguageModel
from offhook.schema.answered import NotValid, read
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.model import VapiModel
from offhook.schema.assistants.transcriber import VapiTranscriber
from offhook.schema.assistants.voice import VapiVoice
from offhook.schema.credential import AnyCredential
from offhook.speech.engine_protocols import EngineError, Stage, Transcriber, Voice
from offhook.speech.engine_request import EngineNode, EngineRequest
from offhook.speech.remote import CallContext, no_context

log = logging.getLogger(__name__)

E = TypeVar("E")
Documents = Mapping[str, ResourceDocument]

OrgCredentials = Callable[[str], Awaitable[Documents]]
"""The org's credentials of one provider, as they are stored, by their ids, the newest first."""

PLATFORM: Final[Mapping[Stage, BaseModel]] = {
    "transcriber": VapiTranscriber.model_construct(provider="vapi"),
    "model": VapiModel.model_construct(provider="vapi"),
    "voice": VapiVoice.model_construct(provider="vapi", voice_id=""),
}
"""What an assistant has that names none. Built without the validators, which take half a second to make."""

_CREDENTIAL: Final[TypeAdapter[Any]] = TypeAdapter(AnyCredential)


class ProviderNotServed(EngineError):
    """The assistant wants an engine that Offhook does not have."""

    def __init__(self, stage: Stage, provider: str, served: Sequence[str]) -> None:
        detail = f"this provider is not served here; served are: {', '.join(served)}"
        super().__init__(stage, provider, detail)


async def no_credentials(provider: str) -> Documents:
    return {}


class EngineRegistry:
    """The engines of a node, each for one call and not started. `defaults` is for assistants that name none.

    An engine that is not served, or that lacks what it needs, is passed over if another of the plan can take
    its place; else EngineError is raised, the first one's."""

    def __init__(
        self,
        node: EngineNode,
        vendors: Mapping[str, Vendor] = VENDORS,
        defaults: Mapping[Stage, BaseModel] = PLATFORM,
    ) -> None:
        self._node = node
        self._vendors = vendors
        self._defaults = defaults

    def load(self) -> None:
        """Load the files of vendors that any assistant may want, before the first call comes."""
        for vendor in self._vendors.values():
            for module in {vendor.transcriber, vendor.model, vendor.voice} - {""}:
                if not vendor.keyed:
                    importlib.import_module(module)

    async def transcriber(
        self, assistant: Assistant, credentials: OrgCredentials = no_credentials
    ) -> Transcriber:
        settings = assistant.transcriber or self._defaults["transcriber"]
        plan = getattr(settings, "fallback_plan", None)
        choices = [settings, *((plan and plan.transcribers) or ())]
        made: list[Transcriber] = await self._made("transcriber", choices, assistant, credentials, no_context)
        return made[0] if len(made) == 1 else FallbackTranscriber(made)

    async def model(
        self,
        assistant: Assistant,
        credentials: OrgCredentials = no_credentials,
        context: CallContext = no_context,
    ) -> LanguageModel:
        settings = assistant.model or self._defaults["model"]
        others = getattr(settings, "fallback_models", None) or ()
        choices = [settings, *(settings.model_copy(update={"model": name}) for name in others)]
        made: list[LanguageModel] = await self._made("model", choices, assistant, credentials, context)
        return made[0] if len(made) == 1 else FallbackModel(made)

    async def voice(
        self,
        assistant: Assistant,
        credentials: OrgCredentials = no_credentials,
        context: CallContext = no_context,
    ) -> Voice:
        settings = assistant.voice or self._defaults["voice"]
        plan = getattr(settings, "fallback_plan", None)
        others = (plan and plan.voices) or ()
        vendor = self._vendors.get(getattr(settings, "provider", ""))
        if not others and vendor is not None and vendor.keyed:
            others = [settings]  # by another connection, from the word on at which this one broke off
        choices = [settings, *others]
        made: list[Voice] = await self._made("voice", choices, assistant, credentials, context)
        return made[0] if len(made) == 1 else FallbackVoice(made)

    async def _made(
        self,
        stage: Stage,
        choices: Sequence[Any],
        assistant: Assistant,
        credentials: OrgCredentials,
        context: CallContext,
    ) -> list[Any]:
        made, failed = [], []
        for settings in choices:
            provider: str = settings.provider

            async def credential(provider: str = provider) -> BaseModel | None:
                return await _credential(assistant, provider, credentials)

            request = EngineRequest(stage, provider, settings, self._node, credential, context)
            try:
                made.append(await self._factory(stage, provider)(request))
            except EngineError as error:
                failed.append(error)
        if not made:
            raise failed[0]
        for passed_over in failed:
            log.warning("an engine is passed over: %s", passed_over.unquoted)
        return made

    def _factory(self, stage: Stage, provider: str) -> Callable[[EngineRequest[Any]], Awaitable[Any]]:
        """Raises ProviderNotServed."""
        vendor = self._vendors.get(provider)
        module = getattr(vendor, stage, "")
        if not module:
            raise ProviderNotServed(stage, provider, self.served(stage))
        factory: Callable[[EngineRequest[Any]], Awaitable[Any]] = getattr(
            importlib.import_module(module), stage
        )
        return factory

    def served(self, stage: Stage) -> list[str]:
        """The providers that have an engine of this kind."""
        return [provider for provider, vendor in self._vendors.items() if getattr(vendor, stage)]


async def _credential(assistant: Assistant, provider: str, credentials: OrgCredentials) -> BaseModel | None:
    """The assistant's own of that provider, else the org's newest; `credentialIds` says which of the org's
    an assistant may use."""
    for own in assistant.credentials or ():
        if own.provider == provider:
            return own
    allowed = assistant.credential_ids
    for name, document in (await credentials(provider)).items():
        if allowed is not None and name not in allowed:
            continue
        try:
            found: BaseModel = read(AnyCredential, document, _CREDENTIAL, f"the credential {name}")
            return found
        except NotValid as problem:
            log.warning("the credential %s is not valid and is left out: %s", name, problem)
    return None
