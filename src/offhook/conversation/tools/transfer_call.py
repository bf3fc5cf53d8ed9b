"""The transferCall tool: to a number, a SIP URI or another assistant (vapi-wire §6, §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.conversation.tools.destinations import (
    destination_parameters,
    destinations_of,
    with_destinations,
)
from offhook.conversation.tools.tool_kind import Tool
from offhook.conversation.tools.tool_run import ActingTool, ToolRun
from offhook.language.base import ToolCall


class TransferCallKind(ActingTool):
    def description(self, tool: Tool, given: str) -> str:
        if destinations_of(tool):
            return with_destinations(tool, given or "Transfer the caller")
        return given or "Transfer the caller."

    def parameters(self, tool: Tool) -> Mapping[str, Any]:
        return destination_parameters(tool)

    async def act(self, run: ToolRun, tool: Tool, call: ToolCall) -> None:
        await run.transfer(tool, call)
