"""The engines that an assistant's `transcriber`, `model` and `voice` mean, found by the provider's name."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter

from offhook.engines.circuits import Circuit, Circuits
from offhook.engines.fallback import FallbackModel, FallbackTranscriber, FallbackVoice
from offhook.engines.vendors import CLOSED, VENDORS, Vendor
from offhook.json_document import ResourceDocument
from offhook.language.language_model import LanguageModel
from offhook.schema.answered import NotValid, read
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.model import VapiModel
from offhook.schema.assistants.transcriber import VapiTranscriber
from offhook.schema.assistants.voice import VapiVoice
from offhook.schema.credential import AnyCredential, AzureCredential
from offhook.speech.engine_protocols import EngineError, EngineLacking, Stage, Transcriber, Voice
from offhook.speech.engine_request import EngineNode, EngineRequest
from offhook.speech.remote import CallContext, no_context

log = logging.getLogger(__name__)

E = TypeVar("E")
Made = list[tuple[E, Circuit]]
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


@dataclass(frozen=True, slots=True)
class _Asking:
    """For whom engines are made."""

    stage: Stage
    assistant: Assistant
    credentials: OrgCredentials
    context: CallContext
    org: str


class ProviderNotServed(EngineLacking):
    """The assistant wants an engine that Offhook does not have."""

    def __init__(self, stage: Stage, provider: str, served: Sequence[str]) -> None:
        why = f" ({CLOSED[provider]})" if provider in CLOSED else ""
        detail = f"this provider is not served here{why}; served are: {', '.join(served)}"
        super().__init__(stage, provider, detail)


async def no_credentials(provider: str) -> Documents:
    return {}


class EngineRegistry:
    """The engines of a node, each for one call and not started. `defaults` is for assistants that name none.

    An engine that is not served, or that lacks what it needs, is passed over if another of the plan can take
    its place; with `substitute` the platform's own stands in where none can, unless settings are wrong. Else
    EngineError is raised, the first one's."""

    def __init__(
        self,
        node: EngineNode,
        vendors: Mapping[str, Vendor] = VENDORS,
        defaults: Mapping[Stage, BaseModel] = PLATFORM,
        substitute: bool = False,
    ) -> None:
        self._node = node
        self._vendors = vendors
        self._defaults = defaults
        self._substitute = substitute

    def load(self) -> None:
        """Load the files of vendors that any assistant may want, before the first call comes."""
        for vendor in self._vendors.values():
            for module in {vendor.transcriber, vendor.model, vendor.voice} - {""}:
                if not vendor.keyed:
                    importlib.import_module(module)

    async def transcriber(
        self, assistant: Assistant, credentials: OrgCredentials = no_credentials, org: str = ""
    ) -> Transcriber:
        asking = _Asking("transcriber", assistant, credentials, no_context, org)
        choices = choices_of(assistant, "transcriber", self._defaults)
        made: Made[Transcriber] = await self._made(choices, asking)
        return made[0][0] if len(made) == 1 else FallbackTranscriber(*zip(*made, strict=True))

    async def model(
        self,
        assistant: Assistant,
        credentials: OrgCredentials = no_credentials,
        context: CallContext = no_context,
        org: str = "",
    ) -> LanguageModel:
        asking = _Asking("model", assistant, credentials, context, org)
        choices = choices_of(assistant, "model", self._defaults)
        made: Made[LanguageModel] = await self._made(choices, asking)
        return made[0][0] if len(made) == 1 else FallbackModel(*zip(*made, strict=True))

    async def voice(
        self,
        assistant: Assistant,
        credentials: OrgCredentials = no_credentials,
        context: CallContext = no_context,
        org: str = "",
    ) -> Voice:
        choices = choices_of(assistant, "voice", self._defaults)
        vendor = self._vendors.get(choices[0].provider)
        if len(choices) == 1 and vendor is not None and vendor.keyed:
            choices *= 2  # by another connection, from the word on at which this one broke off
        asking = _Asking("voice", assistant, credentials, context, org)
        made: Made[Voice] = await self._made(choices, asking)
        return made[0][0] if len(made) == 1 else FallbackVoice(*zip(*made, strict=True))

    async def _made(self, choices: Sequence[Any], asking: _Asking) -> Made[Any]:
        """Those that can be, in their order; behind them those that have failed too often of late."""
        stage, made, failed = asking.stage, [], []
        for settings in choices:
            try:
                made.append((await self._engine(settings, asking), self._circuit(settings, asking)))
            except EngineError as error:
                failed.append(error)
        if not made and self._substitute and all(isinstance(one, EngineLacking) for one in failed):
            platform = PLATFORM[stage]
            made.append((await self._engine(platform, asking), self._circuit(platform, asking)))
        if not made:
            raise failed[0]
        for passed_over in failed:
            log.warning("an engine is passed over: %s", passed_over.unquoted)
        return sorted(made, key=lambda one: one[1].open)

    async def _engine(self, settings: Any, asking: _Asking) -> Any:
        """Raises EngineError."""
        provider: str = settings.provider

        async def credential(provider: str = provider) -> BaseModel | None:
            return await credential_of(asking.assistant, provider, asking.credentials)

        request = EngineRequest(
            asking.stage, provider, settings, self._node, credential, asking.context, credential
        )
        return await self._factory(asking.stage, provider)(request)

    def _circuit(self, settings: Any, asking: _Asking) -> Circuit:
        names = (str(getattr(settings, name, None) or "") for name in ("model", "voice_id"))
        key = (asking.org, asking.stage, settings.provider, "/".join(filter(None, names)))
        return self._node.shared(Circuits, Circuits).of(key)

    def _factory(self, stage: Stage, provider: str) -> Callable[[EngineRequest[Any]], Awaitable[Any]]:
        """Raises ProviderNotServed."""
        vendor = self._vendors.get(provider)
        module = getattr(vendor, stage, "")
        if not module:
            raise ProviderNotServed(stage, provider, served(stage, self._vendors))
        factory: Callable[[EngineRequest[Any]], Awaitable[Any]] = getattr(
            importlib.import_module(module), stage
        )
        return factory

    def served(self, stage: Stage) -> list[str]:
        """The providers that have an engine of this kind."""
        return served(stage, self._vendors)


def served(stage: Stage, vendors: Mapping[str, Vendor] = VENDORS) -> list[str]:
    """The providers that have an engine of this kind."""
    return [provider for provider, vendor in vendors.items() if getattr(vendor, stage)]


def choices_of(
    assistant: Assistant, stage: Stage, defaults: Mapping[Stage, BaseModel] = PLATFORM
) -> list[Any]:
    """The settings of the engine that the assistant wants, and of those that take over, in this order."""
    settings = getattr(assistant, stage) or defaults[stage]
    if stage == "model":
        others = getattr(settings, "fallback_models", None) or ()
        return [settings, *(settings.model_copy(update={"model": name}) for name in others)]
    plan = getattr(settings, "fallback_plan", None)
    others = plan.transcribers if stage == "transcriber" and plan else plan.voices if plan else ()
    return [settings, *(others or ())]


async def credential_of(assistant: Assistant, provider: str, credentials: OrgCredentials) -> BaseModel | None:
    """The assistant's own of that provider, else the org's newest; `credentialIds` says which of the org's
    an assistant may use."""
    for own in assistant.credentials or ():
        if own.provider == provider and _for_engines(own):
            return own
    allowed = assistant.credential_ids
    for name, document in (await credentials(provider)).items():
        if allowed is not None and name not in allowed:
            continue
        try:
            found: BaseModel = read(AnyCredential, document, _CREDENTIAL, f"the credential {name}")
            if _for_engines(found):
                return found
        except NotValid as problem:
            log.warning("the credential %s is not valid and is left out: %s", name, problem)
    return None


def _for_engines(credential: BaseModel) -> bool:
    """One of Azure's may be for storage alone."""
    return not isinstance(credential, AzureCredential) or credential.service == "speech"
