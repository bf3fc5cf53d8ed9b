"""Tools that the model is told of, and that nothing runs yet."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.conversation.tools.tool_kind import ToolKind
from offhook.json_document import ParametersSchema
from offhook.schema.tools.tool import AnyTool


class VoicemailKind(ToolKind):
    fillers: Sequence[str] = ()

    def description(self, tool: AnyTool, given: str) -> str:
        return given or "Leave the voicemail message; use it when an answering machine has answered."


class SmsKind(ToolKind):
    def description(self, tool: AnyTool, given: str) -> str:
        return given or "Send a text message."

    def parameters(self, tool: AnyTool) -> ParametersSchema:
        return {
            "type": "object",
            "properties": {"to": {"type": "string"}, "message": {"type": "string"}},
            "required": ["message"],
        }


class QueryKind(ToolKind):
    def description(self, tool: AnyTool, given: str) -> str:
        return given or "Look something up in the knowledge base."

    def parameters(self, tool: AnyTool) -> ParametersSchema:
        return {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
