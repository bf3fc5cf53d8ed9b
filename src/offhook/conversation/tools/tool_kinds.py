"""The types of tools that have anything of their own: for each the class that knows it.

A type is one file and its line here. Files are loaded by `load`, or at the first use."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Final

from offhook.conversation.tools.tool_kind import ToolKind
from offhook.schema.tools.tool import AnyTool

_HERE: Final = "offhook.conversation.tools."
_CALLS: Final = "offhook.calls.world.tools."

TOOL_KINDS: Final[dict[str, str]] = {
    "function": _CALLS + "server_tool:ServerToolKind",
    "bash": _CALLS + "server_tool:ServerToolKind",
    "computer": _CALLS + "server_tool:ServerToolKind",
    "textEditor": _CALLS + "server_tool:ServerToolKind",
    "apiRequest": _CALLS + "api_request:ApiRequestKind",
    "endCall": _HERE + "end_call_tool:EndCallKind",
    "transferCall": _HERE + "transfer_call_tool:TransferCallKind",
    "handoff": _HERE + "handoff_tool:HandoffKind",
    "dtmf": _CALLS + "dtmf_tool:DtmfKind",
    "sipRequest": _CALLS + "sip_request_tool:SipRequestKind",
    "voicemail": _HERE + "unrun_tools:VoicemailKind",
    "sms": _HERE + "unrun_tools:SmsKind",
    "query": _HERE + "unrun_tools:QueryKind",
}


def kind_of(tool: AnyTool) -> ToolKind:
    """Of a type without anything of its own, `ToolKind`."""
    return _loaded(TOOL_KINDS.get(tool.type, ""))


def load() -> None:
    """Load them all, before the first call comes."""
    for place in TOOL_KINDS.values():
        _loaded(place)


@cache
def _loaded(place: str) -> ToolKind:
    if not place:
        return ToolKind()
    module, _, name = place.partition(":")
    kind: ToolKind = getattr(importlib.import_module(module), name)()
    return kind
