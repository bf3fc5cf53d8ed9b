"""The handoff tool: another assistant goes on (vapi-wire §6, §7)."""

from __future__ import annotations

from offhook.conversation.events import Named
from offhook.conversation.tools.destinations import (
    choose_destination,
    destination_name,
    destination_parameters,
    destinations_of,
    with_destinations,
)
from offhook.conversation.tools.take_over import NO_DESTINATION, asked, give_way, succession_of
from offhook.conversation.tools.tool_kind import NO_PARAMETERS, model_name
from offhook.conversation.tools.tool_run import ActingTool, ToolRun
from offhook.json_document import ParametersSchema
from offhook.language.language_model import ToolCall
from offhook.schema.tools.handoff import HandoffDestinationDynamic
from offhook.schema.tools.tool import AnyTool


class HandoffKind(ActingTool):
    def name(self, tool: AnyTool) -> str:
        destinations = destinations_of(tool)
        if not destinations:
            return super().name(tool)
        return model_name(f"handoff_to_{destination_name(destinations[0])}")

    def description(self, tool: AnyTool, given: str) -> str:
        if destinations_of(tool):
            return with_destinations(tool, given or "Hand the conversation over")
        return given

    def parameters(self, tool: AnyTool) -> ParametersSchema:
        return destination_parameters(tool) if len(destinations_of(tool)) > 1 else NO_PARAMETERS

    async def act(self, run: ToolRun, tool: AnyTool, call: ToolCall) -> None:
        named = Named(choose_destination(tool, call))
        if named.destination is None:
            run.refused(tool, call, NO_DESTINATION)
            return
        start = run.pick(tool, "request-start", call)
        run.announce(start.text if start else "")
        with run.delays(tool, call):
            if isinstance(named.destination, HandoffDestinationDynamic):
                question = run.context.world.handoff_destination(tool, named.destination, call)
                named = await asked(question)
            succession = await succession_of(run, tool, call, named)
        await give_way(run, tool, call, named, succession)
