"""The tools that an assistant has without being written in it: the org's stored ones that it names by id, and
those that hand the caller to other members of its squad (vapi-wire §6, §7)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from pydantic import BaseModel, TypeAdapter

from offhook.schema.answered import NotValid, read
from offhook.schema.assistant import AssistantOverrides, merge
from offhook.schema.hook import Hook, HookAction, ToolCallHookAction
from offhook.schema.tool import Tool

TO_MEMBER: Final = "transferToAssistant"
"""What the model calls the squad's own transfer tool when the assistant has another named transferCall."""

_ONLY_HANDOFF: Final = (
    "assistantId",
    "assistant",
    "assistantOverrides",
    "contextEngineeringPlan",
    "variableExtractionPlan",
)
_TOOL: Final[TypeAdapter[Any]] = TypeAdapter(Tool)
_log = logging.getLogger(__name__)

Document = Mapping[str, Any]


class ToolDirectory(Protocol):
    async def tool(self, org_id: str, tool_id: str) -> Document | None:
        """The org's stored tool, or None."""
        ...


async def equipped(
    settings: AssistantOverrides, org_id: str, directory: ToolDirectory, call_id: str
) -> AssistantOverrides:
    """The assistant with the tools of its `toolIds` and `toolRefs` behind its own, and with those that its
    hooks name. There are no versions of tools, so that a reference means the tool as it is. What does not
    exist is left out, with a log line."""

    async def stored(tool_id: str) -> BaseModel | None:
        document = await directory.tool(org_id, tool_id)
        if document is None:
            _log.warning("call=%s the tool %.100s does not exist and is left out", call_id, tool_id)
            return None
        try:
            return read(Tool, document, _TOOL, f"the tool {tool_id}")
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


def with_destinations(assistant: Document, destinations: Sequence[Document] | None) -> Document:
    """A squad member's assistant with its `assistantDestinations` as tools: transfers as one transferCall
    tool (added to the one it has, if that lists destinations), handoffs as a tool each."""
    if not destinations:
        return assistant
    handoffs = [each for each in destinations if any(name in each for name in _ONLY_HANDOFF)]
    transfers = [each for each in destinations if each not in handoffs]
    more: list[Document] = [{"type": "handoff", "destinations": [each]} for each in handoffs]
    if transfers:
        assistant, own = _with_transfers(assistant, transfers)
        more += [] if own is None else [own]
    return merge(assistant, {"tools:append": more})


def _with_transfers(assistant: Document, transfers: list[Document]) -> tuple[Document, Document | None]:
    """The assistant, and the tool that is still to be added to it."""
    model = assistant.get("model") or {}
    tools = list(model.get("tools") or ())
    at = next((index for index, tool in enumerate(tools) if tool.get("type") == "transferCall"), None)
    if at is None:
        return assistant, {"type": "transferCall", "destinations": transfers}
    if not tools[at].get("destinations"):
        # That one asks the owner's server for a destination, and goes on doing so.
        function = {"name": TO_MEMBER, "description": "Transfer the caller to another assistant"}
        return assistant, {"type": "transferCall", "function": function, "destinations": transfers}
    tools[at] = {**tools[at], "destinations": [*tools[at]["destinations"], *transfers]}
    return {**assistant, "model": {**model, "tools": tools}}, None
