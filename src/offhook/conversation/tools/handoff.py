"""The handoff tool: another assistant goes on (vapi-wire §6, §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.conversation.tools.destinations import (
    destination_name,
    destination_parameters,
    destinations_of,
    with_destinations,
)
from offhook.conversation.tools.tool_kind import NO_PARAMETERS, Tool, model_name
from offhook.conversation.tools.tool_run import ActingTool, ToolRun
from offhook.language.base import ToolCall


class HandoffKind(ActingTool):
    def name(self, tool: Tool) -> str:
        destinations = destinations_of(tool)
        if not destinations:
            return super().name(tool)
        return model_name(f"handoff_to_{destination_name(destinations[0])}")

    def description(self, tool: Tool, given: str) -> str:
        if destinations_of(tool):
            return with_destinations(tool, given or "Hand the conversation over")
        return given

    def parameters(self, tool: Tool) -> Mapping[str, Any]:
        return destination_parameters(tool) if len(destinations_of(tool)) > 1 else NO_PARAMETERS

    async def act(self, run: ToolRun, tool: Tool, call: ToolCall) -> None:
        await run.hand_off(tool, call)
