"""Messages to a server (vapi-wire §4.3, §4.4): one class per kind that a call can cause.

These are built here and never parsed, so they are plain dataclasses; the documents inside them
were checked when they were stored and are handed through as they are. `server_message` puts the
envelope around a body; `wanted` says whether the assistant's `serverMessages` let it pass."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, dataclass_transform

from offhook.json_document import MessageDocument as Document
from offhook.schema.calls.call import CallStatus
from offhook.schema.webhooks.message_type import ALWAYS_SENT
from offhook.schema.written import Written, wire_name

Role = Literal["assistant", "user"]
Documents = Sequence[Document]

_FINAL_TRANSCRIPT = 'transcript[transcriptType="final"]'

BODIES: list[type[Body]] = []
"""Every kind below, in this order."""


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Body:
    """What one kind of message has of its own. A property that is None is left out."""

    type: ClassVar[str]

    def __init_subclass__(cls, type: str) -> None:  # noqa: A002 - as it is called on the wire
        cls.type = type
        BODIES.append(dataclass(frozen=True)(cls))

    def properties(self) -> dict[str, Any]:
        """The properties on the wire, `type` first."""
        own = {wire_name(field.name): getattr(self, field.name) for field in fields(self)}
        return {"type": self.type} | {name: value for name, value in own.items() if value is not None}


class DebuggingArtifacts(Written):
    """`inboundPhoneCallDebuggingArtifacts`, as they were captured on the wire. Of a question that was not
    answered there is no response."""

    error: str
    assistant_request_error: str | None = None
    assistant_request_response: object = None


class ServerMessageAssistantRequest(Body, type="assistant-request"):
    """Who shall answer this call? Wants an answer."""


class ServerMessageStatusUpdate(Body, type="status-update"):
    """`endedReason` goes with ended; destination, transcript, messages and summary with forwarding;
    `inboundPhoneCallDebuggingArtifacts` with a call that found no assistant."""

    status: CallStatus
    ended_reason: str | None = None
    destination: Document | None = None
    transcript: str | None = None
    summary: str | None = None
    messages: Documents | None = None
    messages_open_ai_formatted: Documents | None = None
    inbound_phone_call_debugging_artifacts: Document | None = None


class ServerMessageEndOfCallReport(Body, type="end-of-call-report"):
    """Once per call, the last of its messages. From `transcript` on: no longer in the schema, but
    read by everyone's code."""

    ended_reason: str
    artifact: Document
    analysis: Document
    started_at: str | None = None
    ended_at: str | None = None
    cost: float | None = None
    costs: Documents | None = None
    destination: Document | None = None
    compliance: Document | None = None
    cost_breakdown: Document | None = None
    transcript: str | None = None
    summary: str | None = None
    messages: Documents | None = None
    recording_url: str | None = None
    stereo_recording_url: str | None = None
    duration_seconds: float | None = None
    duration_minutes: float | None = None
    duration_ms: float | None = None


class ServerMessageSpeechUpdate(Body, type="speech-update"):
    """`turn` counts from 0 for each role."""

    status: Literal["started", "stopped"]
    role: Role
    turn: int | None = None


class ServerMessageTranscript(Body, type="transcript"):
    role: Role
    transcript_type: Literal["partial", "final"]
    transcript: str
    assistant_id: str | None = None
    assistant_name: str | None = None
    is_filtered: bool | None = None
    detected_threats: Sequence[str] | None = None
    original_transcript: str | None = None


class ServerMessageConversationUpdate(Body, type="conversation-update"):
    """`conversation` repeats the OpenAI form under its older name."""

    messages_open_ai_formatted: Documents
    messages: Documents | None = None
    conversation: Documents | None = None


class ServerMessageUserInterrupted(Body, type="user-interrupted"):
    turn_id: str | None = None


class ServerMessageModelOutput(Body, type="model-output"):
    """`output` is a piece of text or a tool call."""

    output: str | Document
    turn_id: str | None = None


class ServerMessageVoiceInput(Body, type="voice-input"):
    input: str


class ServerMessageAssistantStarted(Body, type="assistant.started"):
    new_assistant: Document


class ServerMessageAssistantSpeech(Body, type="assistant.speechStarted"):
    """`text` is the whole turn so far."""

    text: str
    turn: int | None = None
    source: Literal["model", "force-say", "custom-voice"] | None = None
    timing: Document | None = None


class ServerMessageHang(Body, type="hang"):
    """The assistant is late with its answer."""


class ServerMessageToolCalls(Body, type="tool-calls"):
    """Wants an answer. `toolCalls` repeats the list under its older name."""

    tool_call_list: Documents
    tool_with_tool_call_list: Documents
    tool_calls: Documents | None = None


def tool_with_call(tool: Document, call: Document) -> Document:
    """One of `toolWithToolCallList`. Where the tool's server is nobody has to be told."""
    return {**{name: value for name, value in tool.items() if name != "server"}, "toolCall": call}


class ServerMessageTransferDestinationRequest(Body, type="transfer-destination-request"):
    """Wants an answer."""


class ServerMessageHandoffDestinationRequest(Body, type="handoff-destination-request"):
    """Wants an answer."""

    parameters: Document


class ServerMessageTransferUpdate(Body, type="transfer-update"):
    destination: Document | None = None
    to_assistant: Document | None = None
    from_assistant: Document | None = None
    to_step_record: Document | None = None
    from_step_record: Document | None = None


class MessageTimes(Written):
    """Of one of a call's messages. Times in milliseconds since the epoch."""

    time: int
    seconds_from_start: float = 0
    end_time: int | None = None


def to_assistant(destination: Document, name: str) -> Document:
    """The one kind of destination that the API has for who takes over."""
    return {**destination, "type": "assistant", "assistantName": name}


class ServerMessageKnowledgeBaseRequest(Body, type="knowledge-base-request"):
    """Wants an answer."""

    messages_open_ai_formatted: Documents
    messages: Documents | None = None


class ServerMessageCallEndpointingRequest(Body, type="call.endpointing.request"):
    """Wants an answer: how long to wait."""

    messages_open_ai_formatted: Documents
    messages: Documents | None = None


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
    return (
        isinstance(body, ServerMessageTranscript)
        and body.transcript_type == "final"
        and _FINAL_TRANSCRIPT in chosen
    )
