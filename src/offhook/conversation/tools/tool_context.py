"""What running a tool needs of the conversation around it."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from offhook.conversation.active_assistant import ActiveAssistant
from offhook.conversation.context import Context
from offhook.conversation.events import World
from offhook.conversation.handover.active_assistants import ActiveAssistants
from offhook.conversation.handover.succession import Succession
from offhook.conversation.transcript_writer import TranscriptWriter
from offhook.language.extraction import Render
from offhook.schema.tools.destination import CallDestination


@dataclass(frozen=True, slots=True)
class ToolContext:
    """`errand`: work that nobody waits for, but for a little while the end of the call.
    `finish(reason, message)`: end the call when what is queued, and `message` as it is, have been played.
    `transfer`: hand the caller to a destination. `hand_over`: let another assistant go on."""

    assistants: ActiveAssistants
    context: Context
    writer: TranscriptWriter
    world: World
    rng: random.Random
    render: Render
    errand: Callable[[Coroutine[Any, Any, None]], None]
    finish: Callable[[str, str], None]
    transfer: Callable[[CallDestination], None]
    hand_over: Callable[[Succession], None]

    @property
    def assistant(self) -> ActiveAssistant:
        """The one that speaks."""
        return self.assistants.current
