"""What is known about one call, and the documents made of it: the Call resource, the artifact, the objects
that go out in every server message (vapi-wire §3, §4.3, §8.2). Nothing here waits or sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from offhook.calls.privacy import Kept, kept_by, without_words
from offhook.calls.record.secrets import without_secrets
from offhook.calls.routing.decision import Assistant
from offhook.calls.state import CallStatus
from offhook.conversation.events import (
    CallerSpokenOver,
    EngineFailed,
    Event,
    ModelUsed,
    TurnMeasured,
    UserInterrupted,
    VoiceUsed,
)
from offhook.media.recorded import SIDES
from offhook.schema.assistant import AssistantOverrides
from offhook.schema.base import timestamp
from offhook.schema.kept import Kept as Once
from offhook.schema.model import with_model_names
from offhook.schema.server import is_secret_set

Document = dict[str, Any]

CARRIERS: Final = ("twilio", "vonage", "telnyx")
"""Providers of numbers that carry a call themselves; all others' calls come to our own SIP."""


TYPE: Final = "inboundPhoneCall"

_OF_THE_CALL: Final = ("variableValues", "tools:append")


MOST_EXPLAINED: Final = 1000
"""Characters of an `endedMessage`."""


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
    org: Mapping[str, Any] = field(default_factory=dict)
    status: CallStatus = "ringing"
    assistant_id: str | None = None
    assistant: Mapping[str, Any] | None = None
    speaking_id: str | None = None
    transient_assistant: Mapping[str, Any] | None = None
    overrides: Document = field(default_factory=dict)
    squad_id: str | None = None
    squad: Mapping[str, Any] | None = None
    started_at: float | None = None
    ended_at: float | None = None
    ended_reason: str | None = None
    ended_message: str | None = None
    ended_message_unquoted: str | None = None
    """Without words of others, which may repeat what was said."""
    why: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What has failed by the endedReason, and the same without words of others."""
    destination: Mapping[str, Any] | None = None
    summary: str | None = None
    """What whoever the call is forwarded to is told of it, where the transfer's mode asks for that."""
    debugging: Mapping[str, Any] | None = None
    transcript: Messages | None = None
    turns: list[TurnMeasured] = field(default_factory=list)
    transfers: list[Document] = field(default_factory=list)
    user_interrupted: int = 0
    assistant_interrupted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    voice_characters: int = 0
    recording_urls: Mapping[str, str] | None = None
    variables: Document = field(default_factory=dict)
    learned: Document = field(default_factory=dict)
    monitor: Document = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)
    _shown: dict[int, tuple[Mapping[str, Any], Document]] = field(default_factory=dict, repr=False)
    _assistants: dict[int, tuple[Mapping[str, Any], Document]] = field(default_factory=dict, repr=False)
    _artifact: Document | None = field(default=None, repr=False)

    def answered_by(self, found: Assistant) -> None:
        """This assistant answers. One that is not stored is kept with the call, as it was given: what belongs
        to the call alone stands in its overrides."""
        self.assistant, self.assistant_id = found.document, found.assistant_id
        self.speaking_id = found.assistant_id
        self.kept = kept_by(found.settings, self.org)
        self.overrides = dict(found.overrides)
        self.squad, self.squad_id = found.squad, found.squad_id
        if found.transient:
            self.transient_assistant = {
                name: value for name, value in found.document.items() if name not in _OF_THE_CALL
            }

    def taken_over_by(
        self, assistant: Mapping[str, Any], settings: AssistantOverrides, assistant_id: str | None
    ) -> None:
        """Another assistant goes on. The call still is the one that `assistant_id` or `squad_id` answered."""
        self.assistant, self.speaking_id = assistant, assistant_id
        self.kept = self.kept.taken_over(kept_by(settings, self.org))

    def note(self, event: Event) -> None:
        """Keep what an event of the conversation adds up to."""
        match event:
            case TurnMeasured():
                self.turns.append(event)
            case UserInterrupted():
                self.assistant_interrupted += 1
            case CallerSpokenOver():
                self.user_interrupted += 1
            case ModelUsed(prompt, completion):
                self.prompt_tokens += prompt
                self.completion_tokens += completion
            case VoiceUsed(characters):
                self.voice_characters += characters
            case EngineFailed(reason, detail, unquoted):
                self.explain(reason, detail, unquoted)
            case _:
                pass

    def explain(self, ended_reason: str, detail: str, unquoted: str | None = None) -> None:
        """What has failed: told as `endedMessage` if it is for that reason that the call ends. `unquoted`:
        without words of others, where there are any."""
        unquoted = detail if unquoted is None else unquoted
        self.why[ended_reason] = (detail[:MOST_EXPLAINED], unquoted[:MOST_EXPLAINED])

    def explain_further(self, ended_reason: str, detail: str, unquoted: str | None = None) -> None:
        """What has failed after what the call was to end for already."""
        before = self.why.get(ended_reason)
        if before is not None:
            unquoted = f"{before[1]}; then {detail if unquoted is None else unquoted}"
            detail = f"{before[0]}; then {detail}"
        self.explain(ended_reason, detail, unquoted)

    def ends(self, ended_reason: str, at: float) -> None:
        self.ended_reason, self.ended_at = ended_reason, at
        self.ended_message, self.ended_message_unquoted = self.why.get(ended_reason, (None, None))

    @property
    def duration(self) -> float:
        """Seconds from the answer to the end; 0 for a call that was never answered."""
        if self.started_at is None or self.ended_at is None:
            return 0.0
        return max(0.0, self.ended_at - self.started_at)

    @property
    def answered(self) -> bool:
        return self.started_at is not None

    @property
    def decided(self) -> bool:
        """Whether it is known who answers, or that nobody does: before that there is nothing to tell."""
        return self.assistant is not None or self.transcript is not None or self.status == "ended"

    @property
    def began(self) -> float:
        """When `secondsFromStart` is 0: at the answer, or before that at the first ring."""
        return self.created_at if self.started_at is None else self.started_at

    # -- resources ------------------------------------------------------------------------------

    def document(self) -> Document:
        """The Call resource without id, orgId, createdAt, updatedAt: what the store keeps."""
        provider = self.number.get("provider")
        body: Document = {
            "type": TYPE,
            "status": self.status,
            "phoneCallProvider": provider if provider in CARRIERS else "vapi",
            "phoneCallProviderId": self.id,
            "phoneCallTransport": "sip",
            "phoneNumberId": self.number.get("id"),
            "assistantId": self.assistant_id,
            "assistant": self.transient_assistant,
            "assistantOverrides": self.overrides,
            "squadId": self.squad_id,
            "squad": self.squad if self.squad and not self.squad_id else None,
            "workflowId": None,
            "customer": self.customer,
            "transport": self.transport(),
            "phoneCallProviderDetails": {"sbcCallId": self.sip_call_id},
            "startedAt": _iso(self.started_at),
            "endedAt": _iso(self.ended_at),
            "endedReason": self.ended_reason,
            "endedMessage": self.ended_message if self.kept.words else self.ended_message_unquoted,
            "destination": self.destination,
            "monitor": self.monitor,
        }
        if self.status == "ended":
            body |= self._ending()
        return body

    def transport(self) -> Document:
        return {"provider": "vapi.sip", "callSid": self.id, "sbcCallSid": self.sip_call_id}

    def _ending(self) -> Document:
        artifact = self.artifact()
        if not self.kept.words:
            artifact = without_words(artifact, self.learned)
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
        """The Call as it goes out in server messages, without secrets."""
        body: Document = {
            "id": self.id,
            "orgId": self.org_id,
            "createdAt": _iso(self.created_at),
            "updatedAt": _iso(updated_at),
            **self.document(),
            "endedMessage": self.ended_message,
        }
        for name in ("assistant", "assistantOverrides", "squad"):
            if body[name]:
                body[name] = self.shown(body[name])
        return body

    def number_resource(self) -> Document:
        """The number as it goes out in server messages, without secrets."""
        return self.shown(self.number)

    def assistant_resource(self) -> Document | None:
        """The assistant as it goes out in server messages, without secrets; None until there is one. Values
        of variables are those of the call, and stand in its overrides."""
        assistant = self.assistant
        if assistant is None:
            return None
        kept = self._assistants.get(id(assistant))
        if kept is None:
            kept = self._assistants[id(assistant)] = (assistant, _shown_assistant(assistant))
        return kept[1]

    def engine_context(self, now: Callable[[], float]) -> Document:
        """What custom engines are told about the call."""
        return {
            "call": self.resource(now()),
            "phoneNumber": self.number_resource(),
            "customer": self.customer,
            "assistant": self.assistant_resource(),
            "metadata": (self.assistant or {}).get("metadata"),
        }

    def shown(self, document: Mapping[str, Any]) -> Document:
        """Without secrets, worked out once per document: every message carries it."""
        kept = self._shown.get(id(document))
        if kept is None:
            kept = self._shown[id(document)] = (document, _shown(document))
        return kept[1]

    # -- artifact -------------------------------------------------------------------------------

    def messages(self) -> list[Document]:
        if self.transcript is None:
            return []
        return self.messages_of(self.transcript)

    def messages_of(self, transcript: Messages) -> list[Document]:
        """What was said in another conversation of this call, in the call's time."""
        return transcript.to_messages(self.offset, self.began - self.offset)

    def messages_openai(self) -> list[Document]:
        return [] if self.transcript is None else self.transcript.to_openai()

    def messages_to_keep(self) -> list[Document]:
        """What the row of a call that goes on has of them."""
        return self.messages() if self.kept.words else []

    def spoken(self) -> str:
        """`AI: ...` and `User: ...` lines, with the names the transcript plan gives."""
        if self.transcript is None:
            return ""
        return self.transcript.to_text(self.kept.user_name, self.kept.assistant_name)

    def text(self) -> str:
        """The same, where the transcript plan lets the artifact have it."""
        return self.spoken() if self.kept.transcript else ""

    def artifact(self) -> Document:
        """All that is known of the call, as its owner is told; of an ended one made once, since nothing is
        added any more."""
        if self.status != "ended":
            return self._make_artifact()
        if self._artifact is None:
            self._artifact = self._make_artifact()
        return self._artifact

    def _make_artifact(self) -> Document:
        # What a caller's headers brought is in the overrides, and nobody has used it.
        variables = self.variables if self.answered else {}
        body: Document = {
            "messages": self.messages(),
            "messagesOpenAIFormatted": self.messages_openai(),
            "transcript": self.text(),
            "transfers": self.transfers,
            "nodes": [],
            "variableValues": variables,
            "variables": variables,
            "performanceMetrics": performance(self.turns, self.user_interrupted, self.assistant_interrupted),
        }
        if self.recording_urls:
            mono, stereo = self.recording_urls["mono"], self.recording_urls["stereo"]
            sides = {f"{side}Url": self.recording_urls[side] for side in SIDES if side in self.recording_urls}
            body["recording"] = {"stereoUrl": stereo, "mono": {"combinedUrl": mono, **sides}}
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
                {"type": "transport", "provider": "vapi.sip", "minutes": minutes, "cost": 0},
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


def _without_secrets(document: Mapping[str, Any]) -> Document:
    return with_model_names(without_secrets(document))


_shown: Final = Once(_without_secrets)
"""Numbers and most assistants are the same document in every call, as they are stored."""


def _as_assistant(assistant: Mapping[str, Any]) -> Document:
    shown = {name: one for name, one in _shown(assistant).items() if name != "variableValues"}
    if "id" in shown:
        shown["isServerUrlSecretSet"] = is_secret_set(assistant)
    return shown


_shown_assistant: Final = Once(_as_assistant)


_STAGES: Final = ("model", "voice", "transcriber", "endpointing", "platform", "turn")


def performance(turns: Sequence[TurnMeasured], user: int = 0, assistant: int = 0) -> Document:
    """`performanceMetrics` in milliseconds, with the platform's own share beside the API's stages. `user` and
    `assistant`: how often they were interrupted."""
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
    metrics: Document = {
        "turnLatencies": latencies,
        "numUserInterrupted": user,
        "numAssistantInterrupted": assistant,
    }
    for stage in _STAGES:
        values = [latency[f"{stage}Latency"] for latency in latencies]
        if values:
            metrics[f"{stage}LatencyAverage"] = round(sum(values) / len(values), 1)
    return metrics


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else timestamp(seconds)


def _provider(assistant: Mapping[str, Any], part: str) -> str:
    return str((assistant.get(part) or {}).get("provider") or "vapi")
