"""A call's conversation: turn taking, interruption, speaking, tools, transcript (docs/architecture.md)."""

from offhook.conversation.member import Engines, ended_reason
from offhook.conversation.session import Conversation

__all__ = ["Conversation", "Engines", "ended_reason"]
