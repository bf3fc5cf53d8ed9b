"""The apiRequest tool: one HTTP request of the owner's choosing (vapi-wire §6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from offhook.calls.world.asked_again import attempted
from offhook.calls.world.tools.parameters import filled, static_parameters
from offhook.calls.world.tools.server_tool import MAX_RESULT_CHARACTERS
from offhook.calls.world.tools.tool_site import Result, Send, ToolSite
from offhook.calls.world.variables import filling
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kind import NO_PARAMETERS, ToolKind
from offhook.conversation.tools.toolbox import definition_of
from offhook.json_document import ParametersSchema, ResourceDocument, Variables
from offhook.language.extraction import Render, parsed
from offhook.language.language_model import ToolCall
from offhook.schema.authentication_plan import authentication_of, wants_encryption
from offhook.schema.base import document
from offhook.schema.tools.tool import AnyTool, ApiRequestTool
from offhook.webhooks.client import AskFailed, OutsideRequest
from offhook.webhooks.receiver import backoff_of

DEFAULT_SECONDS: Final = 20.0
SHOWN_CHARACTERS: Final = 500
"""Characters of a refusal's body that the model gets."""

_log = logging.getLogger(__name__)


class ApiRequestKind(ToolKind):
    def parameters(self, tool: AnyTool) -> ParametersSchema:
        if not isinstance(tool, ApiRequestTool) or tool.body is None:
            return NO_PARAMETERS
        return _open_parameters(document(tool.body))

    async def run(self, site: ToolSite, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        send, credential = site.send, None
        if not isinstance(tool, ApiRequestTool):
            return await super().run(site, tool, call)
        if send is None:
            return ToolOutcome(error="nothing can be reached from here")
        if tool.credential_id:
            credential = await site.credential(tool.credential_id)
            if credential is None:
                return ToolOutcome(error="the tool's credential does not exist")
        if tool.encrypted_paths and wants_encryption(credential):
            # What its owner wants encrypted does not go out in plain text instead.
            return ToolOutcome(error="encryption of a tool's arguments is not served here")
        request = ApiRequest(tool, site.record.variables, site.fill, authentication_of(credential))
        result = await request.run(call, send, site.record.id)
        site.learn(tool.variable_extraction_plan, result)
        return result.outcome


def _open_parameters(schema: ParametersSchema) -> ParametersSchema:
    """The properties that the model may choose: the owner has chosen those that have a `value`."""
    properties = schema.get("properties") or {}
    fixed = {name for name, one in properties.items() if isinstance(one, Mapping) and "value" in one}
    if not fixed:
        return schema
    return {
        **schema,
        "properties": {name: one for name, one in properties.items() if name not in fixed},
        "required": [name for name in schema.get("required") or () if name not in fixed],
    }


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """`authentication`: the authenticationPlan of the credential that the tool names. `variables` are the
    call's. `render` fills a template with the variables that it is given."""

    tool: ApiRequestTool
    variables: Variables
    render: Render
    authentication: ResourceDocument | None = None

    async def run(self, call: ToolCall, send: Send, call_id: str) -> Result:
        """Sends the request, filled with the model's arguments, and retries as its `backoffPlan` says. The
        answer's text is the result, whatever it is."""
        request = self.outgoing(call)
        seconds = float(self.tool.timeout_seconds or DEFAULT_SECONDS)
        plan = backoff_of(self.tool.backoff_plan)
        try:
            answer = await attempted(lambda left: send(request, left), seconds, plan)
        except AskFailed as failed:
            _log.warning("call=%s API request %s failed: %s", call_id, call.name, failed)
            return Result(ToolOutcome(error=_explained(failed)))
        text = answer.body.decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Result(ToolOutcome(result=text[:MAX_RESULT_CHARACTERS]), parsed(text), headers)

    def outgoing(self, call: ToolCall) -> OutsideRequest:
        """URL, headers and body with their templates filled from the arguments and the call's variables. The
        body is JSON. Only a tool with a `body`, `parameters` or arguments sends one, and never by GET."""
        tool, arguments = self.tool, call.arguments
        definition = definition_of(tool)
        seen = filling(definition, call, self.variables)
        content = filled(tool.body, call, self.render, seen)
        content = {**arguments, **content, **static_parameters(tool, self.variables, self.render)}
        has_body = tool.method != "GET" and _has_body(tool)
        headers = filled(tool.headers, call, self.render, seen)
        return OutsideRequest(
            method=tool.method,
            url=self.render(tool.url, seen).strip(),
            headers={name: _line(value) for name, value in headers.items()},
            body=json.dumps(content).encode() if has_body else None,
            authentication=self.authentication,
        )


def _has_body(tool: ApiRequestTool) -> bool:
    asked = tool.function.parameters if tool.function is not None else None
    return tool.body is not None or bool(tool.parameters or (asked is not None and asked.properties))


def _line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _explained(failed: AskFailed) -> str:
    if failed.status is None or failed.response is None:
        return f"the request failed: {failed.detail}"
    body = failed.response if isinstance(failed.response, str) else json.dumps(failed.response)
    return f"the request failed: {failed.detail}: {body[:SHOWN_CHARACTERS]}"
