"""The apiRequest tool: one HTTP request of the owner's choosing (wire-facts §6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from offhook.calls.tools import MAX_RESULT_CHARACTERS
from offhook.conversation.events import ToolOutcome
from offhook.language.base import ToolCall
from offhook.webhooks.client import Answer, AskFailed, OutsideRequest

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
    """`authentication`: the authenticationPlan of the credential that the tool names."""

    tool: Document
    authentication: Document | None = None

    async def run(self, call: ToolCall, render: Render, send: Send, call_id: str) -> ToolOutcome:
        """Send it, filled with what the model gave. The answer's text is the result, whatever it is."""
        seconds = float(self.tool.get("timeoutSeconds") or DEFAULT_SECONDS)
        try:
            answer = await send(self.outgoing(call, render), seconds)
        except AskFailed as failed:
            _log.warning("call=%s API request %s failed: %s", call_id, call.name, failed)
            return ToolOutcome(error=_explained(failed))
        return ToolOutcome(result=answer.body.decode("utf-8", "replace")[:MAX_RESULT_CHARACTERS])

    def outgoing(self, call: ToolCall, render: Render) -> OutsideRequest:
        """URL, headers and body with their templates filled from the arguments and the call's variables. Only
        a tool with a `body` or `parameters` sends one, as JSON; GET never does."""
        tool, arguments = self.tool, call.arguments
        content = filled(tool.get("body"), arguments, render)
        if isinstance(tool.get("body"), Mapping):
            content = {**arguments, **content}
        for parameter in tool.get("parameters") or ():
            content[parameter["key"]] = deeply(parameter["value"], arguments, render)
        method = str(tool.get("method") or "GET")
        has_body = method != "GET" and (tool.get("body") is not None or bool(tool.get("parameters")))
        headers = filled(tool.get("headers"), arguments, render)
        return OutsideRequest(
            method=method,
            url=render(str(tool.get("url") or ""), arguments).strip(),
            headers={name: _line(value) for name, value in headers.items()},
            body=json.dumps(content).encode() if has_body else None,
            authentication=self.authentication,
        )


def filled(schema: Any, arguments: Document, render: Render) -> dict[str, Any]:
    """The object that a JSON schema of a tool stands for: each of its properties by its own `value` (or
    `default`), with templates filled, else by the model's argument of that name."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    result: dict[str, Any] = {}
    for name, described in (properties or {}).items():
        fixed = described if isinstance(described, Mapping) else {"value": described}
        if fixed.get("value") is not None:
            result[name] = deeply(fixed["value"], arguments, render)
        elif name in arguments:
            result[name] = arguments[name]
        elif fixed.get("default") is not None:
            result[name] = deeply(fixed["default"], arguments, render)
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
