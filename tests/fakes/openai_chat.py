"""OpenAI's chat completions, as strict as the original about what it is sent: keys, models' parameters, the
order of tool messages. What it answers is said by a `Script`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.http_writing import begin_stream, end_stream, write_chunk, write_json
from tests.speech.servers import HttpServer, Request, http_server

KEY = "sk-fake-1234"
AZURE = re.compile(r"/openai/deployments/[\w.-]+/chat/completions\?api-version=[\w-]+")
REASONING = re.compile(r"o\d|gpt-[5-9](?!.*chat)")
EFFORT_WITHOUT_TOOLS = re.compile(r"gpt-5\.[246]")
KNOWN = {
    "model", "messages", "stream", "stream_options", "temperature", "max_tokens", "max_completion_tokens",
    "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "service_tier", "prompt_cache_key",
    "prompt_cache_retention",
}  # fmt: skip


class Refused(Exception):
    def __init__(self, status: str, kind: str, code: str | None, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.headers = status, kind, code, headers


@dataclass
class Fake:
    """`refusals` come first, one for each request; then `text` in words, and `calls` (id, name, arguments) in
    fragments. `breaks`: after how many events the connection ends. `error_after`: an error in mid-stream."""

    text: str = "We are open until five."
    calls: Sequence[tuple[str, str, str]] = ()
    thought: str = ""
    refusals: list[Refused] = field(default_factory=list)
    breaks: int | None = None
    error_after: int | None = None
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            body = self._checked(request)
        except Refused as refused:
            error = {"message": str(refused), "type": refused.kind, "param": None, "code": refused.code}
            write_json(writer, refused.status, {"error": error}, **refused.headers)
            return
        begin_stream(writer)
        for number, event in enumerate(self._events(body)):
            if number == self.breaks:
                return
            if number == self.error_after:
                event = {
                    "error": {"message": "The server had an error.", "type": "server_error", "code": None}
                }
            data = b"data: " + json.dumps(event).encode() + b"\n\n"
            write_chunk(writer, data)
            if number == self.error_after:
                break
        write_chunk(writer, b"data: [DONE]\n\n")
        end_stream(writer)

    def _checked(self, request: Request) -> Mapping[str, Any]:
        at_azure = AZURE.fullmatch(request.path) is not None
        if request.path != "/v1/chat/completions" and not at_azure:
            raise Refused("404 Not Found", "invalid_request_error", None, f"Invalid URL ({request.path})")
        if {"api-key", "authorization"} <= request.headers.keys():
            words = "Either API-KEY or Authorization header must be provided but not both."
            raise Refused("400 Bad Request", "invalid_request_error", None, words)
        given = request.headers.get("api-key" if at_azure else "authorization", "")
        if given.removeprefix("Bearer ") != KEY:
            raise Refused(
                "401 Unauthorized", "invalid_request_error", "invalid_api_key", "Incorrect API key provided."
            )
        body: dict[str, Any] = request.body
        self.asked.append(body)
        if self.refusals:
            raise self.refusals.pop(0)
        if body["model"] == "gpt-gone":
            raise Refused(
                "404 Not Found",
                "invalid_request_error",
                "model_not_found",
                "The model `gpt-gone` does not exist or you do not have access to it.",
            )
        for problem in _problems(body):
            raise Refused("400 Bad Request", "invalid_request_error", "unsupported_parameter", problem)
        return body

    def _events(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        if self.thought:
            deltas += [{"reasoning_content": self.thought}]
        deltas += [{"content": word} for word in re.findall(r"\S+\s*", self.text)]
        for index, (call_id, name, arguments) in enumerate(self.calls):
            function = {"name": name, "arguments": ""}
            call = {"index": index, "id": call_id, "type": "function", "function": function}
            deltas.append({"tool_calls": [call]})
            for start in range(0, len(arguments), 5):
                piece = {"index": index, "function": {"arguments": arguments[start : start + 5]}}
                deltas.append({"tool_calls": [piece]})
        events = [_chunk(body, [{"index": 0, "delta": one, "finish_reason": None}]) for one in deltas]
        reason = "tool_calls" if self.calls else "stop"
        events.append(_chunk(body, [{"index": 0, "delta": {}, "finish_reason": reason}]))
        if (body.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}
            events.append({**_chunk(body, []), "usage": usage})
        return events


def _chunk(body: Mapping[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": body["model"],
        "system_fingerprint": None,
        "choices": choices,
    }


def _problems(body: Mapping[str, Any]) -> list[str]:
    found = [f"Unrecognized request argument supplied: {name}" for name in body.keys() - KNOWN]
    effort = body.get("reasoning_effort")
    if REASONING.match(body["model"]):
        if "max_tokens" in body:
            found.append("Unsupported parameter: 'max_tokens' is not supported with this model.")
        if body.get("temperature", 1) != 1 and effort != "none":
            found.append("Unsupported value: 'temperature' does not support 0.5 with this model.")
    elif effort is not None:
        found.append("Unrecognized request argument supplied: reasoning_effort")
    if EFFORT_WITHOUT_TOOLS.match(body["model"]) and body.get("tools") and effort not in (None, "none"):
        found.append("Function tools with reasoning_effort are not supported in /v1/chat/completions.")
    names = [tool["function"]["name"] for tool in body.get("tools") or ()]
    found += [f"Invalid function name: {one}" for one in names if not re.fullmatch(r"[\w-]{1,64}", one)]
    return found + _problems_of_messages(body["messages"])


def _problems_of_messages(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    owed: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in owed:
                return [
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                ]
            owed.remove(message["tool_call_id"])
        elif owed:
            return ["An assistant message with 'tool_calls' must be followed by tool messages."]
        owed |= {call["id"] for call in message.get("tool_calls") or ()}
    return ["An assistant message with 'tool_calls' must be followed by tool messages."] if owed else []


def too_many(**headers: str) -> Refused:
    return Refused(
        "429 Too Many Requests", "requests", "rate_limit_exceeded", "Rate limit reached.", **headers
    )


def spent() -> Refused:
    return Refused(
        "429 Too Many Requests",
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        Retry_After="0.1",
    )


def broken() -> Refused:
    return Refused("500 Internal Server Error", "server_error", None, "The server had an error.")


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[HttpServer]:
    async with http_server(fake.reply) as server:
        yield server
