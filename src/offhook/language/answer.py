"""A model's answer from the JSON objects that bring it, streamed or whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from offhook.language.base import Finished, ToolCall
from offhook.language.thinking import Thoughts
from offhook.language.tool_calls import ToolCalls

LONGEST_REPLY = 50_000
"""Characters of text, thoughts included; and as many of tool arguments."""
MOST_PIECES = 50_000
"""Objects in one answer."""

_REASONS: Mapping[str, Literal["stop", "tool_calls", "length"]] = {
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
}


class ServerSays(Exception):
    """An error in place of an answer, in the server's words."""


class Answer:
    """What has come so far. `ended`: the model has given its reason to stop, so that little may follow.

    Raises ServerSays, and ValueError for an answer of another form, for one that is longer than allowed, for
    a tool call without a name, and for a stream that ends before anything has come."""

    def __init__(self) -> None:
        self._calls = ToolCalls()
        self._thoughts = Thoughts()
        self._characters = 0
        self._arguments = 0
        self._pieces = 0
        self._reason: str | None = None
        self._tokens: tuple[int | None, int | None] = (None, None)
        self._any = False

    @property
    def ended(self) -> bool:
        return self._reason is not None

    @property
    def _given(self) -> bool:
        return bool(self._characters or self._calls)

    def add(self, piece: Mapping[str, Any]) -> str:
        """Text to say, often empty."""
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            raise ValueError(f"an answer in more than {MOST_PIECES} pieces")
        if error := piece.get("error"):
            message = error.get("message") if isinstance(error, Mapping) else None
            raise ServerSays(str(message or error))
        try:
            return self._add(piece)
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError(f"a piece of another form: {error}") from None

    def _add(self, piece: Mapping[str, Any]) -> str:
        usage = piece.get("usage")
        if isinstance(usage, Mapping):
            self._tokens = (_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
        # Ollama's own API has the message in place of the choices.
        choices = piece.get("choices") or ([piece] if "message" in piece else [])
        if not choices:
            return ""
        choice = choices[0]
        message = choice.get("delta")
        if message is None and not self._given:  # else it is all of it again, behind its pieces
            message = choice.get("message")
        self._any = True
        reason = choice.get("finish_reason")
        self._reason = reason if isinstance(reason, str) and reason else self._reason
        return self._message(message) if message is not None else ""

    def _message(self, message: Mapping[str, Any]) -> str:
        for one in message.get("tool_calls") or ():
            self._arguments += self._calls.add(one)
        if function := message.get("function_call"):  # what tool calls were called before
            self._arguments += self._calls.add({"function": function})
        text = _text(message.get("content")) or _text(message.get("refusal"))
        self._characters += len(text)
        if max(self._characters, self._arguments) > LONGEST_REPLY:
            raise ValueError(f"a reply of more than {LONGEST_REPLY} characters")
        return self._thoughts.feed(text) if text else ""

    def rest(self) -> str:
        """Text that was held back, when all has come."""
        return self._thoughts.end()

    def tool_calls(self) -> list[ToolCall]:
        return self._calls.calls()

    def finished(self) -> Finished:
        if not self._any:
            raise ValueError("an empty reply")
        reason = "tool_calls" if self._calls else _REASONS.get(self._reason or "", "stop")
        return Finished(reason, *self._tokens)


def _text(content: object) -> str:
    """The text of a message's content: a string, or a list of parts, of which those of type text count."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return ""
    return "".join(
        text
        for part in content
        if isinstance(text := part.get("text") if isinstance(part, Mapping) else part, str)
        and (not isinstance(part, Mapping) or part.get("type", "text") in ("text", "output_text"))
    )


def _count(tokens: object) -> int | None:
    return tokens if isinstance(tokens, int) else None
