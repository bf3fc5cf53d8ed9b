"""Where a call may be sent on to: number, SIP, another assistant (vapi-wire §2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from offhook.schema.assistants.analysis import SummaryPlan
from offhook.schema.assistants.spoken import Spoken
from offhook.schema.base import JsonObject, Model, Number


class ContextEngineeringPlanLastNMessages(Model):
    type: Literal["lastNMessages"]
    max_messages: Number = Field(ge=0)


class ContextEngineeringPlanNone(Model):
    type: Literal["none"]


class ContextEngineeringPlanAll(Model):
    type: Literal["all"]


TransferContextPlan = Annotated[
    ContextEngineeringPlanLastNMessages | ContextEngineeringPlanNone | ContextEngineeringPlanAll,
    Field(discriminator="type"),
]
"""How much of the conversation goes along."""


TransferMode = Literal[
    "blind-transfer",
    "blind-transfer-add-summary-to-sip-header",
    "warm-transfer-say-message",
    "warm-transfer-say-summary",
    "warm-transfer-twiml",
    "warm-transfer-wait-for-operator-to-speak-first-and-then-say-message",
    "warm-transfer-wait-for-operator-to-speak-first-and-then-say-summary",
    "warm-transfer-experimental",
]


class TransferFallbackPlan(Model):
    """What happens when the transfer fails."""

    message: Spoken
    end_call_enabled: bool | None = None


class TransferPlan(Model):
    """How a transfer is made. Times in seconds. `transferAssistant` (warm-transfer-experimental) is
    not in the schema, but documented (vapi-wire §2.4); it is kept as it is."""

    mode: TransferMode
    message: Spoken | None = None
    timeout: Number | None = Field(default=None, ge=1, le=600)
    sip_verb: Literal["refer", "bye", "dial"] | None = None
    dial_timeout: Number | None = Field(default=None, ge=1, le=600)
    hold_audio_url: str | None = None
    transfer_complete_audio_url: str | None = None
    transfer_assistant: JsonObject | None = None
    context_engineering_plan: TransferContextPlan | None = None
    twiml: str | None = Field(default=None, max_length=4096)
    summary_plan: SummaryPlan | None = None
    sip_headers_in_refer_to_enabled: bool | None = None
    fallback_plan: TransferFallbackPlan | None = None


class SaidDestination(Model):
    """`message` is said before; left out, a standard sentence is. `description` is for the model."""

    name: str | None = None
    message: Spoken | None = None
    description: str | None = None


class TransferDestinationNumber(SaidDestination):
    type: Literal["number"]
    number: str = Field(min_length=3, max_length=40)
    number_e164_check_enabled: bool | None = None
    extension: str | None = Field(default=None, min_length=1, max_length=10)
    caller_id: str | None = Field(default=None, max_length=40)
    transfer_plan: TransferPlan | None = None


class TransferDestinationSip(SaidDestination):
    type: Literal["sip"]
    sip_uri: str
    caller_id: str | None = Field(default=None, max_length=40)
    transfer_plan: TransferPlan | None = None
    sip_headers: dict[str, str] | None = None


class TransferDestinationAssistant(SaidDestination):
    type: Literal["assistant"]
    assistant_name: str
    transfer_mode: (
        Literal[
            "rolling-history",
            "swap-system-message-in-history",
            "swap-system-message-in-history-and-remove-transfer-tool-messages",
            "delete-history",
        ]
        | None
    ) = None


@dataclass(frozen=True, slots=True)
class TransferWishes:
    """What a destination wants of its transfer: how, what the caller is told when it fails (None: the usual),
    and whether the call ends then."""

    mode: TransferMode
    apology: Spoken | None
    ends_call: bool

    @classmethod
    def of(cls, destination: CallDestination) -> TransferWishes:
        plan = destination.transfer_plan or BLIND_TRANSFER
        fallback = plan.fallback_plan
        if fallback is None:
            return cls(plan.mode, None, True)
        return cls(plan.mode, fallback.message, fallback.end_call_enabled is not False)


BLIND_TRANSFER: Final = TransferPlan.model_construct(mode="blind-transfer")
"""Of a destination without a plan."""

CallDestination = Annotated[TransferDestinationNumber | TransferDestinationSip, Field(discriminator="type")]
"""Outside Offhook: `fallbackDestination`, hooks, the answer to an assistant-request."""

TransferDestination = Annotated[
    TransferDestinationAssistant | TransferDestinationNumber | TransferDestinationSip,
    Field(discriminator="type"),
]
"""Anywhere: the destinations of the transferCall tool."""
