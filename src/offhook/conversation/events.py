"""What a conversation tells (`Event`) and what it asks of the world around it (`World`).

All times are `loop.time()` seconds; whoever needs wall-clock time adds an offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from offhook.json_document import Variables
from offhook.language.language_model import ToolCall
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.server import Server
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.handoff import AnyDestination, HandoffDestinationDynamic, Successors
from offhook.schema.tools.tool import AnyTool

Role = Literal["assistant", "user"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Sound of `role` began: for the assistant the first frame was played, for the user the voice
    activity decision. `turn` counts from 0 per role (vapi-wire §4.4 speech-update)."""

    role: Role
    turn: int
    at: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    role: Role
    turn: int
    at: float


@dataclass(frozen=True, slots=True)
class SpeechWritten:
    """A piece of what the assistant says begins to be played. `text` is all of the turn up to its end;
    `source` says whose words they are."""

    text: str
    turn: int
    source: Literal["model", "force-say"]


@dataclass(frozen=True, slots=True)
class TranscriptHeard:
    """Words of the user as transcribed, or of the assistant as played out."""

    role: Role
    text: str
    final: bool
    at: float


@dataclass(frozen=True, slots=True)
class AssistantInterrupted:
    """The caller cut the assistant short. `heard` is what of the turn had been played."""

    turn: int
    heard: str
    at: float


@dataclass(frozen=True, slots=True)
class CallerSpokenOver:
    """The assistant interrupted the caller with `turn`. If the caller cuts that short at once, this comes
    before the AssistantInterrupted."""

    turn: int


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A message was added to, or shortened in, the transcript."""


@dataclass(frozen=True, slots=True)
class ModelWrote:
    output: str | dict[str, Any]
    turn: int


@dataclass(frozen=True, slots=True)
class VoiceText:
    """Text handed to the voice."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnMeasured:
    """One reply's latency, in milliseconds, when its first frame was played.

    endpointing: end of the caller's speech -> decision to answer, less what ran beside it;
    transcriber, model (to the first speakable piece), voice (to its first audio): the engines' own time;
    platform: what is left of `total`; total: end of the caller's speech -> first frame of the reply."""

    turn: int
    endpointing: float
    transcriber: float
    model: float
    voice: float
    platform: float
    total: float


@dataclass(frozen=True, slots=True)
class ModelUsed:
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class VoiceUsed:
    characters: int


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """An engine gave up; the conversation apologises and then asks the world to end the call
    with `ended_reason`. `unquoted`: the detail without a server's own words."""

    ended_reason: str
    detail: str
    unquoted: str


@dataclass(frozen=True, slots=True)
class AssistantLate:
    """The caller has waited for `seconds` since the reply was due and nothing is heard yet (`hang`)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The conversation goes on with `assistant`, as `World.assistant_for` gave it for `destination`. Told
    before anything of that assistant's is rendered: `learned` are the variables that the hand-over brings."""

    from_name: str | None
    to_name: str | None
    destination: Successors
    assistant: Assistant
    learned: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallerTold:
    """The model has noted what the caller told it, as `learned`: variables of the call from now on."""

    learned: Mapping[str, str]


Event = (
    SpeechStarted
    | SpeechStopped
    | SpeechWritten
    | TranscriptHeard
    | AssistantInterrupted
    | CallerSpokenOver
    | ConversationChanged
    | ModelWrote
    | CallerTold
    | VoiceText
    | TurnMeasured
    | ModelUsed
    | VoiceUsed
    | EngineFailed
    | AssistantLate
    | HandedOver
)


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool gave back. Exactly one of `result` and `error` is set.

    `message`: what to say instead of letting the model put the result into words
    (vapi-wire §6, result precedence). `hint`: what the model is told beside the result."""

    result: str | None = None
    error: str | None = None
    message: str | None = None
    end_call_after: bool = False
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A server's answer to where a call is to go. Without `destination`, `error` says why.

    `message`: said before, when the destination has none of its own; `result`: what the model is told.
    `ours`: no server named it, but the assistant's own tool, whose words may be templates."""

    destination: AnyDestination | None = None
    message: str | None = None
    result: str | None = None
    error: str | None = None
    ours: bool = False


class World(Protocol):
    """What a conversation cannot do itself. `calls/` implements it."""

    async def run_tool(self, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        """Run a tool that lives at a URL. `tool` is its definition (camelCase, as in the API).
        Never raises; failures and timeouts are a ToolOutcome with `error`."""
        ...

    async def transfer_destination(self, tool: AnyTool, call: ToolCall) -> Named:
        """Ask the server for a destination (transfer-destination-request)."""
        ...

    async def handoff_destination(
        self, tool: AnyTool, destination: HandoffDestinationDynamic, call: ToolCall
    ) -> Named:
        """Ask the server whom a `dynamic` destination means (handoff-destination-request)."""
        ...

    async def endpointing(self, server: Server | None) -> float | None:
        """Ask `server`, else the one that messages go to, for how many seconds to wait after what the caller
        said last (call.endpointing.request). Never raises; None: it does not say."""
        ...

    def transfer(self, destination: CallDestination) -> None:
        """Hand the call to a number or SIP destination. The transfer message has been played."""
        ...

    async def assistant_for(self, destination: Successors) -> Assistant | None:
        """The assistant that a destination names, with all overrides applied, or None."""
        ...

    def end(self, ended_reason: str) -> None:
        """Hang up now. What was to be said has been played."""
        ...
