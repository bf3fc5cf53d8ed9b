"""The endCall tool."""

from __future__ import annotations

from offhook.conversation.tools.tool_kind import Tool
from offhook.conversation.tools.tool_run import ActingTool, ToolRun
from offhook.language.base import ToolCall


class EndCallKind(ActingTool):
    def description(self, tool: Tool, given: str) -> str:
        return given or "End the call. Use it when the conversation is over, after saying goodbye."

    async def act(self, run: ToolRun, tool: Tool, call: ToolCall) -> None:
        run.end_call(tool, call)
