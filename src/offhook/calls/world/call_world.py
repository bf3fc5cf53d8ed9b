"""What the conversation with the caller asks of the world around it."""

from __future__ import annotations

from collections.abc import Callable

from offhook.calls.leg import Leg
from offhook.calls.world.owner import Owner
from offhook.conversation.events import Named, ToolOutcome
from offhook.language.language_model import ToolCall
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.server import Server
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.handoff import HandoffDestinationDynamic, Successors
from offhook.schema.tools.tool import AnyTool


class CallWorld:
    """Implements `conversation.events.World`: by the owner's servers, the caller's dialog and, for `transfer`
    and `end`, the call."""

    def __init__(
        self,
        owner: Owner,
        leg: Leg,
        transfer: Callable[[CallDestination], None],
        end: Callable[[str], None],
    ) -> None:
        self._owner = owner
        self._leg = leg
        self.transfer = transfer
        self.end = end

    async def run_tool(self, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        return await self._owner.run_tool(tool, call, self._leg)

    async def transfer_destination(self, tool: AnyTool, call: ToolCall) -> Named:
        return await self._owner.transfer_destination(tool)

    async def handoff_destination(
        self, tool: AnyTool, destination: HandoffDestinationDynamic, call: ToolCall
    ) -> Named:
        return await self._owner.handoff_destination(tool, destination, call)

    async def endpointing(self, server: Server | None) -> float | None:
        return await self._owner.endpointing(server)

    async def assistant_for(self, destination: Successors) -> AssistantOverrides | None:
        return await self._owner.assistant_for(destination)
