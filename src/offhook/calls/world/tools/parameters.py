"""The parameters that an owner has written into a tool, with their templates filled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.json_document import Variables
from offhook.language.extraction import Render
from offhook.language.language_model import ToolCall
from offhook.schema.tools.json_schema import JsonSchema
from offhook.schema.tools.tool import ApiRequestTool, FunctionTool


def static_parameters(
    tool: FunctionTool | ApiRequestTool, variables: Variables, render: Render
) -> dict[str, Any]:
    """A tool's `parameters`: values that the owner has fixed. Their templates see the call's variables, and
    nothing that the model says."""
    return {each.key: deeply(each.value, variables, render) for each in tool.parameters or ()}


def filled(
    schema: JsonSchema | None, call: ToolCall, render: Render, seen: Variables | None = None
) -> dict[str, Any]:
    """The object that a JSON schema of a tool stands for: each of its properties by its own `value` (or
    `default`), with templates filled from `seen`, else by the call's argument of that name."""
    properties = None if schema is None else schema.properties
    arguments = call.arguments
    known = arguments if seen is None else seen
    result: dict[str, Any] = {}
    for name, described in (properties or {}).items():
        fixed = described if isinstance(described, Mapping) else {"value": described}
        if fixed.get("value") is not None:
            result[name] = deeply(fixed["value"], known, render)
        elif name in arguments:
            result[name] = arguments[name]
        elif fixed.get("default") is not None:
            result[name] = deeply(fixed["default"], known, render)
    return result


def deeply(value: Any, arguments: Variables, render: Render) -> Any:
    """The value with the templates in all its strings filled, at any depth."""
    if isinstance(value, str):
        return render(value, arguments)
    if isinstance(value, Mapping):
        return {name: deeply(inner, arguments, render) for name, inner in value.items()}
    return [deeply(inner, arguments, render) for inner in value] if isinstance(value, list) else value
