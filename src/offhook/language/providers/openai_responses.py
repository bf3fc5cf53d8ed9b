"""The wire of OpenAI's Responses API, for what chat completions refuse: tools beside an effort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

from offhook.json_document import VendorMessage
from offhook.language.answer import text_of
from offhook.language.event_reader import EventReader
from offhook.language.http_model import ServerSays
from offhook.language.language_model import Finished, Message, ToolCall, ToolDefinition
from offhook.language.tool_calls import ToolCalls
from offhook.language.tool_memory import ToolMemory

MOST_ITEMS: Final = 256
"""In one answer."""

_STATUSES: Final = {"rate_limit_exceeded": 429, "server_error": 500}

Item = dict[str, Any]


class OutputItem(TypedDict, total=False):
    type: str
    id: str
    call_id: str
    name: str
    encrypted_content: str | None
    summary: list[Any]


class ResponseUsage(TypedDict, total=False):
    input_tokens: int
    output_tokens: int


class ResponseFailure(TypedDict, total=False):
    code: str | None
    message: str | None


class ResponseState(TypedDict, total=False):
    usage: ResponseUsage | None
    error: ResponseFailure | None


class ResponsesEvent(TypedDict, total=False):
    """Any event of the stream. What it has besides is of no account."""

    type: str
    delta: str
    output_index: int
    item: OutputItem
    response: ResponseState
    code: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class ResponsesSettings:
    """`max_tokens` None: the model's own. `extra` goes with each request."""

    model: str
    effort: str
    max_tokens: int | None = None
    extra: VendorMessage = field(default_factory=dict)


class ResponsesWire:
    """Of one call: nothing is stored at OpenAI's, so thoughts that came with tool calls go back with them."""

    def __init__(self, settings: ResponsesSettings) -> None:
        self._settings = settings
        self._thoughts: ToolMemory[list[OutputItem]] = ToolMemory()

    def request(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> Item:
        settings = self._settings
        request: Item = {
            "model": settings.model,
            "input": [item for message in messages for item in self._items(message)],
            "reasoning": {"effort": settings.effort},
            "include": ["reasoning.encrypted_content"],
            "store": False,
            "stream": True,
        }
        if settings.max_tokens is not None:
            request["max_output_tokens"] = settings.max_tokens
        if tools:
            request["tools"] = [_tool(tool) for tool in tools]
        return {**request, **settings.extra}

    def reader(self) -> ResponsesReader:
        return ResponsesReader(self._thoughts)

    def _items(self, message: Message) -> list[Item]:
        role, text = message.get("role"), text_of(message.get("content"))
        if role == "tool":
            output = {"type": "function_call_output", "call_id": message.get("tool_call_id"), "output": text}
            return [output]
        calls = message.get("tool_calls") or ()
        items: list[Item] = [{"role": role, "content": text}] if text or not calls else []
        items += [dict(one) for one in self._thoughts.of(str(call["id"]) for call in calls) or ()]
        for call in calls:
            function = call["function"]
            items.append(
                {
                    "type": "function_call",
                    "call_id": call["id"],
                    "name": function["name"],
                    "arguments": function["arguments"],
                }
            )
        return items


class ResponsesReader(EventReader):
    """One answer (an `AnswerReader`). What is thought comes in items of its own."""

    def __init__(self, thoughts: ToolMemory[list[OutputItem]]) -> None:
        super().__init__()
        self._memory = thoughts
        self._thoughts: list[OutputItem] = []
        self._calls = ToolCalls()
        self._items = 0
        self._ended = False
        self._cut = False
        self._usage: ResponseUsage = {}

    @property
    def ended(self) -> bool:
        return self._ended

    def _event(self, event: ResponsesEvent) -> str:
        match event.get("type"):
            case "response.output_text.delta" | "response.refusal.delta":
                self._count(event["delta"])
                return event["delta"]
            case "response.output_item.added":
                self._begin(event["output_index"], event["item"])
            case "response.function_call_arguments.delta":
                self._argue(
                    self._calls.add(
                        {"index": event["output_index"], "function": {"arguments": event["delta"]}}
                    )
                )
            case "response.output_item.done":
                self._keep(event["item"])
            case "response.completed" | "response.incomplete" | "response.failed" as state:
                self._end(state, event["response"])
            case "error":
                _fail(event.get("code"), event.get("message"))
        return ""  # what is under way, what is thought, and what is to come

    def _begin(self, index: int, item: OutputItem) -> None:
        self._items += 1
        if self._items > MOST_ITEMS:
            raise ValueError(f"an answer of more than {MOST_ITEMS} items")
        if item["type"] == "function_call":
            self._calls.add({"index": index, "id": item["call_id"], "function": {"name": item["name"]}})

    def _keep(self, item: OutputItem) -> None:
        written = item.get("encrypted_content")
        if item["type"] != "reasoning" or not written:
            return
        self._think(len(written))
        kept: OutputItem = {"type": "reasoning", "summary": [], "encrypted_content": written}
        if "id" in item:
            kept["id"] = item["id"]
        self._thoughts.append(kept)

    def _end(self, state: str, response: ResponseState) -> None:
        self._ended, self._cut = True, state == "response.incomplete"
        self._usage = response.get("usage") or {}
        if state == "response.failed":
            failure = response.get("error") or {}
            _fail(failure.get("code"), failure.get("message"))

    def rest(self) -> str:
        return ""

    def tool_calls(self) -> list[ToolCall]:
        calls = self._calls.calls()
        for call in calls if self._thoughts else ():
            self._memory.keep(call.id, self._thoughts)
        return calls

    def finished(self) -> Finished:
        if not self._ended:
            raise ValueError("the answer broke off")
        reason = "tool_calls" if self._calls else "length" if self._cut else "stop"
        read, written = self._usage.get("input_tokens"), self._usage.get("output_tokens")
        return Finished(reason, read, written)  # type: ignore[arg-type]


def _fail(code: str | None, message: str | None) -> None:
    raise ServerSays(str(message or code or "an error"), _STATUSES.get(code or ""))


def _tool(tool: ToolDefinition) -> Mapping[str, Any]:
    """Strict by itself in this API: what an owner has not asked for, no schema need be fit for."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        "strict": bool(tool.strict),
    }
