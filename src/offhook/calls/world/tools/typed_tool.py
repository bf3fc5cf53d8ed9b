"""The type of a tool that a conversation hands back as the document that it has of it."""

from __future__ import annotations

from typing import Final

from offhook.json_document import ToolDocument
from offhook.schema.identity_cache import IdentityCache
from offhook.schema.tools.tool import TOOL, AnyTool

tool_of: Final[IdentityCache[ToolDocument, AnyTool]] = IdentityCache(lambda tool: TOOL.validate_python(tool))
"""It stays the same object, so that it is read once. Raises pydantic's ValidationError."""
