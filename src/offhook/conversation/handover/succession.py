"""The assistant that takes over a conversation, and what it takes over with."""

from __future__ import annotations

from dataclasses import dataclass, field

from offhook.conversation.active_assistant import ActiveAssistant
from offhook.conversation.audio.spoken_utterance import SpokenPiece
from offhook.conversation.tools.tool_messages import SpokenMessage
from offhook.json_document import Variables
from offhook.schema.tools.handoff import Successors


@dataclass(frozen=True, slots=True)
class Succession:
    """The next assistant, and what it takes over with. `learned`: variables. `message`: the tool's
    request-complete, said before the first message and in place of one that the model would make. `ready`:
    the first words with their sound."""

    assistant: ActiveAssistant
    destination: Successors
    learned: Variables = field(default_factory=dict)
    message: SpokenMessage | None = None
    ready: SpokenPiece | None = None

    @property
    def welcome(self) -> str:
        message = self.message
        return message.text if message is not None and message.role == "assistant" else ""

    @property
    def hint(self) -> str:
        """What the next assistant's model is told."""
        message = self.message
        return message.text if message is not None and message.role == "system" else ""

    @property
    def ends(self) -> bool:
        return self.message is not None and self.message.end_call_after
