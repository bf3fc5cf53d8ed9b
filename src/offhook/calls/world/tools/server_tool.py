"""Tools that the owner's server runs: `tool-calls` and what the answer means (vapi-wire §4.5, §6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from offhook.calls.world.tools.parameters import static_parameters
from offhook.calls.world.tools.tool_site import Result, ToolSite
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kind import ToolKind
from offhook.conversation.tools.tool_messages import content_of, meets
from offhook.language.extraction import parsed
from offhook.language.language_model import ToolCall
from offhook.schema.base import document
from offhook.schema.tools.tool import AnyTool, FunctionTool
from offhook.schema.webhooks.answers import ToolCallsAnswer, ToolResultAnswer
from offhook.schema.webhooks.server_message import ServerMessageToolCalls, tool_with_call

MAX_RESULT_CHARACTERS: Final = 16_000
"""Characters of one tool's result that reach the model: a page of text, not a database."""
MAX_SPOKEN_CHARACTERS: Final = 1000
"""Characters of a message that a server wants spoken."""
NO_RESULT: Final = "No result returned."

_log = logging.getLogger(__name__)


class ServerToolKind(ToolKind):
    async def run(self, site: ToolSite, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        receiver = await site.receiver(tool)
        if receiver is None:
            return _unheard(site, call)
        plan = None
        if isinstance(tool, FunctionTool):
            fixed = static_parameters(tool, site.record.variables, site.fill)
            call = replace(call, arguments={**call.arguments, **fixed})
            plan = tool.variable_extraction_plan
        result = read_results(ToolCallsAnswer.of(await site.ask(receiver, tool_calls(tool, call))), call)
        site.learn(plan, result)
        return result.outcome


def _unheard(site: ToolSite, call: ToolCall) -> ToolOutcome:
    """If no server is set at any level, a call is only noted in the conversation (vapi-wire §6)."""
    if call.name not in site.noted:
        site.noted.add(call.name)
        _log.warning("call=%s no server is set for the tool %s", site.record.id, call.name)
    return ToolOutcome(result=NO_RESULT)


def tool_calls(tool: AnyTool, call: ToolCall) -> ServerMessageToolCalls:
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
    return ServerMessageToolCalls(
        tool_call_list=[item],
        tool_with_tool_call_list=[tool_with_call(document(tool), item)],
        tool_calls=[item],
    )


def read_results(says: ToolCallsAnswer, call: ToolCall) -> Result:
    """What an answer to tool-calls says about `call`. Another shape is an error, which the model is
    told."""
    if says.results is None:
        error = says.error
        return _failed(text_of(error) if error else "the tool's server did not answer with results")
    found = _result_for(says.results, call)
    if found is None:
        return _failed(f"the tool's server gave no result for {call.name}")
    if found.error is not None:
        return Result(_with_message(ToolOutcome(error=text_of(found.error)), "request-failed", found, call))
    text = NO_RESULT if found.result is None else text_of(found.result)
    outcome = _with_message(ToolOutcome(result=text), "request-complete", found, call)
    return Result(outcome, parsed(found.result) if isinstance(found.result, str) else found.result)


def text_of(value: object) -> str:
    """A value as the model gets it: text as it is, everything else as JSON, cut to the allowed length."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Half of a surrogate pair is valid in JSON, but in no request to a model.
    return text[:MAX_RESULT_CHARACTERS].encode("utf-8", "replace").decode()


def _failed(error: str) -> Result:
    return Result(ToolOutcome(error=error))


def _result_for(results: Sequence[ToolResultAnswer], call: ToolCall) -> ToolResultAnswer | None:
    """The result with the call's id, wherever it stands; else the first result that names no call."""
    for wanted in (call.id, None):
        for result in results:
            if result.tool_call_id == wanted:
                return result
    return None


def _with_message(outcome: ToolOutcome, kind: str, result: ToolResultAnswer, call: ToolCall) -> ToolOutcome:
    """The outcome with the result's own message, if that fits the outcome's kind: words for the caller, or,
    with the role `system`, for the model."""
    message = result.message
    if message is None or (message.type or kind) != kind:
        return outcome
    content = content_of(message.said)
    if not content or not meets(message.conditions, call):
        return outcome
    content = text_of(content[:MAX_SPOKEN_CHARACTERS])
    if (message.role or "assistant") != "assistant":
        return ToolOutcome(outcome.result, outcome.error, hint=content)
    return ToolOutcome(outcome.result, outcome.error, message=content, end_call_after=message.ends_call)
