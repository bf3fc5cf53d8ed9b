"""The assistant's tools as the model sees them (vapi-wire §6)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from offhook.conversation.tools.tool_kinds import kind_of
from offhook.language.language_model import ToolDefinition
from offhook.schema.base import document
from offhook.schema.tools.tool import AnyTool


class Toolbox:
    """Finds the tool behind a name that the model calls."""

    def __init__(self, tools: Sequence[AnyTool]) -> None:
        self._by_name: dict[str, AnyTool] = {}
        self.definitions: list[ToolDefinition] = []
        for tool in tools:
            definition = definition_of(tool)
            if definition.name in self._by_name and not _given_name(tool):
                definition = replace(definition, name=self._free(definition.name))
            if definition.name not in self._by_name:
                self._by_name[definition.name] = tool
                self.definitions.append(definition)

    def _free(self, name: str) -> str:
        """Tools whose names come from their types are told apart."""
        names = (f"{name[:60]}_{number}" for number in itertools.count(2))
        return next(each for each in names if each not in self._by_name)

    def find(self, name: str) -> AnyTool | None:
        return self._by_name.get(name)


def definition_of(tool: AnyTool) -> ToolDefinition:
    """Name, description and parameters as given in `function`, else those that its type stands for."""
    kind, function = kind_of(tool), tool.function
    described = function.description if function is not None else None
    return ToolDefinition(
        _given_name(tool) or kind.name(tool),
        kind.description(tool, described or getattr(tool, "description", None) or ""),
        # JSON Schema can do without a type, models' APIs cannot.
        {"type": "object", **(given_parameters(tool) or kind.parameters(tool))},
        function.strict if function is not None else None,
    )


def given_parameters(tool: AnyTool) -> dict[str, Any]:
    """Those of its `function`, a JSON Schema; {} where it has none."""
    given = tool.function.parameters if tool.function is not None else None
    return {} if given is None else document(given)


def _given_name(tool: AnyTool) -> str:
    return (tool.function.name if tool.function is not None else "") or getattr(tool, "name", None) or ""
