"""The facts of one call. Nothing here waits or sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from offhook.calls.directory.documented import Documented
from offhook.calls.privacy import PrivacyDecision, kept_by
from offhook.calls.routing.outcome import AnsweringAssistant, FoundAssistant
from offhook.calls.state import CallStatus
from offhook.conversation.events import (
    AssistantInterrupted,
    CallerSpokenOver,
    EngineFailed,
    Event,
    ModelUsed,
    TurnMeasured,
    VoiceUsed,
)
from offhook.json_document import MessageDocument, ResourceDocument
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.plan import MonitorPlan
from offhook.schema.assistants.squad import Squad
from offhook.schema.calls.monitored_call import MonitoredCall
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.org import UpdateOrgDTO

Document = dict[str, Any]

CALL_TYPE: Final = "inboundPhoneCall"

MOST_EXPLAINED: Final = 1000
"""Characters of an `endedMessage`."""

_OF_THE_CALL: Final = ("variableValues", "tools:append")


class Messages(Protocol):
    """The conversation so far, in the API's forms (`conversation.transcript.Transcript`)."""

    def to_messages(self, offset_epoch: float, started_at: float) -> list[Document]: ...

    def to_openai(self) -> list[Document]: ...

    def to_text(self, user_name: str = "User", assistant_name: str = "AI") -> str: ...


@dataclass(slots=True)
class CallFacts:
    """The facts of one call. Times are seconds since the epoch; `offset` turns loop time into them."""

    id: str
    org_id: str
    number: Documented[StoredPhoneNumber]
    sip_call_id: str
    customer: Document
    created_at: float
    offset: float
    org: UpdateOrgDTO = field(default_factory=UpdateOrgDTO)
    status: CallStatus = "ringing"
    assistant_id: str | None = None
    assistant: FoundAssistant | None = None
    """The assistant that speaks, or spoke last. `assistant_id` is the one that answered."""
    transient_assistant: ResourceDocument | None = None
    overrides: AssistantOverrides = field(default_factory=AssistantOverrides)
    squad_id: str | None = None
    squad: Documented[Squad] | None = None
    started_at: float | None = None
    ended_at: float | None = None
    ended_reason: str | None = None
    ended_message: str | None = None
    ended_message_unquoted: str | None = None
    """The explanation without other people's words, which may repeat what was said."""
    why: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What has failed, by the endedReason; and the same without other people's words."""
    destination: ResourceDocument | None = None
    summary: str | None = None
    """The summary that the party gets to whom the call is forwarded, where the transfer's mode asks for
    one."""
    debugging: MessageDocument | None = None
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
    live_url: str | None = None
    """Where the API has calls, for who listens to this one and steers it; None: nobody can."""
    kept: PrivacyDecision = field(default_factory=PrivacyDecision)

    def answered_by(self, action: AnsweringAssistant) -> None:
        """This assistant answers. One that is not stored is kept with the call as it was given. What belongs
        to this call alone stands in its overrides."""
        found = action.found
        self.assistant, self.assistant_id = found, found.assistant_id
        self.kept = kept_by(found.settings, self.org)
        self.overrides = action.overrides
        self.squad, self.squad_id = action.squad, action.squad_id
        if action.transient:
            self.transient_assistant = {
                name: value for name, value in found.document.items() if name not in _OF_THE_CALL
            }

    def taken_over_by(self, found: FoundAssistant) -> None:
        """Another assistant goes on. `assistant_id` or `squad_id` still names the one that answered."""
        self.assistant = found
        self.kept = self.kept.taken_over(kept_by(found.settings, self.org))

    @property
    def speaking(self) -> AssistantOverrides:
        """Settings of the assistant that speaks; empty ones while there is none."""
        return _NOBODY if self.assistant is None else self.assistant.settings

    @property
    def monitored(self) -> MonitoredCall:
        """What may be done with it from outside, as the assistant has it that speaks."""
        plan = None if self.assistant is None else self.speaking.monitor_plan or MonitorPlan()
        return MonitoredCall.of(self.org_id, plan)

    @property
    def speaking_id(self) -> str | None:
        return None if self.assistant is None else self.assistant.assistant_id

    def note(self, event: Event) -> None:
        """Adds up what the conversation's events report."""
        match event:
            case TurnMeasured():
                self.turns.append(event)
            case AssistantInterrupted():
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
        """Records what has failed. It becomes the `endedMessage` if the call ends for this reason.
        `unquoted`: without other people's words, where there are any."""
        unquoted = detail if unquoted is None else unquoted
        self.why[ended_reason] = (detail[:MOST_EXPLAINED], unquoted[:MOST_EXPLAINED])

    def explain_further(self, ended_reason: str, detail: str, unquoted: str | None = None) -> None:
        """Adds what has failed after the reason for which the call ends."""
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
        """Whether it is decided who answers, or that nobody does. Before that there is nothing to report."""
        return self.assistant is not None or self.transcript is not None or self.status == "ended"

    @property
    def began(self) -> float:
        """The moment when `secondsFromStart` is 0: the answer, or before that the first ringing."""
        return self.created_at if self.started_at is None else self.started_at

    # -- what was said --------------------------------------------------------------------------

    def messages(self) -> list[Document]:
        if self.transcript is None:
            return []
        return self.messages_of(self.transcript)

    def messages_of(self, transcript: Messages) -> list[Document]:
        """The messages of another conversation of this call, with times of this call."""
        return transcript.to_messages(self.offset, self.began - self.offset)

    def messages_openai(self) -> list[Document]:
        return [] if self.transcript is None else self.transcript.to_openai()

    def messages_to_keep(self) -> list[Document]:
        """The messages that the row of a running call holds."""
        return self.messages() if self.kept.words else []

    def spoken(self) -> str:
        """`AI: ...` and `User: ...` lines, with the names the transcript plan gives."""
        if self.transcript is None:
            return ""
        return self.transcript.to_text(self.kept.user_name, self.kept.assistant_name)

    def text(self) -> str:
        """The transcript, if the transcript plan lets the artifact have one."""
        return self.spoken() if self.kept.transcript else ""


_NOBODY: Final = AssistantOverrides()
