"""A call's conversation: turn taking, interruption, speaking, tools, transcript (docs/architecture.md)."""

from offhook.conversation.active_assistant import Engines, ended_reason
from offhook.conversation.conversation import Conversation

__all__ = ["Conversation", "Engines", "ended_reason"]
