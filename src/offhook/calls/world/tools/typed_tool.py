"""The type of a tool that a conversation hands back as the document that it has of it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from offhook.schema.json_document import ToolDocument
from offhook.schema.kept import Kept
from offhook.schema.tool import AnyTool, Tool

_TOOL: Final[TypeAdapter[Any]] = TypeAdapter(Tool)

tool_of: Final[Kept[ToolDocument, AnyTool]] = Kept(lambda tool: _TOOL.validate_python(tool))
"""It stays the same object, so that it is read once. Raises pydantic's ValidationError."""
