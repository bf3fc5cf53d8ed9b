"""The messages that are spoken around a tool's call (vapi-wire §6)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from offhook.language.extraction import Render
from offhook.language.language_model import ToolCall
from offhook.schema.assistants.spoken import HasContents
from offhook.schema.tools.tool import (
    AnyTool,
    Condition,
    ToolMessage,
    ToolMessageComplete,
    ToolMessageDelayed,
    ToolMessageFailed,
    ToolMessageStart,
)

MessageKind = Literal["request-start", "request-complete", "request-failed", "request-response-delayed"]
TRANSFER_MESSAGE = "Transferring the call now"


@dataclass(frozen=True, slots=True)
class SpokenMessage:
    """One of a tool's messages. `role` system: for the model, not for the caller."""

    text: str
    role: Literal["assistant", "system"] = "assistant"
    blocking: bool = False
    end_call_after: bool = False
    delay: float = 0.0  # seconds


def content_of(message: str | HasContents | None, language: str = "en") -> str | None:
    """Text of a plain or a custom message; of several languages the wanted one, else the first. None if it
    holds no text."""
    if message is None or isinstance(message, str):
        return message
    contents = message.contents or ()
    for each in contents:
        if _primary(each.language) == _primary(language):
            return each.text
    return contents[0].text if contents else message.content


def _primary(language: str) -> str:
    """`de` of `de-AT` (RFC 5646 §2.2.1)."""
    return language.partition("-")[0].lower()


def pick_message(
    tool: AnyTool,
    kind: MessageKind,
    call: ToolCall,
    rng: random.Random,
    render: Render,
    language: str = "en",
) -> SpokenMessage | None:
    """One of the tool's messages of this kind whose conditions the call meets; None if there is none.
    `render` fills templates, with its arguments as variables."""
    eligible = [each for each in _messages(tool, kind) if meets(each.conditions, call)]
    return _spoken(rng.choice(eligible), call, render, language) if eligible else None


def delayed_messages(
    tool: AnyTool,
    call: ToolCall,
    rng: random.Random,
    render: Render,
    language: str = "en",
) -> list[SpokenMessage]:
    """What to say while the tool keeps the caller waiting: one message for each delay, shortest first."""
    by_delay: dict[float, list[ToolMessage]] = {}
    for each in _messages(tool, "request-response-delayed"):
        if isinstance(each, ToolMessageDelayed) and meets(each.conditions, call):
            by_delay.setdefault(float(each.timing_milliseconds or 1000) / 1000, []).append(each)
    return [_spoken(rng.choice(by_delay[delay]), call, render, language, delay) for delay in sorted(by_delay)]


def _messages(tool: AnyTool, kind: MessageKind) -> Sequence[ToolMessage]:
    return [each for each in tool.messages or () if each.type == kind]


def _spoken(
    message: ToolMessage,
    call: ToolCall,
    render: Render,
    language: str,
    delay: float = 0.0,
) -> SpokenMessage:
    last = message if isinstance(message, ToolMessageComplete | ToolMessageFailed) else None
    system = last is not None and last.role == "system"
    return SpokenMessage(
        text=render(content_of(message, language) or "", call.arguments).strip(),
        role="system" if system else "assistant",
        blocking=isinstance(message, ToolMessageStart) and bool(message.blocking),
        end_call_after=last is not None and bool(last.end_call_after_spoken_enabled) and not system,
        delay=delay,
    )


def meets(conditions: Sequence[Condition] | None, call: ToolCall) -> bool:
    """Do the arguments of a call fulfil all the conditions of a message?"""
    return all(_holds(each, call) for each in conditions or ())


def _holds(condition: Condition, call: ToolCall) -> bool:
    """Numbers are compared as numbers, all else as text."""
    given, wanted, operator = call.arguments.get(condition.param), condition.value, condition.operator
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
    return _compare(operator, left, right)


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
