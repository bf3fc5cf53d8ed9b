"""Tools that live at a URL: the `tool-calls` message and what its answer means (wire-facts §4.5, §6)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from offhook.conversation.events import ToolOutcome
from offhook.language.base import ToolCall
from offhook.schema.server_message import ToolCalls

MAX_RESULT_CHARACTERS: Final = 16_000
"""Of one tool's result that reach the model; a page of text, not a database."""


def tool_calls(tool: Mapping[str, Any], call: ToolCall) -> ToolCalls:
    """The message for one call. Its items are the superset of the shapes that consumers read: arguments as an
    object under `function`, and again as `arguments` and `parameters`."""
    arguments = dict(call.arguments)
    item = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
        "name": call.name,
        "arguments": arguments,
        "parameters": arguments,
    }
    definition = {key: value for key, value in tool.items() if key != "server"}
    return ToolCalls(
        tool_call_list=[item],
        tool_with_tool_call_list=[{**definition, "toolCall": item}],
        tool_calls=[item],
    )


def read_results(answer: Mapping[str, Any], call: ToolCall) -> ToolOutcome:
    """The outcome for `call` in an answer to tool-calls; another shape is an error for the model."""
    results = answer.get("results")
    if not isinstance(results, Sequence) or isinstance(results, str):
        error = answer.get("error")
        return ToolOutcome(error=str(error) if error else "the tool's server did not answer with results")
    for result in results:
        if isinstance(result, Mapping) and result.get("toolCallId") in (call.id, None):
            return _outcome(result)
    return ToolOutcome(error=f"the tool's server gave no result for {call.name}")


def _outcome(result: Mapping[str, Any]) -> ToolOutcome:
    message = result.get("message")
    spoken = end_after = None
    if isinstance(message, Mapping) and message.get("role", "assistant") == "assistant":
        spoken = _content(message)
        end_after = message.get("endCallAfterSpokenEnabled")
    if result.get("error") is not None:
        return ToolOutcome(error=_text(result["error"]), message=spoken, end_call_after=bool(end_after))
    return ToolOutcome(result=_text(result.get("result", "")), message=spoken, end_call_after=bool(end_after))


def _content(message: Mapping[str, Any]) -> str | None:
    if isinstance(message.get("content"), str):
        return str(message["content"])
    contents = message.get("contents")
    if isinstance(contents, Sequence) and contents and isinstance(contents[0], Mapping):
        return str(contents[0].get("text") or "") or None
    return None


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:MAX_RESULT_CHARACTERS]
