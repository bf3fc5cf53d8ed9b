"""What the conversation with the caller asks of the world around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from offhook.calls.leg import Leg
from offhook.calls.world.owner import Owner
from offhook.conversation.events import Named, ToolOutcome
from offhook.language.base import ToolCall
from offhook.schema.assistant import AssistantOverrides


class CallWorld:
    """`conversation.events.World`: answered by the owner's servers, the caller's dialog and, for `transfer`
    and `end`, the call."""

    def __init__(
        self,
        owner: Owner,
        leg: Leg,
        transfer: Callable[[Mapping[str, Any]], None],
        end: Callable[[str], None],
    ) -> None:
        self._owner = owner
        self._leg = leg
        self.transfer = transfer
        self.end = end

    async def run_tool(self, tool: Mapping[str, Any], call: ToolCall) -> ToolOutcome:
        return await self._owner.run_tool(tool, call, self._leg)

    async def transfer_destination(self, tool: Mapping[str, Any], call: ToolCall) -> Named:
        return await self._owner.transfer_destination(tool)

    async def handoff_destination(
        self, tool: Mapping[str, Any], destination: Mapping[str, Any], call: ToolCall
    ) -> Named:
        return await self._owner.handoff_destination(tool, destination, call)

    async def endpointing(self, server: Mapping[str, Any] | None) -> float | None:
        return await self._owner.endpointing(server)

    async def assistant_for(self, destination: Mapping[str, Any]) -> AssistantOverrides | None:
        return await self._owner.assistant_for(destination)
