"""The assistant's tools as the model sees them (vapi-wire §6).

Tools are documents as in the API (camelCase)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from offhook.conversation.tools.tool_kind import Tool
from offhook.conversation.tools.tool_kinds import kind_of
from offhook.language.language_model import ToolDefinition


class Toolbox:
    """Finds the tool behind a name that the model calls."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._by_name: dict[str, Tool] = {}
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

    def find(self, name: str) -> Tool | None:
        return self._by_name.get(name)


def definition_of(tool: Tool) -> ToolDefinition:
    """Name, description and parameters as given in `function`, else those that its type stands for."""
    kind, function = kind_of(tool), tool.get("function") or {}
    parameters = function.get("parameters") or kind.parameters(tool)
    if "type" not in parameters:  # JSON Schema can do without, models' APIs cannot
        parameters = {"type": "object", **parameters}
    given = str(function.get("description") or tool.get("description") or "")
    strict = function.get("strict")
    return ToolDefinition(
        _given_name(tool) or kind.name(tool),
        kind.description(tool, given),
        parameters,
        strict if isinstance(strict, bool) else None,
    )


def _given_name(tool: Tool) -> str:
    return str((tool.get("function") or {}).get("name") or tool.get("name") or "")
