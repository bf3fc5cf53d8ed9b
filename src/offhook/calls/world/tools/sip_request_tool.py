"""The sipRequest tool: a request inside the call's own dialog (vapi-wire §6)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from offhook.calls.dialog_request import request_in_dialog
from offhook.calls.leg import Leg
from offhook.calls.world.tools.parameters import filled
from offhook.calls.world.tools.tool_site import ToolSite
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kind import ToolKind
from offhook.language.extraction import Render
from offhook.language.language_model import ToolCall
from offhook.schema.tools.json_schema import JsonSchema
from offhook.schema.tools.tool import AnyTool, SipRequestTool


class SipRequestKind(ToolKind):
    fillers: Sequence[str] = ()

    def description(self, tool: AnyTool, given: str) -> str:
        return given or "Send a SIP request inside the call."

    async def run(self, site: ToolSite, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        if site.leg is None or not isinstance(tool, SipRequestTool):
            return await super().run(site, tool, call)
        return await _request(site.leg, tool, call, site.render)


async def _request(leg: Leg, tool: SipRequestTool, call: ToolCall, render: Render) -> ToolOutcome:
    given = filled(tool.headers, call, render)
    body, kind = _body(tool.body, call, render)
    return await request_in_dialog(leg, tool.verb, given.items(), body, kind)


def _body(given: str | JsonSchema | None, call: ToolCall, render: Render) -> tuple[bytes, str]:
    """Body and content type: a text with templates, or the object that a schema describes."""
    if isinstance(given, str):
        return render(given, call.arguments).encode(), "text/plain"
    if given is not None:
        return json.dumps(filled(given, call, render)).encode(), "application/json"
    return b"", ""
