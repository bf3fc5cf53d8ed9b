"""The assistant's tools as the model sees them, and the messages spoken around a call (vapi-wire §6).

Tools are documents as in the API (camelCase)."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from offhook.language.base import ToolDefinition

Tool = Mapping[str, Any]
MessageKind = Literal["request-start", "request-complete", "request-failed", "request-response-delayed"]

FILLERS = (
    "Hold on a sec.",
    "One moment.",
    "Just a sec.",
    "Give me a moment.",
    "This'll just take a sec.",
)
TRANSFER_MESSAGE = "Transferring the call now"

_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
_DESCRIPTIONS = {
    "endCall": "End the call. Use it when the conversation is over, after saying goodbye.",
    "dtmf": "Press keys on the telephone keypad.",
    "voicemail": "Leave the voicemail message; use it when an answering machine has answered.",
    "sms": "Send a text message.",
    "query": "Look something up in the knowledge base.",
    "sipRequest": "Send a SIP request inside the call.",
}
_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "dtmf": {
        "type": "object",
        "properties": {"dtmf": {"type": "string", "description": "Keys to press: 0-9, *, #, w for a pause."}},
        "required": ["dtmf"],
    },
    "sms": {
        "type": "object",
        "properties": {"to": {"type": "string"}, "message": {"type": "string"}},
        "required": ["message"],
    },
    "query": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}
SILENT_BY_DEFAULT = frozenset({"dtmf", "voicemail", "sipRequest"})
"""Tools for which no filler is spoken: they make their own sound, or take no time."""


@dataclass(frozen=True, slots=True)
class SpokenMessage:
    """One of a tool's messages. `role` system: for the model, not for the caller."""

    text: str
    role: Literal["assistant", "system"] = "assistant"
    blocking: bool = False
    end_call_after: bool = False
    delay: float = 0.0  # seconds


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
    kind = str(tool.get("type", "function"))
    function = tool.get("function") or {}
    destinations = destinations_of(tool)
    parameters = function.get("parameters") or _default_parameters(kind, tool, destinations)
    if "type" not in parameters:  # JSON Schema can do without, models' APIs cannot
        parameters = {"type": "object", **parameters}
    description = function.get("description") or tool.get("description") or _DESCRIPTIONS.get(kind, "")
    if destinations:
        choices = "; ".join(_choice(each) for each in destinations)
        action = "Transfer the caller" if kind == "transferCall" else "Hand the conversation over"
        description = f"{description or action}. Destinations: {choices}".lstrip(". ")
    elif kind == "transferCall" and not description:
        description = "Transfer the caller."
    strict = function.get("strict")
    return ToolDefinition(
        _name(kind, tool, destinations),
        str(description),
        parameters,
        strict if isinstance(strict, bool) else None,
    )


def destinations_of(tool: Tool) -> list[Mapping[str, Any]]:
    return [each for each in tool.get("destinations") or () if isinstance(each, Mapping)]


def destination_name(destination: Mapping[str, Any]) -> str:
    """What the model calls a destination by."""
    for key in ("number", "sipUri", "assistantName", "assistantId", "entryAssistantName", "squadId"):
        if destination.get(key):
            return str(destination[key])
    inline = destination.get("assistant") or destination.get("squad") or {}
    return str(inline.get("name") or destination.get("type") or "destination")


def choose_destination(tool: Tool, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The destination that the model named, or the only one there is; None if it named none of them."""
    destinations = destinations_of(tool)
    wanted = str(arguments.get("destination") or "").strip().lower()
    for destination in destinations:
        if wanted and destination_name(destination).lower() == wanted:
            return destination
    return destinations[0] if len(destinations) == 1 else None


def _given_name(tool: Tool) -> str:
    return str((tool.get("function") or {}).get("name") or tool.get("name") or "")


def _name(kind: str, tool: Tool, destinations: Sequence[Mapping[str, Any]]) -> str:
    if given := _given_name(tool):
        return given
    if kind == "handoff" and destinations:
        target = re.sub(r"[^a-zA-Z0-9_-]", "_", destination_name(destinations[0]))
        return f"handoff_to_{target}"[:64]
    return re.sub(r"[^a-zA-Z0-9_-]", "_", kind)[:64]


def _default_parameters(
    kind: str, tool: Tool, destinations: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    if kind == "transferCall" or (kind == "handoff" and len(destinations) > 1):
        choice: dict[str, Any] = {"type": "string"}
        if destinations:
            choice["enum"] = [destination_name(each) for each in destinations]
        return {
            "type": "object",
            "properties": {"destination": choice},
            "required": ["destination"] if destinations else [],
        }
    if kind == "apiRequest" and isinstance(tool.get("body"), Mapping):
        return _open_parameters(tool["body"])
    return _PARAMETERS.get(kind, _NO_PARAMETERS)


def _open_parameters(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is left for the model to choose: a property with a `value` has been chosen by the owner."""
    properties = schema.get("properties") or {}
    fixed = {name for name, one in properties.items() if isinstance(one, Mapping) and "value" in one}
    if not fixed:
        return schema
    return {
        **schema,
        "properties": {name: one for name, one in properties.items() if name not in fixed},
        "required": [name for name in schema.get("required") or () if name not in fixed],
    }


def _choice(destination: Mapping[str, Any]) -> str:
    description = destination.get("description")
    return (
        f"{destination_name(destination)} ({description})" if description else destination_name(destination)
    )


def content_of(message: Any, language: str = "en") -> str | None:
    """Text of a plain or a custom message; of several languages the wanted one, else the first. None if it
    holds no text."""
    if isinstance(message, str):
        return message
    if not isinstance(message, Mapping):
        return None
    contents = [each for each in message.get("contents") or () if isinstance(each, Mapping)]
    for each in contents:
        if _primary(str(each.get("language", ""))) == _primary(language):
            return str(each.get("text", ""))
    if contents:
        return str(contents[0].get("text", ""))
    content = message.get("content")
    return content if isinstance(content, str) else None


def _primary(language: str) -> str:
    """`de` of `de-AT` (RFC 5646 §2.2.1)."""
    return language.partition("-")[0].lower()


def pick_message(
    tool: Tool,
    kind: MessageKind,
    arguments: Mapping[str, Any],
    rng: random.Random,
    render: Callable[[str, Mapping[str, Any]], str],
    language: str = "en",
) -> SpokenMessage | None:
    """One of the tool's messages of this kind whose conditions the arguments meet; None if there is none.
    `render` fills templates, with the arguments as variables."""
    eligible = [each for each in _messages(tool, kind) if meets(each, arguments)]
    return _spoken(rng.choice(eligible), arguments, render, language) if eligible else None


def delayed_messages(
    tool: Tool,
    arguments: Mapping[str, Any],
    rng: random.Random,
    render: Callable[[str, Mapping[str, Any]], str],
    language: str = "en",
) -> list[SpokenMessage]:
    """What to say while the tool keeps the caller waiting: one message for each delay, shortest first."""
    by_delay: dict[float, list[Mapping[str, Any]]] = {}
    for each in _messages(tool, "request-response-delayed"):
        if meets(each, arguments):
            by_delay.setdefault(float(each.get("timingMilliseconds") or 1000) / 1000, []).append(each)
    return [
        _spoken(rng.choice(by_delay[delay]), arguments, render, language, delay) for delay in sorted(by_delay)
    ]


def _messages(tool: Tool, kind: str) -> Iterable[Mapping[str, Any]]:
    return [each for each in tool.get("messages") or () if each.get("type") == kind]


def _spoken(
    message: Mapping[str, Any],
    arguments: Mapping[str, Any],
    render: Callable[[str, Mapping[str, Any]], str],
    language: str,
    delay: float = 0.0,
) -> SpokenMessage:
    system = message.get("role") == "system"
    return SpokenMessage(
        text=render(content_of(message, language) or "", arguments).strip(),
        role="system" if system else "assistant",
        blocking=bool(message.get("blocking")),
        end_call_after=bool(message.get("endCallAfterSpokenEnabled")) and not system,
        delay=delay,
    )


def meets(message: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Do the arguments of a call fulfil all the conditions of a message?"""
    conditions = message.get("conditions") or ()
    return all(isinstance(each, Mapping) and _holds(each, arguments) for each in conditions)


def _holds(condition: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Numbers are compared as numbers, all else as text."""
    given, wanted = arguments.get(str(condition.get("param"))), str(condition.get("value", ""))
    operator = condition.get("operator")
    text = _as_text(given)
    if operator in ("eq", "neq"):
        return _equal(given, text, wanted) is (operator == "eq")
    if given is None:
        return False
    left: float | str
    right: float | str
    try:
        left, right = float(text), float(wanted)
    except ValueError:
        left, right = text, wanted
    return _compare(str(operator), left, right)


def _equal(given: object, text: str, wanted: str) -> bool:
    """As text; a number also by its value, since models write 5 as 5.0."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return text == wanted
    try:
        return given == float(wanted)
    except ValueError:
        return False


def _compare(operator: str, left: Any, right: Any) -> bool:
    if operator == "gt":
        return bool(left > right)
    if operator == "gte":
        return bool(left >= right)
    if operator == "lt":
        return bool(left < right)
    return bool(left <= right) if operator == "lte" else False


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
