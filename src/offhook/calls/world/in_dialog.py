"""Tools that act inside the call's own dialog: keypad digits and SIP requests (vapi-wire §6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from offhook.calls.leg import Leg
from offhook.calls.owners_headers import one_line, owners_headers
from offhook.calls.world.api_request import filled
from offhook.conversation.events import ToolOutcome
from offhook.language.base import ToolCall
from offhook.rtp.dtmf import DIGITS, PAUSES
from offhook.sip.errors import SipError

TYPES: Final = ("dtmf", "sipRequest")
MOST_DIGITS: Final = 64
PRESS_SECONDS: Final = 0.18
"""100 ms for a key and 80 ms after it."""

_ITS_OWN: Final = frozenset({"accept", "event"})
"""Headers that belong to one request and not to the dialog: a NOTIFY has an Event."""

MOST_BODY: Final = 8000
"""Bytes; a datagram has room for little more."""

Render = Callable[[str, Mapping[str, Any]], str]


async def run(leg: Leg, tool: Mapping[str, Any], call: ToolCall, render: Render) -> ToolOutcome:
    """Run a tool of TYPES on the caller's leg. Never raises SipError."""
    try:
        if tool.get("type") == "dtmf":
            return await _press(leg, tool, str(call.arguments.get("dtmf") or ""))
        return await _request(leg, tool, call, render)
    except SipError as error:
        return ToolOutcome(error=f"the phone did not take it: {error}")


def seconds_for(keys: str) -> float:
    """How long it takes to press them, as the stream sends them."""
    return sum(PAUSES.get(key, PRESS_SECONDS) for key in keys)


async def _press(leg: Leg, tool: Mapping[str, Any], digits: str) -> ToolOutcome:
    keys = "".join(digits.split())
    if not 1 <= len(keys) <= MOST_DIGITS or any(
        key.upper() not in DIGITS and key not in PAUSES for key in keys
    ):
        return ToolOutcome(error=f"dtmf has 1 to {MOST_DIGITS} of the keys 0-9, *, #, and w for a pause")
    if tool.get("sipInfoDtmfEnabled") is True:
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
    """One INFO a key, in the form that phones and gateways have agreed on without any RFC."""
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


async def _request(leg: Leg, tool: Mapping[str, Any], call: ToolCall, render: Render) -> ToolOutcome:
    if leg.session is None:
        return ToolOutcome(error="the call is not connected")
    given = filled(tool.get("headers"), call.arguments, render)
    headers = owners_headers(given, _ITS_OWN)
    body, kind = _body(tool.get("body"), call.arguments, render)
    if len(body) > MOST_BODY:
        return ToolOutcome(error=f"the body has more than {MOST_BODY} bytes")
    named = next((str(value) for name, value in given.items() if name.lower() == "content-type"), kind)
    content_type = one_line(named) if body else None
    response = await leg.session.request(str(tool["verb"]), headers, body, content_type)
    answer = f"{response.status} {response.reason}".strip()
    return ToolOutcome(result=answer) if response.status < 300 else ToolOutcome(error=f"it answered {answer}")


def _body(given: Any, arguments: Mapping[str, Any], render: Render) -> tuple[bytes, str]:
    """Body and content type: text with templates, or the object that a schema describes."""
    if isinstance(given, str):
        return render(given, arguments).encode(), "text/plain"
    if isinstance(given, Mapping):
        return json.dumps(filled(given, arguments, render)).encode(), "application/json"
    return b"", ""
