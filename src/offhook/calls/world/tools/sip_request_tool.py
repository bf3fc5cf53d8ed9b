"""The sipRequest tool: a request inside the call's own dialog (vapi-wire §6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from offhook.calls.leg import Leg
from offhook.calls.owners_headers import one_line, owners_headers
from offhook.calls.world.tools.parameters import Render, filled
from offhook.calls.world.tools.tool_site import ToolSite
from offhook.calls.world.tools.typed_tool import tool_of
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kind import Tool, ToolKind
from offhook.json_document import Arguments
from offhook.language.language_model import ToolCall
from offhook.schema.tools.json_schema import JsonSchema
from offhook.schema.tools.tool import SipRequestTool
from offhook.sip.errors import SipError

_ITS_OWN: Final = frozenset({"accept", "event"})
"""Headers that belong to a single request and not to the dialog: a NOTIFY has an Event."""

MOST_BODY: Final = 8000
"""Bytes. A datagram has room for little more."""


class SipRequestKind(ToolKind):
    fillers: Sequence[str] = ()

    def description(self, tool: Tool, given: str) -> str:
        return given or "Send a SIP request inside the call."

    async def run(self, site: ToolSite, tool: Tool, call: ToolCall) -> ToolOutcome:
        known = tool_of(tool)
        if site.leg is None or not isinstance(known, SipRequestTool):
            return await super().run(site, tool, call)
        try:
            return await _request(site.leg, known, call, site.render)
        except SipError as error:
            return ToolOutcome(error=f"the phone did not take it: {error}")


async def _request(leg: Leg, tool: SipRequestTool, call: ToolCall, render: Render) -> ToolOutcome:
    if leg.session is None:
        return ToolOutcome(error="the call is not connected")
    given = filled(tool.headers, call.arguments, render)
    headers = owners_headers(given, _ITS_OWN)
    body, kind = _body(tool.body, call.arguments, render)
    if len(body) > MOST_BODY:
        return ToolOutcome(error=f"the body has more than {MOST_BODY} bytes")
    named = next((str(value) for name, value in given.items() if name.lower() == "content-type"), kind)
    content_type = one_line(named) if body else None
    response = await leg.session.request(tool.verb, headers, body, content_type)
    answer = f"{response.status} {response.reason}".strip()
    return ToolOutcome(result=answer) if response.status < 300 else ToolOutcome(error=f"it answered {answer}")


def _body(given: str | JsonSchema | None, arguments: Arguments, render: Render) -> tuple[bytes, str]:
    """Body and content type: a text with templates, or the object that a schema describes."""
    if isinstance(given, str):
        return render(given, arguments).encode(), "text/plain"
    if given is not None:
        return json.dumps(filled(given, arguments, render)).encode(), "application/json"
    return b"", ""
