"""A conversation as vendors have it whose API takes turns: what the assistant is told to be, then caller and
assistant by turns, the caller first and last, each tool call with its result.

The chat API has more liberties, and owners use them: assistants that begin, system messages anywhere, several
messages of one side, tool messages whose call is not shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from offhook.language.answer import text_of
from offhook.language.language_model import Message

BEGINNING: Final = "(The call begins.)"
SILENCE: Final = "(The caller says nothing.)"
"""What stands for the caller where a turn of theirs is asked for and there is none."""
NO_RESULT: Final = "No result."

Call = tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CallWithResult:
    id: str
    name: str
    arguments: Mapping[str, Any]
    result: str


@dataclass(slots=True)
class Turn:
    """`texts` without the empty ones. `results`: what the calls of the turn before have brought."""

    role: Literal["user", "assistant"]
    texts: list[str] = field(default_factory=list)
    calls: list[CallWithResult] = field(default_factory=list)
    results: list[CallWithResult] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """`system`: the messages that stand before all others. Roles of `turns` alternate, the first and the last
    are the caller's."""

    system: list[str]
    turns: list[Turn]


def dialogue_of(messages: Sequence[Message]) -> Dialogue:
    """From messages of the chat API, however they follow each other. A system message among the others is
    told where it stands, by tags."""
    system: list[str] = []
    turns: list[Turn] = []
    results = {
        str(one.get("tool_call_id")): text_of(one.get("content"))
        for one in messages
        if one.get("role") == "tool"
    }
    asked = {call[0] for one in messages for call in _calls(one.get("tool_calls"))}

    def turn(role: Literal["user", "assistant"]) -> Turn:
        if not turns or turns[-1].role != role:
            turns.append(Turn(role))
        return turns[-1]

    for message in messages:
        role, text = message.get("role"), text_of(message.get("content")).strip()
        if role in ("system", "developer"):
            if text and not turns:
                system.append(text)
            elif text:
                turn("user").texts.append(f"<system>{text}</system>")
        elif role == "assistant":
            if text:
                turn("assistant").texts.append(text)
            if calls := [
                CallWithResult(call_id, name, arguments, results.get(call_id, NO_RESULT))
                for call_id, name, arguments in _calls(message.get("tool_calls"))
            ]:
                turn("assistant").calls.extend(calls)
                turn("user").results.extend(calls)
        elif text and not (role == "tool" and str(message.get("tool_call_id")) in asked):
            turn("user").texts.append(text)
    if not turns or turns[0].role != "user":
        turns.insert(0, Turn("user", [BEGINNING]))
    if turns[-1].role != "user":
        turns.append(Turn("user", [SILENCE]))
    return Dialogue(system, turns)


def alternating(messages: Sequence[Message]) -> list[Message]:
    """The same for servers that know no tools: what they have brought is told by the caller's side."""
    dialogue = dialogue_of(messages)
    made: list[Message] = [{"role": "system", "content": text} for text in dialogue.system]
    for turn in dialogue.turns:
        told = [f"({call.name}: {call.result})" for call in turn.results]
        said = " ".join([*told, *turn.texts]) or " ".join(f"({call.name})" for call in turn.calls)
        made.append({"role": turn.role, "content": said})
    return made


def _calls(written: Any) -> list[Call]:
    calls = []
    for call in written or ():
        function = call.get("function") or {}
        calls.append((str(call.get("id")), str(function.get("name")), _arguments(function.get("arguments"))))
    return calls


def _arguments(written: object) -> Mapping[str, Any]:
    """What is no object was never run: the model is shown none."""
    if isinstance(written, str):
        try:
            written = json.loads(written)
        except (ValueError, RecursionError):
            return {}
    return written if isinstance(written, Mapping) else {}
