"""OpenAI's Responses API, as strict as the original about what it is sent: keys, names, calls and their
outputs, thoughts that belong to calls. What it answers is said by a `Fake`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.http_writing import begin_stream, end_stream, write_chunk, write_json
from tests.fakes.openai_chat import KEY, Refused
from tests.speech.servers import HttpServer, Request, http_server

ENCRYPTED = "gAAAAencrypted"
KNOWN = {
    "model", "input", "instructions", "reasoning", "include", "store", "stream", "max_output_tokens", "tools",
    "tool_choice", "prompt_cache_key", "prompt_cache_retention", "service_tier", "parallel_tool_calls",
}  # fmt: skip

Event = dict[str, Any]


@dataclass
class Fake:
    """`refusals` come first; then `text` in words and `calls` (id, name, arguments). `failed`: the code of an
    error in place of the end."""

    text: str = "We are open until five."
    calls: Sequence[tuple[str, str, str]] = ()
    state: str = "completed"
    failed: str = ""
    refusals: list[Refused] = field(default_factory=list)
    breaks: int | None = None
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            body = self._checked(request)
        except Refused as refused:
            error = {"message": str(refused), "type": refused.kind, "param": None, "code": refused.code}
            write_json(writer, refused.status, {"error": error})
            return
        begin_stream(writer)
        for number, event in enumerate(self._events(body)):
            if number == self.breaks:
                return
            whole = {**event, "sequence_number": number}
            data = f"event: {event['type']}\ndata: {json.dumps(whole)}\n\n".encode()
            write_chunk(writer, data)
        end_stream(writer)

    def _checked(self, request: Request) -> Mapping[str, Any]:
        if request.path != "/v1/responses":
            raise Refused("404 Not Found", "invalid_request_error", None, f"Invalid URL ({request.path})")
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise Refused(
                "401 Unauthorized", "invalid_request_error", "invalid_api_key", "Incorrect API key."
            )
        body: dict[str, Any] = request.body
        self.asked.append(body)
        if self.refusals:
            raise self.refusals.pop(0)
        for problem in _problems(body):
            raise Refused("400 Bad Request", "invalid_request_error", None, problem)
        return body

    def _events(self, body: Mapping[str, Any]) -> Iterator[Event]:
        yield {"type": "response.created", "response": _response(body, "in_progress")}
        thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ENCRYPTED}
        yield {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**thought, "status": "in_progress"},
        }
        yield {"type": "response.output_item.done", "output_index": 0, "item": thought}
        if self.text:
            yield from self._spoken()
        for at, (call_id, name, arguments) in enumerate(self.calls, 2):
            item = {
                "type": "function_call",
                "id": f"fc_{at}",
                "call_id": call_id,
                "name": name,
                "arguments": "",
            }
            yield {"type": "response.output_item.added", "output_index": at, "item": item}
            piece = {
                "type": "response.function_call_arguments.delta",
                "item_id": f"fc_{at}",
                "output_index": at,
            }
            for start in range(0, len(arguments), 5):
                yield {**piece, "delta": arguments[start : start + 5]}
            done = {**item, "arguments": arguments, "status": "completed"}
            yield {"type": "response.output_item.done", "output_index": at, "item": done}
        if self.failed:
            error = {"code": self.failed, "message": "The server had an error."}
            yield {"type": "response.failed", "response": {**_response(body, "failed"), "error": error}}
            return
        yield {"type": f"response.{self.state}", "response": _response(body, self.state)}

    def _spoken(self) -> Iterator[Event]:
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", "output_index": 1, "item": item}
        where = {"item_id": "msg_1", "output_index": 1, "content_index": 0, "logprobs": []}
        for word in re.findall(r"\S+\s*", self.text):
            yield {"type": "response.output_text.delta", **where, "delta": word}
        yield {"type": "response.output_text.done", **where, "text": self.text}
        yield {
            "type": "response.output_item.done",
            "output_index": 1,
            "item": {**item, "status": "completed"},
        }


def _response(body: Mapping[str, Any], status: str) -> Event:
    usage = {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 19,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None if status == "in_progress" else usage,
    }


def _problems(body: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"Unknown parameter: '{name}'." for name in body.keys() - KNOWN)
    for tool in body.get("tools") or ():
        if "function" in tool or "name" not in tool:
            yield "Missing required parameter: 'tools[0].name'."
    called: set[str] = set()
    answered: set[str] = set()
    before = ""
    for item in body["input"] if isinstance(body["input"], list) else ():
        kind = item.get("type", "message")
        if kind == "function_call":
            called.add(item["call_id"])
        elif kind == "function_call_output":
            answered.add(item["call_id"])
        elif kind == "reasoning" and item.get("encrypted_content") != ENCRYPTED:
            yield "The encrypted content could not be verified."
        if before == "reasoning" and kind != "function_call":
            yield "Item of type 'reasoning' was provided without its required following item."
        before = kind
    if called != answered:
        yield f"No tool output found for function call {sorted(called ^ answered)}."


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[HttpServer]:
    async with http_server(fake.reply) as server:
        yield server
