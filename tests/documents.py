"""Documents as calls have them: read as their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import TypeAdapter

from offhook.schema.tools.destination import TransferDestination
from offhook.schema.tools.handoff import HandoffDestination
from offhook.schema.tools.tool import TOOL, AnyTool

_TRANSFER: Final[TypeAdapter[Any]] = TypeAdapter(TransferDestination)
_HANDOFF: Final[TypeAdapter[Any]] = TypeAdapter(HandoffDestination)


def a_tool(document: Mapping[str, Any]) -> AnyTool:
    """One without a type is a function."""
    return cast(AnyTool, TOOL.validate_python({"type": "function", **document}))


def transfer_to(document: Mapping[str, Any]) -> Any:
    """A destination of a transferCall tool, or of a number."""
    return _TRANSFER.validate_python(document)


def handoff_to(document: Mapping[str, Any]) -> Any:
    """A destination of a handoff tool."""
    return _HANDOFF.validate_python(document)
