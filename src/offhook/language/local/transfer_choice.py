"""Whom a caller is put through to: the tool, and of its destinations the one, whose description has most of
what the caller wants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from offhook.language.language_model import ToolDefinition
from offhook.language.words import alike, stems

_HANDING_ON = frozenset(
    stems("transfer connect forward redirect put through hand over handoff call speak talk")
)
_RECEPTION = stems(
    "reception receptionist front desk operator main general staff branch manager person agent"
)
_DESTINATIONS = re.compile(r"Destinations: (?P<all>.*)", re.S)


def tools_named(tools: Sequence[ToolDefinition], *names: str) -> list[ToolDefinition]:
    """Those whose names begin with one of these, in the order of these, each once."""
    plain = [(tool.name.replace("_", "").replace("-", "").lower(), tool) for tool in tools]
    found = {tool.name: tool for name in names for own, tool in plain if own.startswith(name)}
    return list(found.values())


def way_to(
    transfers: Sequence[ToolDefinition], wanted: str, said: str = ""
) -> tuple[ToolDefinition, Mapping[str, object]]:
    """The tool to call and its arguments: by what is `wanted`, where that says nothing by what the caller
    has `said`; of equals the first."""
    for text in (wanted, said, ""):
        about = [stem for stem in stems(text) if stem not in _HANDING_ON]
        tool = max(transfers, key=lambda each: _likeness(about, _about(each)))
        if _likeness(about, _about(tool)) or not text:
            destination = _destination(tool, about)
            return tool, {} if destination is None else {"destination": destination}
    raise AssertionError("the last text is empty")


def _about(tool: ToolDefinition) -> list[str]:
    """Whom a tool leads to, in stems."""
    return stems(f"{re.sub('[_-]', ' ', tool.name)} {tool.description}")


def _destination(tool: ToolDefinition, about: Sequence[str]) -> str | None:
    """The destination whose description has most of these stems; if none has any, the reception, or the
    first."""
    properties = tool.parameters.get("properties")
    choice = properties.get("destination") if isinstance(properties, Mapping) else None
    values = choice.get("enum") if isinstance(choice, Mapping) else None
    if not isinstance(values, list) or not values:
        return None
    found = _DESTINATIONS.search(tool.description)
    listed = found["all"] if found else tool.description
    described = [stems(_description(str(value), listed)) for value in values]
    scores = [_likeness(about, each) for each in described]
    if not max(scores):
        scores = [_likeness(_RECEPTION, each) for each in described]
    return str(values[scores.index(max(scores))])


def _description(value: str, listed: str) -> str:
    """What stands in parentheses after the destination in the tool's description."""
    start = listed.find(f"{value} (")
    if start < 0:
        return value
    described = listed[start + len(value) + 2 :]
    return f"{value} {described.split('); ')[0].rstrip(')')}"


def _likeness(wanted: Iterable[str], has: Sequence[str]) -> int:
    return sum(any(alike(each, other) for other in has) for each in wanted)
