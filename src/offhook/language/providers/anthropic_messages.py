"""The wire of Anthropic's Messages API: what is asked, and the events of the answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NotRequired, TypedDict

from offhook.language.dialogue import Turn, dialogue_of
from offhook.language.event_reader import EventReader
from offhook.language.http_model import DECLINED, ServerSays
from offhook.language.language_model import Finished, Message, ToolCall, ToolDefinition
from offhook.language.tool_calls import ToolCalls
from offhook.language.tool_memory import ToolMemory

log = logging.getLogger(__name__)

MOST_BLOCKS: Final = 256
"""In one answer."""

_STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""What an error in the stream would be as an answer's status."""

_REASONS: Final[Mapping[str, Literal["stop", "tool_calls", "length"]]] = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
_CACHED: Final = {"type": "ephemeral"}
_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")

Block = dict[str, Any]


class ContentBlock(TypedDict, total=False):
    """As it begins."""

    type: str
    id: str
    name: str
    text: str
    data: str


class ThoughtBlock(TypedDict):
    """As it goes back, unchanged: with `thinking` and its `signature`, or with `data`."""

    type: str
    thinking: NotRequired[str]
    signature: NotRequired[str]
    data: NotRequired[str]


class ContentDelta(TypedDict, total=False):
    type: str
    text: str
    partial_json: str
    thinking: str
    signature: str


class TokenUsage(TypedDict, total=False):
    input_tokens: int
    cache_creation_input_tokens: int | None
    cache_read_input_tokens: int | None
    output_tokens: int


class StopDelta(TypedDict, total=False):
    stop_reason: str | None


class StartedMessage(TypedDict, total=False):
    usage: TokenUsage


class StreamError(TypedDict):
    type: str
    message: str


class MessagesEvent(TypedDict, total=False):
    """Any event of the stream. What it has besides is of no account."""

    type: str
    index: int
    message: StartedMessage
    content_block: ContentBlock
    delta: Any
    usage: TokenUsage
    error: StreamError


class ThinkingConfig(TypedDict):
    type: Literal["enabled", "adaptive"]
    budget_tokens: NotRequired[int]


@dataclass(frozen=True, slots=True)
class MessagesSettings:
    """`temperature` None: the model's own."""

    model: str
    max_tokens: int
    temperature: float | None = None
    thinking: ThinkingConfig | None = None


class MessagesWire:
    """Of one call: thoughts that came with tool calls go back with them, unchanged, as the API demands."""

    def __init__(self, settings: MessagesSettings) -> None:
        self._settings = settings
        self._thoughts: ToolMemory[list[ThoughtBlock]] = ToolMemory()

    def request(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> dict[str, Any]:
        settings, dialogue = self._settings, dialogue_of(messages)
        turns: list[dict[str, Any]] = [
            {"role": turn.role, "content": self._content(turn)} for turn in dialogue.turns
        ]
        # Each turn is asked with all that came before it: that is read from their cache.
        turns[-1]["content"][-1]["cache_control"] = _CACHED
        request: dict[str, Any] = {
            "model": settings.model,
            "max_tokens": settings.max_tokens,
            "messages": turns,
            "stream": True,
        }
        if dialogue.system:
            request["system"] = [{"type": "text", "text": text} for text in dialogue.system]
            request["system"][-1]["cache_control"] = _CACHED
        if tools:
            request["tools"] = [_tool(tool) for tool in tools]
        elif any(turn.calls for turn in dialogue.turns):
            # Calls want their tools; that none may be called is said beside them.
            request["tools"] = [
                {"name": name, "input_schema": {"type": "object"}} for name in _named(dialogue.turns)
            ]
            request["tool_choice"] = {"type": "none"}
        if settings.temperature is not None:
            request["temperature"] = settings.temperature
        if settings.thinking is not None and self._may_think(dialogue.turns):
            request["thinking"] = settings.thinking
        return request

    def reader(self) -> MessagesReader:
        return MessagesReader(self._thoughts)

    def _may_think(self, turns: Sequence[Turn]) -> bool:
        """An answer that has begun with tool calls goes on with the thoughts before them, or without any."""
        if self._settings.thinking == {"type": "adaptive"} or not turns[-1].results:
            return True
        return self._thoughts.of(call.id for call in turns[-1].results) is not None

    def _content(self, turn: Turn) -> list[Block]:
        blocks: list[Block] = []
        if self._settings.thinking is not None:
            blocks += [dict(one) for one in self._thoughts.of(call.id for call in turn.calls) or ()]
        blocks += [
            {"type": "tool_result", "tool_use_id": _id(call.id), "content": call.result or "(nothing)"}
            for call in turn.results
        ]
        blocks += [{"type": "text", "text": text} for text in turn.texts]
        blocks += [
            {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": dict(call.arguments)}
            for call in turn.calls
        ]
        return blocks


@dataclass(slots=True)
class _Block:
    """One block as it comes. `parts`: of a thought its pieces, by the property that they make together."""

    begun: ContentBlock
    parts: dict[str, list[str]] = field(default_factory=dict)

    def thought(self) -> ThoughtBlock | None:
        """None for what is none, and for one that may not go back: some gateways sign none."""
        if self.begun["type"] == "redacted_thinking":
            return {"type": "redacted_thinking", "data": self.begun["data"]}
        if self.begun["type"] != "thinking" or "signature" not in self.parts:
            return None
        thinking, signature = self.parts.get("thinking", ()), self.parts["signature"]
        return {"type": "thinking", "thinking": "".join(thinking), "signature": "".join(signature)}


class MessagesReader(EventReader):
    """One answer (an `AnswerReader`). What is thought is not said."""

    def __init__(self, thoughts: ToolMemory[list[ThoughtBlock]]) -> None:
        super().__init__()
        self._memory = thoughts
        self._blocks: dict[int, _Block] = {}
        self._calls = ToolCalls()
        self._reason: str | None = None
        self._read: int | None = None
        self._written: int | None = None
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._reason is not None

    def _event(self, event: MessagesEvent) -> str:
        match event.get("type"):
            case "error":
                error = event["error"]
                raise ServerSays(str(error["message"]), _STATUSES.get(error["type"]))
            case "message_start":
                self._begun = True
                self._cost(event["message"].get("usage") or {})
            case "content_block_start":
                return self._start(int(event["index"]), event["content_block"])
            case "content_block_delta":
                return self._delta(self._blocks[event["index"]], event["index"], event["delta"])
            case "message_delta":
                delta: StopDelta = event["delta"]
                self._reason = delta.get("stop_reason") or self._reason
                self._cost(event.get("usage") or {})
        return ""  # ping, the end of a block or of all, and what is to come

    def _start(self, index: int, block: ContentBlock) -> str:
        if len(self._blocks) >= MOST_BLOCKS:
            raise ValueError(f"an answer of more than {MOST_BLOCKS} blocks")
        self._blocks[index] = _Block(block)
        if block["type"] == "tool_use":
            self._calls.add({"index": index, "id": block["id"], "function": {"name": block["name"]}})
        return self._say(str(block.get("text") or "")) if block["type"] == "text" else ""

    def _delta(self, block: _Block, index: int, delta: ContentDelta) -> str:
        match delta["type"]:
            case "text_delta":
                return self._say(delta["text"])
            case "input_json_delta":
                self._argue(
                    self._calls.add({"index": index, "function": {"arguments": delta["partial_json"]}})
                )
            case "thinking_delta":
                self._keep(block, "thinking", delta["thinking"])
            case "signature_delta":
                self._keep(block, "signature", delta["signature"])
        return ""

    def _keep(self, block: _Block, name: str, text: str) -> None:
        self._think(len(text))
        block.parts.setdefault(name, []).append(text)

    def _cost(self, usage: TokenUsage) -> None:
        """What was read from their cache, or written to it, was read all the same."""
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        if isinstance(usage.get("input_tokens"), int):
            self._read = sum(count for name in names if isinstance(count := usage.get(name), int))
        if isinstance(written := usage.get("output_tokens"), int):
            self._written = written

    def rest(self) -> str:
        said = self._tags.end()
        if self._reason == "refusal":
            log.warning("the model declined to answer")
            return said if self._characters or self._arguments else DECLINED
        return said

    def tool_calls(self) -> list[ToolCall]:
        calls = self._calls.calls()
        thoughts = [one for block in self._blocks.values() if (one := block.thought()) is not None]
        if thoughts:
            for call in calls:
                self._memory.keep(call.id, thoughts)
        return calls

    def finished(self) -> Finished:
        if not self._begun:
            raise ValueError("an empty reply")
        if self._reason is None:
            raise ValueError("the answer broke off")
        reason = "tool_calls" if self._calls else _REASONS.get(self._reason, "stop")
        return Finished(reason, self._read, self._written)


def _tool(tool: ToolDefinition) -> Block:
    made: Block = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": {"type": "object", **tool.parameters},
    }
    if tool.strict:
        made["strict"] = True
    return made


def _named(turns: Sequence[Turn]) -> list[str]:
    return list(dict.fromkeys(call.name for turn in turns for call in turn.calls))


def _id(call_id: str) -> str:
    """Models of other vendors, and owners, have other letters in theirs."""
    return _NO_ID.sub("_", call_id)[:64] or "_"
