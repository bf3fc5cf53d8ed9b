"""The transferCall tool: to a number, a SIP URI or another assistant (vapi-wire §6, §7)."""

from __future__ import annotations

from dataclasses import replace

from offhook.conversation.events import Named
from offhook.conversation.tools.destination_templates import filled
from offhook.conversation.tools.destinations import (
    choose_destination,
    destination_parameters,
    destinations_of,
    with_destinations,
)
from offhook.conversation.tools.take_over import NO_DESTINATION, asked, give_way, succession_of
from offhook.conversation.tools.tool_messages import TRANSFER_MESSAGE, content_of
from offhook.conversation.tools.tool_run import ActingTool, ToolRun
from offhook.json_document import ParametersSchema
from offhook.language.language_model import ToolCall
from offhook.schema.tools.destination import (
    TransferDestinationAssistant,
    TransferDestinationNumber,
    TransferDestinationSip,
)
from offhook.schema.tools.tool import AnyTool


class TransferCallKind(ActingTool):
    def description(self, tool: AnyTool, given: str) -> str:
        if destinations_of(tool):
            return with_destinations(tool, given or "Transfer the caller")
        return given or "Transfer the caller."

    def parameters(self, tool: AnyTool) -> ParametersSchema:
        return destination_parameters(tool)

    async def act(self, run: ToolRun, tool: AnyTool, call: ToolCall) -> None:
        named = Named(choose_destination(tool, call), ours=True)
        if named.destination is None and not destinations_of(tool):
            with run.delays(tool, call):
                named = await asked(run.context.world.transfer_destination(tool, call))
        destination = named.destination
        if not isinstance(
            destination, TransferDestinationAssistant | TransferDestinationNumber | TransferDestinationSip
        ):
            run.refused(tool, call, named.error or NO_DESTINATION)
            return
        if named.ours:
            render = run.context.render
            destination = filled(
                destination, lambda text: render(text, {}), lambda text: render(text, call.arguments)
            )
            named = replace(named, destination=destination)
        start = run.pick(tool, "request-start", call)
        message = content_of(destination.message, run.assistant.profile.language)
        if message is None:
            message = named.message
        if message is None:
            message = start.text if start else TRANSFER_MESSAGE
        run.announce(message)
        if isinstance(destination, TransferDestinationAssistant):
            succession = await succession_of(run, tool, call, named)
            await give_way(run, tool, call, named, succession)
            return
        await run.heard_out()
        run.leave()
        run.result(call, "The call is being transferred.")
        run.context.transfer(destination)
