"""A call's conversation: turn taking, interruption, speaking, tools, transcript (docs/architecture.md)."""

from offhook.conversation.member import EngineFactory, Engines, ended_reason
from offhook.conversation.session import Conversation
from offhook.conversation.transcript import Transcript

__all__ = ["Conversation", "EngineFactory", "Engines", "Transcript", "ended_reason"]
