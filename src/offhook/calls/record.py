"""What is known about one call, and the documents made of it: the Call resource, the artifact, the objects
that go out in every server message (wire-facts §3, §4.3, §8.2). Nothing here waits or sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from offhook.calls.state import CallStatus
from offhook.conversation.events import TurnMeasured
from offhook.schema.base import timestamp

Document = dict[str, Any]

SECRET_NUMBER_FIELDS: Final = ("authentication", "serverUrlSecret", "twilioAuthToken", "twilioApiSecret")
"""Fields of a number that never leave in a webhook (architecture §6; the original leaks them)."""


class Messages(Protocol):
    """The conversation so far, in the API's forms (`conversation.transcript.Transcript`)."""

    def to_messages(self, offset_epoch: float, started_at: float) -> list[Document]: ...

    def to_openai(self) -> list[Document]: ...

    def to_text(self, user_name: str = "User", assistant_name: str = "AI") -> str: ...


@dataclass(slots=True)
class CallRecord:
    """The facts of one call. Times are seconds since the epoch; `offset` turns loop time into them."""

    id: str
    org_id: str
    number: Mapping[str, Any]
    sip_call_id: str
    customer: Document
    created_at: float
    offset: float
    status: CallStatus = "ringing"
    assistant_id: str | None = None
    assistant: Mapping[str, Any] | None = None
    transient_assistant: bool = False
    overrides: Document = field(default_factory=dict)
    squad_id: str | None = None
    squad: Mapping[str, Any] | None = None
    started_at: float | None = None
    ended_at: float | None = None
    ended_reason: str | None = None
    ended_message: str | None = None
    destination: Mapping[str, Any] | None = None
    debugging: Mapping[str, Any] | None = None
    transcript: Messages | None = None
    turns: list[TurnMeasured] = field(default_factory=list)
    transfers: list[Document] = field(default_factory=list)
    user_interruptions: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    voice_characters: int = 0
    recording_urls: Mapping[str, str] | None = None
    variables: Document = field(default_factory=dict)
    monitor: Document = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """Seconds from the answer to the end; 0 for a call that was never answered."""
        if self.started_at is None or self.ended_at is None:
            return 0.0
        return max(0.0, self.ended_at - self.started_at)

    # -- resources ------------------------------------------------------------------------------

    def document(self) -> Document:
        """The Call resource without id, orgId, createdAt, updatedAt: what the store keeps."""
        number = self.number
        body: Document = {
            "type": "inboundPhoneCall",
            "status": self.status,
            "phoneCallProvider": number.get("provider", "vapi"),
            "phoneCallProviderId": self.id,
            "phoneCallTransport": "sip",
            "phoneNumberId": number.get("id"),
            "assistantId": self.assistant_id,
            "assistant": self.assistant if self.transient_assistant else None,
            "assistantOverrides": self.overrides,
            "squadId": self.squad_id,
            "squad": self.squad if self.squad and not self.squad_id else None,
            "workflowId": None,
            "customer": self.customer,
            "transport": {"provider": "vapi.sip", "callSid": self.id, "sbcCallSid": self.sip_call_id},
            "phoneCallProviderDetails": {"sbcCallId": self.sip_call_id},
            "startedAt": _iso(self.started_at),
            "endedAt": _iso(self.ended_at),
            "endedReason": self.ended_reason,
            "endedMessage": self.ended_message,
            "destination": self.destination,
            "monitor": self.monitor,
        }
        if self.status == "ended":
            body |= self._ending()
        return body

    def _ending(self) -> Document:
        artifact = self.artifact()
        return {
            "messages": artifact["messages"],
            "transcript": artifact["transcript"],
            "recordingUrl": artifact.get("recordingUrl"),
            "stereoRecordingUrl": artifact.get("stereoRecordingUrl"),
            "artifact": artifact,
            "analysis": {},
            **self.costs(),
        }

    def resource(self, updated_at: float) -> Document:
        """The Call as it goes out in server messages."""
        return {
            "id": self.id,
            "orgId": self.org_id,
            "createdAt": _iso(self.created_at),
            "updatedAt": _iso(updated_at),
            **self.document(),
        }

    def number_resource(self) -> Document:
        """The number as it goes out in server messages, without its secrets."""
        number = {key: value for key, value in self.number.items() if key not in SECRET_NUMBER_FIELDS}
        return without_server_secrets(number)

    # -- artifact -------------------------------------------------------------------------------

    def messages(self) -> list[Document]:
        if self.transcript is None:
            return []
        return self.transcript.to_messages(self.offset, self.started_at or self.created_at)

    def messages_openai(self) -> list[Document]:
        return [] if self.transcript is None else self.transcript.to_openai()

    def text(self) -> str:
        """`AI: ...` and `User: ...` lines, with the names the transcript plan gives."""
        plan = _plan(self.assistant, "artifactPlan", "transcriptPlan")
        if self.transcript is None or plan.get("enabled") is False:
            return ""
        return self.transcript.to_text(plan.get("userName") or "User", plan.get("assistantName") or "AI")

    def artifact(self) -> Document:
        body: Document = {
            "messages": self.messages(),
            "messagesOpenAIFormatted": self.messages_openai(),
            "transcript": self.text(),
            "transfers": self.transfers,
            "nodes": [],
            "variableValues": self.variables,
            "variables": self.variables,
            "performanceMetrics": performance(self.turns, self.user_interruptions),
        }
        if self.recording_urls:
            mono, stereo = self.recording_urls["mono"], self.recording_urls["stereo"]
            body["recording"] = {"stereoUrl": stereo, "mono": {"combinedUrl": mono}}
            body["recordingUrl"] = mono
            body["stereoRecordingUrl"] = stereo
        return body

    def costs(self) -> Document:
        """Zero, item by item: nothing is billed here, but consumers read the keys and the quantities."""
        minutes = round(self.duration / 60, 4)
        assistant = self.assistant or {}
        return {
            "cost": 0,
            "costBreakdown": {
                "transport": 0,
                "stt": 0,
                "llm": 0,
                "tts": 0,
                "vapi": 0,
                "total": 0,
                "llmPromptTokens": self.prompt_tokens,
                "llmCompletionTokens": self.completion_tokens,
                "ttsCharacters": self.voice_characters,
            },
            "costs": [
                {"type": "transport", "provider": "vapi", "minutes": minutes, "cost": 0},
                {
                    "type": "transcriber",
                    "transcriber": {"provider": _provider(assistant, "transcriber")},
                    "minutes": minutes,
                    "cost": 0,
                },
                {
                    "type": "model",
                    "model": {"provider": _provider(assistant, "model")},
                    "promptTokens": self.prompt_tokens,
                    "completionTokens": self.completion_tokens,
                    "cost": 0,
                },
                {
                    "type": "voice",
                    "voice": {"provider": _provider(assistant, "voice")},
                    "characters": self.voice_characters,
                    "cost": 0,
                },
                {"type": "vapi", "subType": "normal", "minutes": minutes, "cost": 0},
            ],
        }


def without_server_secrets(document: Mapping[str, Any]) -> Document:
    """The document with its `server` reduced to what may be seen by whoever gets the message."""
    shown = {key: value for key, value in document.items() if key not in ("serverUrlSecret", "credentials")}
    server = shown.get("server")
    if isinstance(server, Mapping):
        shown["server"] = {key: value for key, value in server.items() if key not in ("secret", "headers")}
    return shown


_STAGES: Final = ("model", "voice", "transcriber", "endpointing", "platform", "turn")


def performance(turns: Sequence[TurnMeasured], user_interruptions: int) -> Document:
    """`performanceMetrics` in milliseconds, with the platform's own share beside the API's stages."""
    latencies = [
        {
            "modelLatency": round(turn.model, 1),
            "voiceLatency": round(turn.voice, 1),
            "transcriberLatency": round(turn.transcriber, 1),
            "endpointingLatency": round(turn.endpointing, 1),
            "platformLatency": round(turn.platform, 1),
            "turnLatency": round(turn.total, 1),
        }
        for turn in turns
    ]
    metrics: Document = {"turnLatencies": latencies, "numUserInterrupted": user_interruptions}
    for stage in _STAGES:
        values = [latency[f"{stage}Latency"] for latency in latencies]
        if values:
            metrics[f"{stage}LatencyAverage"] = round(sum(values) / len(values), 1)
    return metrics


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else timestamp(seconds)


def _provider(assistant: Mapping[str, Any], part: str) -> str:
    return str((assistant.get(part) or {}).get("provider") or "vapi")


def _plan(document: Mapping[str, Any] | None, *path: str) -> Mapping[str, Any]:
    found: Any = document or {}
    for key in path:
        found = found.get(key) or {}
    return found if isinstance(found, Mapping) else {}
