"""What is particular to a type of tool: what the model is told of it, what is said while it runs, who runs
it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from offhook.conversation.events import ToolOutcome
from offhook.json_document import ParametersSchema
from offhook.language.language_model import ToolCall
from offhook.schema.tools.tool import AnyTool

FILLERS: Final = (
    "Hold on a sec.",
    "One moment.",
    "Just a sec.",
    "Give me a moment.",
    "This'll just take a sec.",
)
NO_PARAMETERS: Final[ParametersSchema] = {"type": "object", "properties": {}}


class ToolKind:
    """One type of tool. This one is told to the model as the owner describes it, and is not served.

    `fillers`: one of them is said when it begins, where neither the owner nor the model has other words for
    it; () for what makes its own sound or takes no time."""

    fillers: Sequence[str] = FILLERS

    def name(self, tool: AnyTool) -> str:
        """What the model calls it where the owner has given no name."""
        return model_name(tool.type)

    def description(self, tool: AnyTool, given: str) -> str:
        """`given`: the owner's, "" if there is none."""
        return given

    def parameters(self, tool: AnyTool) -> ParametersSchema:
        """A JSON Schema, where the owner has given none."""
        return NO_PARAMETERS

    async def run(self, site: Any, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        """Run it outside of the conversation. `site`: what of the call it may use
        (`calls/world/tools/tool_site.py`). May raise AskFailed."""
        return ToolOutcome(error=f"tools of the type {tool.type} are not served here")


def model_name(text: str) -> str:
    """As models' APIs take names of functions."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)[:64]
