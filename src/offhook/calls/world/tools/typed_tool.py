"""A tool's type, of the document by which a conversation has the tool."""

from __future__ import annotations

from typing import Final

from offhook.json_document import ToolDocument
from offhook.schema.identity_cache import IdentityCache
from offhook.schema.tools.tool import TOOL, AnyTool

tool_of: Final[IdentityCache[ToolDocument, AnyTool]] = IdentityCache(lambda tool: TOOL.validate_python(tool))
"""A document is read once, since the conversation keeps the same object. Raises pydantic's
ValidationError."""
