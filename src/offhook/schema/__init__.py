"""The wire types. See docs/architecture.md."""

from offhook.schema.assistant import Assistant, AssistantOverrides
from offhook.schema.squad import Squad

__all__ = ["Assistant", "AssistantOverrides", "Squad"]
