"""The dtmf tool: keypad digits in the call's own audio, or by INFO (vapi-wire §6)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from offhook.calls.leg import Leg
from offhook.calls.world.tools.tool_site import ToolSite
from offhook.conversation.events import ToolOutcome
from offhook.conversation.tools.tool_kind import ToolKind
from offhook.json_document import ParametersSchema
from offhook.language.language_model import ToolCall
from offhook.rtp.telephone_events import DIGITS, PAUSES
from offhook.schema.tools.tool import AnyTool, DtmfTool
from offhook.sip.errors import SipError

MOST_DIGITS: Final = 64
PRESS_SECONDS: Final = 0.18
"""A key takes 100 ms, and 80 ms pass after it."""


class DtmfKind(ToolKind):
    fillers: Sequence[str] = ()

    def description(self, tool: AnyTool, given: str) -> str:
        return given or "Press keys on the telephone keypad."

    def parameters(self, tool: AnyTool) -> ParametersSchema:
        keys = {"type": "string", "description": "Keys to press: 0-9, *, #, w for a pause."}
        return {"type": "object", "properties": {"dtmf": keys}, "required": ["dtmf"]}

    async def run(self, site: ToolSite, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        if site.leg is None or not isinstance(tool, DtmfTool):
            return await super().run(site, tool, call)
        try:
            return await _press(site.leg, tool, str(call.arguments.get("dtmf") or ""))
        except SipError as error:
            return ToolOutcome(error=f"the phone did not take it: {error}")


def seconds_for(keys: str) -> float:
    """Seconds that the stream takes to send these keys."""
    return sum(PAUSES.get(key, PRESS_SECONDS) for key in keys)


async def _press(leg: Leg, tool: DtmfTool, digits: str) -> ToolOutcome:
    keys = "".join(digits.split())
    if not 1 <= len(keys) <= MOST_DIGITS or any(
        key.upper() not in DIGITS and key not in PAUSES for key in keys
    ):
        return ToolOutcome(error=f"dtmf has 1 to {MOST_DIGITS} of the keys 0-9, *, #, and w for a pause")
    if tool.sip_info_dtmf_enabled is True:
        return await _press_by_info(leg, keys)
    if leg.stream is None:
        return ToolOutcome(error="the call is not connected")
    try:
        leg.stream.send_digits(keys)
    except ValueError as error:
        return ToolOutcome(error=str(error))
    await asyncio.sleep(seconds_for(keys))
    return ToolOutcome(result=f"Pressed {keys}.")


async def _press_by_info(leg: Leg, keys: str) -> ToolOutcome:
    """Sends one INFO for each key, in the form that phones and gateways agree on without any RFC."""
    if leg.session is None:
        return ToolOutcome(error="the call is not connected")
    for key in keys:
        if key in PAUSES:
            await asyncio.sleep(PAUSES[key])
            continue
        body = f"Signal={key.upper()}\r\nDuration=100\r\n".encode()
        response = await leg.session.request("INFO", body=body, content_type="application/dtmf-relay")
        if response.status >= 300:
            return ToolOutcome(error=f"the phone answered {response.status} {response.reason}")
    return ToolOutcome(result=f"Pressed {keys}.")
