"""The destinations that a tool lists: how the model is told of them, and which one it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.conversation.tools.tool_kind import Tool
from offhook.json_document import Arguments, DestinationDocument, ParametersSchema


def destinations_of(tool: Tool) -> list[DestinationDocument]:
    return [each for each in tool.get("destinations") or () if isinstance(each, Mapping)]


def destination_name(destination: DestinationDocument) -> str:
    """What the model calls a destination by."""
    for key in ("number", "sipUri", "assistantName", "assistantId", "entryAssistantName", "squadId"):
        if destination.get(key):
            return str(destination[key])
    inline = destination.get("assistant") or destination.get("squad") or {}
    return str(inline.get("name") or destination.get("type") or "destination")


def choose_destination(tool: Tool, arguments: Arguments) -> DestinationDocument | None:
    """The destination that the model named, or the only one there is; None if it named none of them."""
    destinations = destinations_of(tool)
    wanted = str(arguments.get("destination") or "").strip().lower()
    for destination in destinations:
        if wanted and destination_name(destination).lower() == wanted:
            return destination
    return destinations[0] if len(destinations) == 1 else None


def with_destinations(tool: Tool, description: str) -> str:
    """A description that names what there is to choose from."""
    destinations = destinations_of(tool)
    if not destinations:
        return description
    return f"{description}. Destinations: {'; '.join(_choice(each) for each in destinations)}"


def destination_parameters(tool: Tool) -> ParametersSchema:
    destinations = destinations_of(tool)
    choice: dict[str, Any] = {"type": "string"}
    if destinations:
        choice["enum"] = [destination_name(each) for each in destinations]
    return {
        "type": "object",
        "properties": {"destination": choice},
        "required": ["destination"] if destinations else [],
    }


def _choice(destination: DestinationDocument) -> str:
    description, name = destination.get("description"), destination_name(destination)
    return f"{name} ({description})" if description else name
