"""Anthropic's Messages API, as strict as the original about what it is sent: keys, versions, models'
parameters, whose turn it is, tools and their results, signatures of thoughts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.http_writing import begin_stream, end_stream, write_chunk, write_json
from tests.speech.servers import HttpServer, Request, http_server

KEY = "sk-ant-fake-1234"
SIGNATURE = "c2lnbmVk"
NEWER = re.compile(r"claude-(?:opus-4-[7-9]|(?:opus|sonnet|haiku)-[5-9]|fable|mythos)")
KNOWN = {
    "model", "max_tokens", "messages", "system", "tools", "tool_choice", "temperature", "thinking", "stream",
    "stop_sequences", "metadata", "top_p", "top_k", "service_tier",
}  # fmt: skip

Event = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: str, kind: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.headers = status, kind, headers


@dataclass
class Fake:
    """`refusals` come first, one for each request; then `thought`, `text` in words, and `calls` (id, name,
    arguments) in fragments. `breaks`: after how many events the connection ends. `error_after`: an error in
    mid-stream, of the type `error`, as often as `errors` says."""

    text: str = "We are open until five."
    calls: Sequence[tuple[str, str, str]] = ()
    thought: str = ""
    reason: str = ""
    refusals: list[Refused] = field(default_factory=list)
    breaks: int | None = None
    error_after: int | None = None
    error: str = "overloaded_error"
    errors: int = 100
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            body = self._checked(request)
        except Refused as refused:
            self._refuse(writer, refused)
            return
        begin_stream(writer)
        for number, event in enumerate(self._events(body)):
            if number == self.breaks:
                return
            if number == self.error_after and self.errors:
                self.errors -= 1
                event = {"type": "error", "error": {"type": self.error, "message": "Overloaded"}}
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            write_chunk(writer, data)
            if event["type"] == "error":
                break
        end_stream(writer)

    def _checked(self, request: Request) -> Mapping[str, Any]:
        if request.path != "/v1/messages":
            raise Refused("404 Not Found", "not_found_error", "Not found")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.headers.get("x-api-key", bearer) != KEY:
            raise Refused("401 Unauthorized", "authentication_error", "invalid x-api-key")
        version = request.headers.get("anthropic-version", "")
        if version not in ("2023-06-01", "2026-10-21"):
            raise Refused("400 Bad Request", "invalid_request_error", "anthropic-version: header is required")
        body: dict[str, Any] = request.body
        self.asked.append(body)
        if self.refusals:
            raise self.refusals.pop(0)
        if body.get("model") == "claude-gone":
            raise Refused("404 Not Found", "not_found_error", "model: claude-gone")
        for problem in _problems(body, version):
            raise Refused("400 Bad Request", "invalid_request_error", problem)
        return body

    def _events(self, body: Mapping[str, Any]) -> Iterator[Event]:
        usage = {"input_tokens": 5, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 3}
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1},
        }  # fmt: skip
        yield {"type": "message_start", "message": message}
        for index, block in enumerate(self._blocks()):
            begun, deltas = block
            yield {"type": "content_block_start", "index": index, "content_block": begun}
            if not index:
                yield {"type": "ping"}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        reason = self.reason or ("tool_use" if self.calls else "end_turn")
        delta = {"stop_reason": reason, "stop_sequence": None}
        yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}
        yield {"type": "message_stop"}

    def _blocks(self) -> Iterator[tuple[Event, list[Event]]]:
        if self.thought:
            deltas = [
                {"type": "thinking_delta", "thinking": word} for word in re.findall(r"\S+\s*", self.thought)
            ]
            deltas.append({"type": "signature_delta", "signature": SIGNATURE})
            yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
        if self.text:
            words = [{"type": "text_delta", "text": word} for word in re.findall(r"\S+\s*", self.text)]
            yield {"type": "text", "text": ""}, words
        for call_id, name, arguments in self.calls:
            pieces = ["", *(arguments[at : at + 5] for at in range(0, len(arguments), 5))]
            yield (
                {"type": "tool_use", "id": call_id, "name": name, "input": {}},
                [{"type": "input_json_delta", "partial_json": piece} for piece in pieces],
            )

    @staticmethod
    def _refuse(writer: asyncio.StreamWriter, refused: Refused) -> None:
        error = {"type": refused.kind, "message": str(refused)}
        body = {"type": "error", "error": error, "request_id": "req_1"}
        write_json(writer, refused.status, body, **refused.headers)


def _problems(body: Mapping[str, Any], version: str) -> Iterator[str]:
    yield from (f"{name}: Extra inputs are not permitted" for name in body.keys() - KNOWN)
    yield from (f"{name}: Field required" for name in ("model", "max_tokens", "messages") if name not in body)
    newer, thinking = NEWER.match(body["model"]), body.get("thinking") or {}
    if "temperature" in body:
        if newer or version != "2023-06-01":
            yield "`temperature` is deprecated for this model."
        if not 0 <= body["temperature"] <= 1:
            yield "temperature: Input should be less than or equal to 1"
        if thinking and body["temperature"] != 1:
            yield "`temperature` may only be set to 1 when thinking is enabled."
    if thinking.get("type") == "enabled":
        if newer:
            yield '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".'
        if not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
            yield "`max_tokens` must be greater than `thinking.budget_tokens`."
    if thinking.get("type") == "adaptive" and not newer:
        yield "adaptive thinking is not supported on this model"
    if "system" in body:
        yield from _problems_of_texts(body["system"])
    for tool in body.get("tools") or ():
        if tool["input_schema"].get("type") != "object":
            yield "tools.0.custom.input_schema.type: Field required"
        if not re.fullmatch(r"[\w-]{1,128}", tool["name"]):
            yield "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"
    if json.dumps(body).count('"cache_control"') > 4:
        yield "A maximum of 4 blocks with cache_control may be provided."
    yield from _problems_of_messages(body, thinking)


def _problems_of_texts(blocks: Any) -> Iterator[str]:
    for block in [] if isinstance(blocks, str) else blocks:
        if block["type"] == "text" and not block["text"].strip():
            yield "messages: text content blocks must contain non-whitespace text"


def _problems_of_messages(body: Mapping[str, Any], thinking: Mapping[str, Any]) -> Iterator[str]:
    messages = body["messages"]
    if not messages or messages[0]["role"] != "user":
        yield 'messages: first message must use the "user" role'
    if messages and messages[-1]["role"] != "user":
        yield "This model does not support assistant message prefill."
    owed: set[str] = set()
    for message in messages:
        blocks = [] if isinstance(message["content"], str) else message["content"]
        yield from _problems_of_texts(blocks)
        if not message["content"]:
            yield "messages: content must not be empty"
        answered = {one["tool_use_id"] for one in blocks if one["type"] == "tool_result"}
        if owed != answered:
            yield "messages: `tool_use` ids were found without `tool_result` blocks immediately after"
        owed = {one["id"] for one in blocks if one["type"] == "tool_use"}
        yield from (f"tool_use.id: {one}" for one in owed if not re.fullmatch(r"[a-zA-Z0-9_-]+", one))
        if any(one["type"] == "thinking" and one["signature"] != SIGNATURE for one in blocks):
            yield "messages: Invalid `signature` in `thinking` block"
        if (owed or answered) and not body.get("tools"):
            yield "Requests which include `tool_use` or `tool_result` blocks must define tools"
    last: Any = next((one["content"] for one in reversed(messages) if one["role"] == "assistant"), ())
    ends = messages[-1]["content"] if messages else []
    continued = any(one["type"] == "tool_result" for one in ([] if isinstance(ends, str) else ends))
    if thinking.get("type") == "enabled" and continued and last[0]["type"] != "thinking":
        yield "Expected `thinking` or `redacted_thinking`, but found `tool_use`."


def too_many(**headers: str) -> Refused:
    return Refused(
        "429 Too Many Requests", "rate_limit_error", "This request would exceed your rate limit.", **headers
    )


def spent() -> Refused:
    return Refused(
        "400 Bad Request", "invalid_request_error", "Your credit balance is too low to access the API."
    )


def broken() -> Refused:
    return Refused("500 Internal Server Error", "api_error", "Internal server error")


def overloaded() -> Refused:
    return Refused("529 Overloaded", "overloaded_error", "Overloaded")


def forbidden() -> Refused:
    return Refused("403 Forbidden", "permission_error", "Your API key does not have permission.")


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[HttpServer]:
    async with http_server(fake.reply) as server:
        yield server
