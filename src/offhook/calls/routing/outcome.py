"""What routing decides: who answers, or what happens to the call instead, and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from offhook.calls.directory.documented import Documented
from offhook.json_document import MessageDocument, ResourceDocument
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import document
from offhook.schema.tools.destination import TransferDestinationNumber, TransferDestinationSip
from offhook.schema.webhooks.answers import AssistantRequestAnswer

SORRY: Final = "Sorry, this number cannot take your call right now. Please try again later. Goodbye."
"""What a caller hears when no assistant can answer and nothing else is configured."""

_RESOURCE: Final = ("id", "orgId", "createdAt", "updatedAt")


@dataclass(frozen=True)
class FoundAssistant:
    """`settings` with all overrides applied. `stored`: the assistant that the overrides were applied to, if
    it is a stored one."""

    settings: AssistantOverrides
    assistant_id: str | None = None
    stored: ResourceDocument | None = None
    unchanged: bool = False

    @cached_property
    def document(self) -> ResourceDocument:
        """The document as its owner knows it. If nothing was applied to a stored assistant, it is the stored
        document itself, so that what was worked out from it is found again."""
        if self.stored is None:
            return document(self.settings)
        if self.unchanged:
            return self.stored
        kept = {name: self.stored[name] for name in _RESOURCE if name in self.stored}
        return {**kept, **document(self.settings)}


@dataclass(frozen=True, slots=True)
class AnsweringAssistant:
    """An assistant answers. `overrides` are the call's; `transient`: it is not stored."""

    found: FoundAssistant
    overrides: AssistantOverrides = field(default_factory=AssistantOverrides)
    squad: Documented[Squad] | None = None
    squad_id: str | None = None
    transient: bool = False


@dataclass(frozen=True, slots=True)
class ForwardedCaller:
    """The caller goes to a destination at once, without an assistant. `ours`: the words are the number's own
    and may be templates."""

    destination: TransferDestinationNumber | TransferDestinationSip
    ended_reason: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class LastWords:
    """The caller hears one sentence, then the call ends. `ours`: the sentence is the number's own and may be
    a template."""

    text: str
    ended_reason: str
    ours: bool = False


RoutingAction = AnsweringAssistant | ForwardedCaller | LastWords


@dataclass(frozen=True, slots=True)
class RoutingFailure:
    """Why no assistant was found. `artifacts` becomes `inboundPhoneCallDebuggingArtifacts`."""

    ended_reason: str
    error: str
    spoken: str = SORRY
    artifacts: MessageDocument = field(default_factory=dict)
    meant: object = None
    """The assistant, or the answer, that could not be used."""
    step: str = ""

    def __str__(self) -> str:
        """Names the step that failed, if the error does not: this is the call's `endedMessage`."""
        return f"{self.step}: {self.error}" if self.step else self.error


@dataclass(frozen=True, slots=True)
class RoutingOutcome:
    """What happens to the call, and the failure that led there, if one did."""

    action: RoutingAction
    failure: RoutingFailure | None = None


class RequestFailed(Exception):
    """The assistant-request got no usable JSON. `kind` as in `webhooks.client.AskFailed`."""

    def __init__(self, kind: str, detail: str, status: int | None = None, response: object = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status
        self.detail = detail
        self.response = response


RequestAssistant = Callable[[], Awaitable[AssistantRequestAnswer]]
"""Sends assistant-request and returns the answer. Raises RequestFailed."""
