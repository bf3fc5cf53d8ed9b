"""A call as it is made into JSON: what `call.py`, `artifact.py` and `cost.py` describe for who reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from offhook.json_document import MessageDocument, ResourceDocument, Variables
from offhook.schema.written import Written

Messages = Sequence[MessageDocument]


class TransportDocument(Written):
    provider: str = "vapi.sip"
    call_sid: str
    sbc_call_sid: str


class ProviderDetailsDocument(Written):
    sbc_call_id: str


class MonitorDocument(Written):
    """What nobody may do is left out."""

    listen_url: str | None = None
    control_url: str | None = None


class CallDocument(Written):
    """Without id, orgId, createdAt, updatedAt: what the store keeps."""

    type: str
    status: str
    phone_call_provider: str
    phone_call_provider_id: str
    phone_call_transport: str = "sip"
    phone_number_id: str | None
    assistant_id: str | None
    assistant: ResourceDocument | None
    assistant_overrides: ResourceDocument
    squad_id: str | None
    squad: ResourceDocument | None
    workflow_id: None = None
    customer: Mapping[str, object]
    transport: TransportDocument
    phone_call_provider_details: ProviderDetailsDocument
    started_at: str | None
    ended_at: str | None
    ended_reason: str | None
    ended_message: str | None
    destination: ResourceDocument | None
    monitor: Mapping[str, object]


class EndedCallDocument(Written):
    """What an ended call has besides."""

    messages: Messages
    transcript: str
    recording_url: str | None
    stereo_recording_url: str | None
    artifact: MessageDocument
    analysis: MessageDocument


class FailedCallDocument(Written):
    """Of a call to somebody, which ended before it began."""

    type: str = "outboundPhoneCall"
    status: str = "ended"
    ended_at: str
    ended_reason: str
    ended_message: str
    phone_call_provider: str = "vapi"
    phone_call_transport: str = "sip"
    cost: float = 0


class IdentityDocument(Written):
    id: str
    org_id: str
    created_at: str
    updated_at: str


class ToolCallsDocument(Written):
    """One of the messages of a conversation, without its times."""

    role: str = "tool_calls"
    tool_calls: Messages
    message: str = ""


class ToolCallResultDocument(Written):
    """The same, of what a tool gave back."""

    role: str = "tool_call_result"
    tool_call_id: str
    name: str
    result: str


class MonoDocument(Written):
    combined_url: str
    assistant_url: str | None
    customer_url: str | None

    def document(self) -> dict[str, object]:
        """A side that was not recorded has no URL."""
        return {name: value for name, value in super().document().items() if value is not None}


class RecordingDocument(Written):
    stereo_url: str
    mono: MonoDocument


class RecordingUrlsDocument(Written):
    """Of a call that was recorded."""

    recording: RecordingDocument
    recording_url: str
    stereo_recording_url: str


class ArtifactDocument(Written):
    messages: Messages
    messages_open_ai_formatted: Messages
    transcript: str
    transfers: Sequence[MessageDocument]
    nodes: Sequence[MessageDocument] = ()
    variable_values: Variables
    variables: Variables
    performance_metrics: MessageDocument

    def document(self) -> dict[str, object]:
        return {**super().document(), "nodes": list(self.nodes)}


class TurnLatencyDocument(Written):
    """In milliseconds."""

    model_latency: float
    voice_latency: float
    transcriber_latency: float
    endpointing_latency: float
    platform_latency: float
    turn_latency: float


class PerformanceDocument(Written):
    """Averages are left out where there was no turn."""

    turn_latencies: Sequence[Mapping[str, object]]
    num_user_interrupted: int
    num_assistant_interrupted: int
    model_latency_average: float | None
    voice_latency_average: float | None
    transcriber_latency_average: float | None
    endpointing_latency_average: float | None
    platform_latency_average: float | None
    turn_latency_average: float | None


class CostBreakdownDocument(Written):
    transport: float = 0
    stt: float = 0
    llm: float = 0
    tts: float = 0
    vapi: float = 0
    total: float = 0
    llm_prompt_tokens: int
    llm_completion_tokens: int
    tts_characters: int


class CostItemDocument(Written):
    """What one kind of item does not have is left out."""

    type: Literal["transport", "transcriber", "model", "voice", "vapi"]
    sub_type: str | None = None
    provider: str | None = None
    transcriber: Mapping[str, str] | None = None
    model: Mapping[str, str] | None = None
    voice: Mapping[str, str] | None = None
    minutes: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    characters: int | None = None
    cost: float = 0


class CostsDocument(Written):
    cost: float = 0
    cost_breakdown: CostBreakdownDocument
    costs: Sequence[Mapping[str, object]]


class SaidInTransfer(Written):
    """What of an entry of `artifact.transfers` is words."""

    transcript: str = ""
    messages: Messages = ()

    def document(self) -> dict[str, object]:
        return {**super().document(), "messages": list(self.messages)}


class TransferEntry(SaidInTransfer):
    """One of `artifact.transfers`, as it begins: it is changed while the transfer goes on."""

    destination: ResourceDocument
    mode: str
    status: str = "cancelled"


class FailedTransfer(Written):
    """What an entry of `artifact.transfers` gets when the caller was not handed on."""

    status: str
    failure_reason: str


class TransferAssistantDefaults(Written):
    """What a transferAssistant that does not say otherwise has."""

    voice: ResourceDocument | None
    transcriber: ResourceDocument | None
    max_duration_seconds: int
    silence_timeout_seconds: int


class LegStatistics(Written):
    """Of the audio with a called party. Times in milliseconds."""

    codec: str
    packets_sent: int
    packets_received: int
    packets_lost: int
    packets_late: int
    frames_concealed: int
    jitter: float
    round_trip: float | None
    remote_packets_lost: int | None


class EngineContext(Written):
    """What custom engines are told about the call."""

    call: ResourceDocument
    phone_number: ResourceDocument
    customer: Mapping[str, object]
    assistant: ResourceDocument | None
    metadata: Mapping[str, object] | None


class CallVariable(Written):
    """`call` in templates."""

    id: str
    type: str
    status: str
    started_at: str | None
    assistant_id: str | None


class NumberVariable(Written):
    """`phoneNumber` in templates."""

    id: str | None
    number: str | None
    name: str | None
    provider: str | None
    sip_uri: str | None


class TransportVariable(TransportDocument):
    """`transport` in templates."""

    conversation_type: str = "voice"


class CallVariables(Written):
    """What is known of a call, and nobody's to change."""

    customer: Mapping[str, object]
    phone_number: NumberVariable
    call: CallVariable
    assistant: Mapping[str, str | None]
    transport: TransportVariable


class SummaryVariables(Written):
    """What the templates of a `summaryPlan` may use, while the call goes on."""

    transcript: str
    system_prompt: str
    messages: str
    ended_reason: str = ""


class CustomerDocument(Written):
    """What is not known of a caller is left out."""

    number: str | None = None
    name: str | None = None
    sip_uri: str | None = None
