"""A model's answer from the JSON objects that bring it, streamed or whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from offhook.json_document import VendorMessage
from offhook.language.event_reader import EventReader
from offhook.language.habits import Habit
from offhook.language.http_model import ServerSays
from offhook.language.language_model import Finished, ToolCall
from offhook.language.tool_calls import ToolCalls

_REASONS: Mapping[str, Literal["stop", "tool_calls", "length"]] = {
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
}
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Where servers put the thoughts that they take out of the text."""


class ModelAnswer(EventReader):
    """What has come so far. `ended`: the model has given its reason to stop, so that little may follow.

    Raises ServerSays, and ValueError for an answer of another form, for one that is longer than allowed, for
    a tool call without a name, and for a stream that ends before anything has come."""

    def __init__(self, habit: Habit) -> None:
        super().__init__(habit.thinks_first)
        self._habit = habit
        self._calls = ToolCalls()
        self._in_deltas = False
        self._whole = ""
        self._reason: str | None = None
        self._tokens: tuple[int | None, int | None] = (None, None)
        self._any = False

    @property
    def ended(self) -> bool:
        return self._reason is not None

    def _event(self, piece: VendorMessage) -> str:
        if not isinstance(piece, Mapping):
            raise ValueError("not an object")
        _check(piece)
        usage = piece.get("usage")
        if isinstance(usage, Mapping):
            self._tokens = (_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
        elif "eval_count" in piece:
            self._tokens = (_count(piece.get("prompt_eval_count")), _count(piece["eval_count"]))
        choices = piece.get("choices") or ([_own_of_ollama(piece)] if "message" in piece else [])
        if not choices:
            return ""
        choice = choices[0]
        _check(choice)
        self._any = True
        reason = choice.get("finish_reason")
        self._reason = reason if isinstance(reason, str) and reason else self._reason
        message = choice.get("delta")
        if message is None:
            message = self._more(choice.get("message"))
        else:
            self._in_deltas = self._in_deltas or bool(message.get("content") or message.get("tool_calls"))
        return self._message(message) if message is not None else ""

    def _more(self, message: VendorMessage | None) -> VendorMessage | None:
        """What is new in a `message`: the whole answer, a part of it, all of it up to here, or all of it
        again behind its pieces."""
        if message is None or self._in_deltas:
            return None
        text = text_of(message.get("content"))
        if self._whole and text.startswith(self._whole):
            message = {**message, "content": text.removeprefix(self._whole)}
            self._whole = text
        else:
            self._whole += text
        return message

    def _message(self, message: VendorMessage) -> str:
        for one in message.get("tool_calls") or ():
            self._argue(self._calls.add(one))
        if function := message.get("function_call"):  # what tool calls were called before
            self._argue(self._calls.add({"function": function}))
        text = text_of(message.get("content")) or text_of(message.get("refusal"))
        begun = self._tags.begin() if any(message.get(name) for name in _THOUGHTS) else ""
        return begun + self._say(text) if text else begun

    def rest(self) -> str:
        """Text that was held back, when all has come."""
        said = self._tags.end(cut=self._reason == "length")
        self._habit.learn(self._tags.thought_first if self._characters else None)
        return said

    def tool_calls(self) -> list[ToolCall]:
        return self._calls.calls()

    def finished(self) -> Finished:
        if not self._any:
            raise ValueError("an empty reply")
        reason = "tool_calls" if self._calls else _REASONS.get(self._reason or "", "stop")
        return Finished(reason, *self._tokens)


def _check(piece: VendorMessage) -> None:
    """Raises ServerSays for what stands in place of an answer: an `error`, or an object that is one."""
    error = piece.get("error")
    base = piece.get("base_resp")  # MiniMax has its refusals in an answer of status 200
    if isinstance(base, Mapping) and base.get("status_code"):
        error = str(base.get("status_msg") or base["status_code"])
    if not error and "choices" not in piece and isinstance(piece.get("message"), str):
        error = piece["message"]
    if error:
        message = error.get("message") if isinstance(error, Mapping) else None
        raise ServerSays(str(message or error))


def _own_of_ollama(piece: VendorMessage) -> VendorMessage:
    """A choice of a piece in the form of Ollama's own API."""
    return {"delta": piece["message"], "finish_reason": piece.get("done_reason")}


def text_of(content: object) -> str:
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
