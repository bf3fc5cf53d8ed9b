"""A type of tool as whoever adds one writes it: this file and its line in `TOOL_KINDS` are all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from offhook.calls.world.tools.tool_site import ToolSite
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kind import ToolKind
from offhook.language.language_model import ToolCall
from offhook.schema.tools.tool import AnyTool


class TrialKind(ToolKind):
    fillers: Sequence[str] = ("I am sending it.",)

    def description(self, tool: AnyTool, given: str) -> str:
        return given or "Put a message into the channel."

    def parameters(self, tool: AnyTool) -> Mapping[str, Any]:
        return {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

    async def run(self, site: ToolSite, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        caller = site.render("{{customer.number}}", call.arguments)
        return ToolOutcome(result=f"Sent: {call.arguments.get('text')} ({caller})")
