"""Calls (vapi-wire §8)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.schema.assistants.artifact_plan import ArtifactPlan
from offhook.schema.assistants.assistant import Assistant, AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import JsonObject, Model, Number, Resource, Timestamp
from offhook.schema.calls.artifact import Analysis, Artifact
from offhook.schema.calls.call_transport import Transport
from offhook.schema.calls.conversation_messages import Message
from offhook.schema.calls.cost import Cost, CostBreakdown
from offhook.schema.tools.destination import CallDestination

CallType = Literal["inboundPhoneCall", "outboundPhoneCall", "webCall", "vapi.websocketCall"]
CallStatus = Literal[
    "scheduled",
    "queued",
    "ringing",
    "in-progress",
    "forwarding",
    "ended",
    "not-found",
    "deletion-failed",
]


class CreateCustomerDTO(Model):
    """The other side of the call. For a SIP caller: `number` is the user part of From, `name` its
    display name, `sipUri` the URI (vapi-wire §2.1)."""

    number: str | None = Field(default=None, min_length=3, max_length=40)
    number_e164_check_enabled: bool | None = None
    sip_uri: str | None = None
    extension: str | None = Field(default=None, max_length=10)
    name: str | None = Field(default=None, max_length=40)
    email: str | None = Field(default=None, max_length=40)
    external_id: str | None = Field(default=None, max_length=40)
    assistant_overrides: AssistantOverrides | None = None
    squad_overrides: AssistantOverrides | None = None


class Caller(CreateCustomerDTO):
    """Who called. The user part of From may be shorter than any number that can be dialled: a house's
    extension."""

    number: str | None = Field(default=None, max_length=40)


class SchedulePlan(Model):
    earliest_at: Timestamp
    latest_at: Timestamp | None = None


class _Call(Model):
    """Who talks to whom. Workflows are stored as they are: Offhook does not run them."""

    assistant_id: str | None = None
    assistant: Assistant | None = None
    assistant_overrides: AssistantOverrides | None = None
    assistant_version: str | None = None
    squad_id: str | None = None
    squad: Squad | None = None
    squad_overrides: AssistantOverrides | None = None
    workflow_id: str | None = None
    workflow: JsonObject | None = None
    workflow_overrides: JsonObject | None = None
    phone_number_id: str | None = None
    phone_number: JsonObject | None = None
    customer_id: str | None = None
    customer: CreateCustomerDTO | None = None
    name: str | None = Field(default=None, max_length=40)
    schedule_plan: SchedulePlan | None = None
    transport: Transport | None = None


class CreateCallDTO(_Call):
    """POST /call."""

    customers: list[CreateCustomerDTO] | None = None


class UpdateCallDTO(Model):
    """PATCH /call/{id}."""

    name: str | None = Field(default=None, max_length=40)


class DeleteCallDTO(Model):
    """DELETE /call/{id}; the body may be left out."""

    ids: list[str] | None = None


class MonitorResult(Model):
    monitor_id: str
    filter_passed: bool


class Monitor(Model):
    """Where a running call can be heard and steered."""

    listen_url: str | None = None
    control_url: str | None = None
    monitors: list[MonitorResult] | None = None


class RecordingConsent(Model):
    type: Literal["stay-on-line", "verbal"]
    granted_at: Timestamp | None = None


class Compliance(Model):
    recording_consent: RecordingConsent | None = None


class Call(_Call, Resource):
    """A call as shown. `phoneCallProviderDetails` and the four after it are no longer in the schema,
    but sent (vapi-wire §8.2)."""

    customer: Caller | None = None
    type: CallType | None = None
    status: CallStatus | None = None
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    ended_reason: str | None = None
    ended_message: str | None = None
    destination: CallDestination | None = None
    phone_call_provider: Literal["twilio", "vonage", "vapi", "telnyx"] | None = None
    phone_call_provider_id: str | None = None
    phone_call_transport: Literal["sip", "pstn"] | None = None
    messages: list[Message] | None = None
    artifact: Artifact | None = None
    artifact_plan: ArtifactPlan | None = None
    analysis: Analysis | None = None
    monitor: Monitor | None = None
    compliance: Compliance | None = None
    cost: Number | None = None
    costs: list[Cost] | None = None
    cost_breakdown: CostBreakdown | None = None
    campaign_id: str | None = None
    phone_call_provider_details: JsonObject | None = None
    transcript: str | None = None
    summary: str | None = None
    recording_url: str | None = None
    stereo_recording_url: str | None = None
