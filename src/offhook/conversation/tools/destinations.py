"""The destinations that a tool lists: how the model is told of them, and which one it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offhook.json_document import ParametersSchema
from offhook.language.language_model import ToolCall
from offhook.schema.tools.handoff import AnyDestination
from offhook.schema.tools.tool import AnyTool, HandoffTool, TransferCallTool

_NAMES = ("number", "sip_uri", "assistant_name", "assistant_id", "entry_assistant_name", "squad_id")
"""What a destination may be named by, the first that it has."""


def destinations_of(tool: AnyTool) -> Sequence[AnyDestination]:
    return (tool.destinations or ()) if isinstance(tool, TransferCallTool | HandoffTool) else ()


def destination_name(destination: AnyDestination) -> str:
    """What the model calls a destination by."""
    for name in _NAMES:
        if given := getattr(destination, name, None):
            return str(given)
    inline = getattr(destination, "assistant", None) or getattr(destination, "squad", None)
    return str(getattr(inline, "name", None) or destination.type)


def choose_destination(tool: AnyTool, call: ToolCall) -> AnyDestination | None:
    """The destination that the model named, or the only one there is; None if it named none of them."""
    destinations = destinations_of(tool)
    wanted = str(call.arguments.get("destination") or "").strip().lower()
    for destination in destinations:
        if wanted and destination_name(destination).lower() == wanted:
            return destination
    return destinations[0] if len(destinations) == 1 else None


def with_destinations(tool: AnyTool, description: str) -> str:
    """A description that names what there is to choose from."""
    destinations = destinations_of(tool)
    if not destinations:
        return description
    return f"{description}. Destinations: {'; '.join(_choice(each) for each in destinations)}"


def destination_parameters(tool: AnyTool) -> ParametersSchema:
    destinations = destinations_of(tool)
    choice: dict[str, Any] = {"type": "string"}
    if destinations:
        choice["enum"] = [destination_name(each) for each in destinations]
    return {
        "type": "object",
        "properties": {"destination": choice},
        "required": ["destination"] if destinations else [],
    }


def _choice(destination: AnyDestination) -> str:
    name = destination_name(destination)
    return f"{name} ({destination.description})" if destination.description else name
