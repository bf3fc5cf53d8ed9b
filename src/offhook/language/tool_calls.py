"""Tool calls from the pieces in which servers of OpenAI's chat API stream them.

The API numbers the calls of one answer (`index`) and gives id and name with the first piece of each. Gateways
number none, or all of them 0, give each piece an id, an id of its own, or none, repeat the name, and send
arguments whole and parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NoReturn

from offhook.json_document import VendorMessage
from offhook.language.language_model import ToolCall

MOST_TOOL_CALLS = 32
NOT_AN_OBJECT = "The arguments were not a JSON object. Call it again with one."


_STRUCTURE = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class _Call:
    __slots__ = ("_depth", "_escape", "_parts", "_quoted", "id", "name", "whole")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.whole = False
        """Have its arguments closed all the brackets that they have opened, so that nothing is missing?"""
        self._parts: list[str] = []
        self._depth = 0
        self._quoted = False
        self._escape = ""

    def add(self, call_id: str, name: str, arguments: str) -> None:
        self.id = self.id or call_id
        if name != self.name:
            self.name += name
        if arguments:
            self._parts.append(arguments)
            self._follow(arguments)

    @property
    def arguments(self) -> str:
        return "".join(self._parts).strip()

    def _follow(self, arguments: str) -> None:
        text, self._escape = self._escape + arguments, ""
        for found in _STRUCTURE.finditer(text):
            mark = found[0]
            if mark == "\\":
                self._escape = mark  # what it stands before is in the next piece
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted and mark in "{}[]":
                self._depth += 1 if mark in "{[" else -1
                self.whole = self._depth == 0


class ToolCalls:
    """`add` pieces as they come; `calls` gives what they make together, in the order of their beginning."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[object, _Call] = {}  # the last one of each index

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, piece: VendorMessage) -> int:
        """Takes one piece, and gives the number of characters in its arguments. Raises ValueError for one of
        another form, and for too many calls."""
        function = piece.get("function") or {}
        index, call_id, name = piece.get("index"), _text(piece.get("id")), _text(function.get("name"))
        arguments = _written(function.get("arguments"))
        call = self._call_of(index, call_id, name, arguments)
        if call is None:
            if len(self._calls) >= MOST_TOOL_CALLS:
                raise ValueError("too many tool calls")
            call = _Call()
            self._calls.append(call)
        if isinstance(index, int | str):
            self._by_index[index] = call
        call.add(call_id, name, arguments)
        return len(arguments)

    def _call_of(self, index: object, call_id: str, name: str, arguments: str) -> _Call | None:
        """The call that a piece goes on with; None if it begins one."""
        numbered = isinstance(index, int | str)
        call = self._by_index.get(index) if numbered else None
        if call is None or (call_id and call.id != call_id):
            known = next((one for one in reversed(self._calls) if call_id and one.id == call_id), None)
            if known is not None and not name:
                return known
        if call is None and numbered and (name or call_id):
            return None
        if call is None and self._calls:
            call = self._calls[-1]
        return None if call is None or _begins(call, call_id, name, arguments) else call

    def calls(self) -> list[ToolCall]:
        """Raises ValueError for a call without a name."""
        made = []
        for number, call in enumerate(self._calls):
            if not call.name:
                if not call.arguments:
                    continue  # an empty piece behind the last one, with an id of its own
                raise ValueError("a tool call without a name")
            made.append(_parsed(call.id or f"call_{number}", call.name, call.arguments))
        return made


def _begins(call: _Call, call_id: str, name: str, arguments: str) -> bool:
    """Does a piece that might go on with `call` begin another?"""
    other = bool(call_id and call.id and call_id != call.id)
    if not name:
        return other and call.whole  # some give each piece of one call a new id
    if not call.name:
        return False
    if other or (name != call.name and not _is_more_of_name(call, call_id)):
        return True
    return bool(arguments.strip()) and call.whole


def _is_more_of_name(call: _Call, call_id: str) -> bool:
    """Does a name without an id go on with that of `call`? Its arguments come behind it."""
    return bool(call.id) and not call_id and not call.arguments


def _text(given: object) -> str:
    return given if isinstance(given, str) else "" if given is None else str(given)


def _written(arguments: object) -> str:
    """As text; Ollama and others have sent them parsed."""
    if isinstance(arguments, Mapping):
        return json.dumps(arguments)
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    raise ValueError("arguments of another form")


def _parsed(call_id: str, name: str, text: str) -> ToolCall:
    """Models get JSON wrong, or run out of tokens in the middle of it: they may try again."""
    try:
        arguments = json.loads(text, parse_constant=_refuse) if text else {}
        if isinstance(arguments, str):  # written twice
            arguments = json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError):
        arguments = None
    if isinstance(arguments, dict):
        return ToolCall(call_id, name, arguments)
    return ToolCall(call_id, name, {}, problem=NOT_AN_OBJECT)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
