"""The apiRequest tool: one HTTP request of the owner's choosing (vapi-wire §6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from offhook.calls.world.attempts import attempted
from offhook.calls.world.tools import MAX_RESULT_CHARACTERS, Result
from offhook.calls.world.variables import filling
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.toolbox import definition_of
from offhook.language.base import ToolCall
from offhook.language.extraction import parsed
from offhook.webhooks.client import Answer, AskFailed, OutsideRequest
from offhook.webhooks.receiver import backoff_of

DEFAULT_SECONDS: Final = 20.0
SHOWN_CHARACTERS: Final = 500
"""Of a refusal's body, for the model."""

_log = logging.getLogger(__name__)

Document = Mapping[str, Any]
Render = Callable[[str, Mapping[str, Any]], str]
Send = Callable[[OutsideRequest, float], Awaitable[Answer]]
"""Send a request, with all of its time in seconds. Raises AskFailed for all but a 2xx."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """`authentication`: the authenticationPlan of the credential that the tool names. `variables` are the
    call's, `render` fills a template with those that it is given."""

    tool: Document
    variables: Document
    render: Render
    authentication: Document | None = None

    async def run(self, call: ToolCall, send: Send, call_id: str) -> Result:
        """Send it, filled with what the model gave, and again as its `backoffPlan` says while it fails. The
        answer's text is the result, whatever it is."""
        request = self.outgoing(call)
        seconds = float(self.tool.get("timeoutSeconds") or DEFAULT_SECONDS)
        plan = backoff_of(self.tool.get("backoffPlan"))
        try:
            answer = await attempted(lambda left: send(request, left), seconds, plan)
        except AskFailed as failed:
            _log.warning("call=%s API request %s failed: %s", call_id, call.name, failed)
            return Result(ToolOutcome(error=_explained(failed)))
        text = answer.body.decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Result(ToolOutcome(result=text[:MAX_RESULT_CHARACTERS]), parsed(text), headers)

    def outgoing(self, call: ToolCall) -> OutsideRequest:
        """URL, headers and body with their templates filled from the arguments and the call's variables. Only
        a tool with a `body`, `parameters` or arguments sends a body, as JSON; GET never does."""
        tool, arguments = self.tool, call.arguments
        seen = filling(definition_of(tool).parameters.get("properties") or {}, arguments, self.variables)
        content = filled(tool.get("body"), arguments, self.render, seen)
        content = {**arguments, **content, **static_parameters(tool, self.variables, self.render)}
        method = str(tool.get("method") or "GET")
        has_body = method != "GET" and _has_body(tool)
        headers = filled(tool.get("headers"), arguments, self.render, seen)
        return OutsideRequest(
            method=method,
            url=self.render(str(tool.get("url") or ""), seen).strip(),
            headers={name: _line(value) for name, value in headers.items()},
            body=json.dumps(content).encode() if has_body else None,
            authentication=self.authentication,
        )


def _has_body(tool: Document) -> bool:
    asked = (tool.get("function") or {}).get("parameters") or {}
    return tool.get("body") is not None or bool(tool.get("parameters") or asked.get("properties"))


def static_parameters(tool: Document, variables: Document, render: Render) -> dict[str, Any]:
    """A tool's `parameters`: what the owner has fixed, filled from the call's variables and never from what
    the model says."""
    return {each["key"]: deeply(each["value"], variables, render) for each in tool.get("parameters") or ()}


def filled(schema: Any, arguments: Document, render: Render, seen: Document | None = None) -> dict[str, Any]:
    """The object that a JSON schema of a tool stands for: each of its properties by its own `value` (or
    `default`), with templates filled from `seen`, else by the model's argument of that name."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    known = arguments if seen is None else seen
    result: dict[str, Any] = {}
    for name, described in (properties or {}).items():
        fixed = described if isinstance(described, Mapping) else {"value": described}
        if fixed.get("value") is not None:
            result[name] = deeply(fixed["value"], known, render)
        elif name in arguments:
            result[name] = arguments[name]
        elif fixed.get("default") is not None:
            result[name] = deeply(fixed["default"], known, render)
    return result


def deeply(value: Any, arguments: Document, render: Render) -> Any:
    """The value with the templates in all its strings filled."""
    if isinstance(value, str):
        return render(value, arguments)
    if isinstance(value, Mapping):
        return {name: deeply(inner, arguments, render) for name, inner in value.items()}
    return [deeply(inner, arguments, render) for inner in value] if isinstance(value, list) else value


def _line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _explained(failed: AskFailed) -> str:
    if failed.status is None or failed.response is None:
        return f"the request failed: {failed.detail}"
    body = failed.response if isinstance(failed.response, str) else json.dumps(failed.response)
    return f"the request failed: {failed.detail}: {body[:SHOWN_CHARACTERS]}"
