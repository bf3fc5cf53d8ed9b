"""Tools that an assistant has although they are not written in it: the org's stored ones that it names by id,
and those that hand the caller to other members of its squad (vapi-wire §6, §7)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from pydantic import BaseModel

from offhook.json_document import ResourceDocument
from offhook.schema.answered import NotValid, read
from offhook.schema.assistants.assistant import AssistantOverrides, merged
from offhook.schema.assistants.hook import Hook, HookAction, ToolCallHookAction
from offhook.schema.tools.destination import TransferDestinationAssistant
from offhook.schema.tools.handoff import HandoffDestinationAssistant
from offhook.schema.tools.json_schema import OpenAIFunction
from offhook.schema.tools.tool import TOOL, HandoffTool, Tool, TransferCallTool

TO_MEMBER: Final = "transferToAssistant"
"""The name of the squad's own transfer tool if the assistant has another tool named transferCall."""

MemberDestination = TransferDestinationAssistant | HandoffDestinationAssistant

_log = logging.getLogger(__name__)


class ToolDirectory(Protocol):
    async def tool(self, org_id: str, tool_id: str) -> ResourceDocument | None:
        """The org's stored tool, or None."""
        ...


async def equipped(
    settings: AssistantOverrides, org_id: str, directory: ToolDirectory, call_id: str
) -> AssistantOverrides:
    """The assistant with the tools of its `toolIds` and `toolRefs` added to its own, and with the tools that
    its hooks name. Tools have no versions, so a reference means the tool as it is now. A tool that does not
    exist is left out, with a log line."""

    async def stored(tool_id: str) -> BaseModel | None:
        document = await directory.tool(org_id, tool_id)
        if document is None:
            _log.warning("call=%s the tool %.100s does not exist and is left out", call_id, tool_id)
            return None
        try:
            return read(Tool, document, TOOL, f"the tool {tool_id}")
        except NotValid as problem:
            _log.warning("call=%s the tool %s is not valid and is left out: %s", call_id, tool_id, problem)
            return None

    changes: dict[str, Any] = {}
    if settings.model is not None and (wanted := tool_ids(settings.model)):
        found = [tool for tool_id in wanted if (tool := await stored(tool_id)) is not None]
        changes["model"] = settings.model.model_copy(
            update={"tools": [*(settings.model.tools or ()), *found]}
        )
    if settings.hooks:
        changes["hooks"] = [await _equipped_hook(hook, stored) for hook in settings.hooks]
    return settings.model_copy(update=changes) if changes else settings


async def _equipped_hook(hook: Hook, stored: Callable[[str], Awaitable[BaseModel | None]]) -> Hook:
    actions: list[HookAction] = []
    for action in hook.do:
        if isinstance(action, ToolCallHookAction) and action.tool is None and action.tool_id is not None:
            tool = await stored(action.tool_id)
            if tool is None:
                continue
            actions.append(action.model_copy(update={"tool": tool}))
        else:
            actions.append(action)
    return hook.model_copy(update={"do": actions})


def tool_ids(model: BaseModel | None) -> list[str]:
    """The stored tools that a model names, each once, in order."""
    if model is None:
        return []
    named = [*(getattr(model, "tool_ids", None) or ())]
    named += [reference.tool_id for reference in getattr(model, "tool_refs", None) or ()]
    return list(dict.fromkeys(named))


def with_destinations(
    settings: AssistantOverrides, destinations: Sequence[MemberDestination]
) -> AssistantOverrides:
    """A squad member's assistant with its `assistantDestinations` as tools: transfers as one transferCall
    tool (added to the one it has, if that lists destinations), handoffs as a tool each."""
    handoffs = [each for each in destinations if isinstance(each, HandoffDestinationAssistant)]
    transfers = [each for each in destinations if isinstance(each, TransferDestinationAssistant)]
    more: list[Any] = [HandoffTool(type="handoff", destinations=[each]) for each in handoffs]
    if transfers:
        settings, own = _with_transfers(settings, transfers)
        more += [] if own is None else [own]
    return merged(settings, AssistantOverrides.model_construct({"tools_append"}, tools_append=more))


def _with_transfers(
    settings: AssistantOverrides, transfers: list[TransferDestinationAssistant]
) -> tuple[AssistantOverrides, TransferCallTool | None]:
    """The assistant, and the tool that is still to be added to it."""
    model = settings.model
    tools = list((model.tools if model is not None else None) or ())
    at = next((index for index, tool in enumerate(tools) if isinstance(tool, TransferCallTool)), None)
    if model is None or at is None:
        return settings, TransferCallTool(type="transferCall", destinations=[*transfers])
    own = tools[at]
    assert isinstance(own, TransferCallTool)
    if not own.destinations:
        # That one asks the owner's server for a destination, and goes on doing so.
        function = OpenAIFunction(name=TO_MEMBER, description="Transfer the caller to another assistant")
        return settings, TransferCallTool(type="transferCall", function=function, destinations=[*transfers])
    tools[at] = own.model_copy(update={"destinations": [*own.destinations, *transfers]})
    changed = model.model_copy(update={"tools": tools})
    return settings.model_copy(update={"model": changed}), None
