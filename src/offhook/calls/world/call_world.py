"""What the conversation with the caller asks of the world around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter

from offhook.calls.leg import Leg
from offhook.calls.world.owner import Owner
from offhook.calls.world.tools.typed_tool import tool_of
from offhook.conversation.events import Named, ToolOutcome
from offhook.json_document import ResourceDocument, ToolDocument
from offhook.language.language_model import ToolCall
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.server import read_server
from offhook.schema.tools.destination import TransferDestination
from offhook.schema.tools.handoff import HandoffDestination


class CallWorld:
    """Implements `conversation.events.World`: by the owner's servers, the caller's dialog and, for `transfer`
    and `end`, the call."""

    def __init__(
        self,
        owner: Owner,
        leg: Leg,
        transfer: Callable[[ResourceDocument], None],
        end: Callable[[str], None],
    ) -> None:
        self._owner = owner
        self._leg = leg
        self.transfer = transfer
        self.end = end

    async def run_tool(self, tool: ToolDocument, call: ToolCall) -> ToolOutcome:
        return await self._owner.run_tool(tool, call, self._leg)

    async def transfer_destination(self, tool: ToolDocument, call: ToolCall) -> Named:
        return await self._owner.transfer_destination(tool_of(tool))

    async def handoff_destination(
        self, tool: ToolDocument, destination: ResourceDocument, call: ToolCall
    ) -> Named:
        return await self._owner.handoff_destination(tool_of(tool), destination_of(destination), call)

    async def endpointing(self, server: ResourceDocument | None) -> float | None:
        return await self._owner.endpointing(read_server({"server": server}) if server else None)

    async def assistant_for(self, destination: ResourceDocument) -> AssistantOverrides | None:
        return await self._owner.assistant_for(destination_of(destination))


_DESTINATION: Final[TypeAdapter[Any]] = TypeAdapter(
    HandoffDestination | TransferDestination,
    config=ConfigDict(defer_build=True, hide_input_in_errors=True),
)


def destination_of(destination: ResourceDocument) -> Any:
    """A destination as its type. Raises pydantic's ValidationError, which quotes none of the values: it is
    logged, and an assistant's credentials may be among them."""
    return _DESTINATION.validate_python(destination)
