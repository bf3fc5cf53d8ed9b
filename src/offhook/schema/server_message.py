"""Messages to a server (wire-facts §4.3, §4.4): one class per kind that a call can cause.

These are built here and never parsed, so they are plain dataclasses; the documents inside them
were checked when they were stored and are handed through as they are. `server_message` puts the
envelope around a body; `wanted` says whether the assistant's `serverMessages` let it pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic.alias_generators import to_camel

from offhook.schema.call import CallStatus
from offhook.schema.message_type import ALWAYS_SENT

Role = Literal["assistant", "user"]
Document = Mapping[str, Any]

_FINAL_TRANSCRIPT = 'transcript[transcriptType="final"]'


@cache
def wire_name(attribute: str) -> str:
    return to_camel(attribute).replace("OpenAi", "OpenAI")


@dataclass(frozen=True, slots=True)
class Body:
    """What one kind of message has of its own. A property that is None is left out."""

    type: ClassVar[str]

    def properties(self) -> dict[str, Any]:
        """The properties on the wire, `type` first."""
        own = {wire_name(field.name): getattr(self, field.name) for field in fields(self)}
        return {"type": self.type} | {name: value for name, value in own.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AssistantRequest(Body):
    """Who shall answer this call? Wants an answer."""

    type: ClassVar[str] = "assistant-request"


@dataclass(frozen=True, slots=True)
class StatusUpdate(Body):
    """`endedReason` goes with ended; destination, transcript, messages and summary with forwarding;
    `inboundPhoneCallDebuggingArtifacts` with a call that found no assistant."""

    type: ClassVar[str] = "status-update"
    status: CallStatus
    ended_reason: str | None = None
    destination: Document | None = None
    transcript: str | None = None
    summary: str | None = None
    messages: Sequence[Document] | None = None
    messages_open_ai_formatted: Sequence[Document] | None = None
    inbound_phone_call_debugging_artifacts: Document | None = None


@dataclass(frozen=True, slots=True)
class EndOfCallReport(Body):
    """Once per call, the last of its messages. From `transcript` on: no longer in the schema, but
    read by everyone's code."""

    type: ClassVar[str] = "end-of-call-report"
    ended_reason: str
    artifact: Document
    analysis: Document
    started_at: str | None = None
    ended_at: str | None = None
    cost: float | None = None
    costs: Sequence[Document] | None = None
    destination: Document | None = None
    compliance: Document | None = None
    cost_breakdown: Document | None = None
    transcript: str | None = None
    summary: str | None = None
    messages: Sequence[Document] | None = None
    recording_url: str | None = None
    stereo_recording_url: str | None = None
    duration_seconds: float | None = None
    duration_minutes: float | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechUpdate(Body):
    """`turn` counts from 0 for each role."""

    type: ClassVar[str] = "speech-update"
    status: Literal["started", "stopped"]
    role: Role
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class Transcript(Body):
    type: ClassVar[str] = "transcript"
    role: Role
    transcript_type: Literal["partial", "final"]
    transcript: str
    assistant_id: str | None = None
    assistant_name: str | None = None
    is_filtered: bool | None = None
    detected_threats: Sequence[str] | None = None
    original_transcript: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationUpdate(Body):
    """`conversation` repeats the OpenAI form under its older name."""

    type: ClassVar[str] = "conversation-update"
    messages_open_ai_formatted: Sequence[Document]
    messages: Sequence[Document] | None = None
    conversation: Sequence[Document] | None = None


@dataclass(frozen=True, slots=True)
class UserInterrupted(Body):
    type: ClassVar[str] = "user-interrupted"
    turn_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelOutput(Body):
    """`output` is a piece of text or a tool call."""

    type: ClassVar[str] = "model-output"
    output: str | Document
    turn_id: str | None = None


@dataclass(frozen=True, slots=True)
class VoiceInput(Body):
    type: ClassVar[str] = "voice-input"
    input: str


@dataclass(frozen=True, slots=True)
class AssistantStarted(Body):
    type: ClassVar[str] = "assistant.started"
    new_assistant: Document


@dataclass(frozen=True, slots=True)
class AssistantSpeechStarted(Body):
    """`text` is the whole turn so far."""

    type: ClassVar[str] = "assistant.speechStarted"
    text: str
    turn: int | None = None
    source: Literal["model", "force-say", "custom-voice"] | None = None
    timing: Document | None = None


@dataclass(frozen=True, slots=True)
class Hang(Body):
    """The assistant is late with its answer."""

    type: ClassVar[str] = "hang"


@dataclass(frozen=True, slots=True)
class LanguageChangeDetected(Body):
    type: ClassVar[str] = "language-change-detected"
    language: str


@dataclass(frozen=True, slots=True)
class ToolCalls(Body):
    """Wants an answer. `toolCalls` repeats the list under its older name."""

    type: ClassVar[str] = "tool-calls"
    tool_call_list: Sequence[Document]
    tool_with_tool_call_list: Sequence[Document]
    tool_calls: Sequence[Document] | None = None


@dataclass(frozen=True, slots=True)
class TransferDestinationRequest(Body):
    """Wants an answer."""

    type: ClassVar[str] = "transfer-destination-request"


@dataclass(frozen=True, slots=True)
class HandoffDestinationRequest(Body):
    """Wants an answer."""

    type: ClassVar[str] = "handoff-destination-request"
    parameters: Document


@dataclass(frozen=True, slots=True)
class TransferUpdate(Body):
    type: ClassVar[str] = "transfer-update"
    destination: Document | None = None
    to_assistant: Document | None = None
    from_assistant: Document | None = None
    to_step_record: Document | None = None
    from_step_record: Document | None = None


@dataclass(frozen=True, slots=True)
class PhoneCallControl(Body):
    """Whoever chooses this message does the hanging up and the forwarding himself."""

    type: ClassVar[str] = "phone-call-control"
    request: Literal["forward", "hang-up"]
    destination: Document | None = None


@dataclass(frozen=True, slots=True)
class KnowledgeBaseRequest(Body):
    """Wants an answer."""

    type: ClassVar[str] = "knowledge-base-request"
    messages_open_ai_formatted: Sequence[Document]
    messages: Sequence[Document] | None = None


@dataclass(frozen=True, slots=True)
class CallEndpointingRequest(Body):
    """Wants an answer: how long to wait."""

    type: ClassVar[str] = "call.endpointing.request"
    messages_open_ai_formatted: Sequence[Document]
    messages: Sequence[Document] | None = None


@dataclass(frozen=True, slots=True)
class VoiceRequest(Body):
    """Wants mono 16-bit little-endian PCM at `sampleRate` as its answer."""

    type: ClassVar[str] = "voice-request"
    text: str
    sample_rate: int


@dataclass(frozen=True, slots=True)
class CallDeleted(Body):
    type: ClassVar[str] = "call.deleted"


@dataclass(frozen=True, slots=True)
class CallDeleteFailed(Body):
    type: ClassVar[str] = "call.delete.failed"


@dataclass(frozen=True, slots=True)
class CallArtifactUpload(Body):
    """`artifacts` are pairs of type and success."""

    type: ClassVar[str] = "call.artifact.upload"
    artifacts: Sequence[Document]


BODIES: tuple[type[Body], ...] = (
    AssistantRequest,
    StatusUpdate,
    EndOfCallReport,
    SpeechUpdate,
    Transcript,
    ConversationUpdate,
    UserInterrupted,
    ModelOutput,
    VoiceInput,
    AssistantStarted,
    AssistantSpeechStarted,
    Hang,
    LanguageChangeDetected,
    ToolCalls,
    TransferDestinationRequest,
    HandoffDestinationRequest,
    TransferUpdate,
    PhoneCallControl,
    KnowledgeBaseRequest,
    CallEndpointingRequest,
    VoiceRequest,
    CallDeleted,
    CallDeleteFailed,
    CallArtifactUpload,
)


def server_message(
    body: Body,
    *,
    timestamp: int,
    call: Document | None = None,
    phone_number: Document | None = None,
    customer: Document | None = None,
    assistant: Document | None = None,
    artifact: Document | None = None,
) -> dict[str, Any]:
    """The whole request body, `{"message": {...}}`. `timestamp` in milliseconds since the epoch.
    `artifact` is the live copy; a body with its own (the report) keeps that."""
    envelope = {
        "timestamp": timestamp,
        "call": call,
        "phoneNumber": phone_number,
        "customer": customer,
        "assistant": assistant,
        "artifact": artifact,
    }
    given = {name: value for name, value in envelope.items() if value is not None}
    return {"message": given | body.properties()}


def wanted(body: Body, chosen: Collection[str]) -> bool:
    """Whether a message goes out under these `serverMessages`. Questions that no list chooses
    always do; a final transcript also passes by its own entry."""
    if body.type in chosen or body.type in ALWAYS_SENT:
        return True
    return isinstance(body, Transcript) and body.transcript_type == "final" and _FINAL_TRANSCRIPT in chosen
