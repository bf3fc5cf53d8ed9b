"""Another assistant takes over, by a handoff or by a transfer to one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from offhook.conversation.events import Named
from offhook.conversation.handover.handover_variables import gathered
from offhook.conversation.handover.succession import Succession
from offhook.conversation.tools.tool_run import TOOL_PATIENCE, ToolRun
from offhook.language.language_model import ToolCall
from offhook.schema.tools.handoff import Successors
from offhook.schema.tools.tool import AnyTool, HandoffTool

log = logging.getLogger(__name__)

NO_DESTINATION: Final = "There is no such destination."


async def asked(question: Coroutine[Any, Any, Named]) -> Named:
    try:
        async with asyncio.timeout(TOOL_PATIENCE):
            return await question
    except Exception:
        log.exception("asking for a destination failed")
        return Named(error="The destination could not be asked for.")


async def succession_of(run: ToolRun, tool: AnyTool, call: ToolCall, named: Named) -> Succession | str:
    """The next assistant with all that it needs, made ready while the words that announce it are spoken;
    or why there is none."""
    context, destination = run.context, named.destination
    if not isinstance(destination, Successors):
        return named.error or NO_DESTINATION
    assistant, learned = await asyncio.gather(
        context.assistants.find(destination),
        gathered(tool, destination, call, run.assistant.engines.model, run.history, context.render),
    )
    if assistant is None:
        return "The assistant could not be reached."
    message = run.pick(tool, "request-complete", call)
    succession = Succession(assistant, destination, learned, message)
    return context.assistants.synthesize_ahead(succession, context.render)


async def give_way(
    run: ToolRun, tool: AnyTool, call: ToolCall, named: Named, succession: Succession | str
) -> None:
    if isinstance(succession, str):
        run.refused(tool, call, succession)
        return
    await run.heard_out()
    if run.context.assistant is not run.assistant:
        await run.context.assistants.dismiss(succession)
        run.result(call, "Another assistant has taken over already.")
        return
    run.result(call, named.result or _default_result(tool))
    run.leave()
    run.context.hand_over(succession)


def _default_result(tool: AnyTool) -> str:
    return (tool.default_result if isinstance(tool, HandoffTool) else None) or "Handed over."
