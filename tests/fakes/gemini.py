"""Google's Gemini API, as strict as the original about what it is sent: keys, unknown names, models'
thoughts, functions and their results, signatures. What it answers is said by a `Fake`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.fakes.http_writing import begin_stream, end_stream, write_chunk, write_json
from tests.speech.servers import HttpServer, Request, http_server

KEY = "AIzaFake1234567"
SIGNATURE = "c2lnbmVk"
PATH = re.compile(r"/v1(?:beta)?/(models/[^/:]+):streamGenerateContent\?alt=sse")
TOP = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"}
CONFIG = {"temperature", "topP", "topK", "maxOutputTokens", "thinkingConfig", "stopSequences"}
PART = {"text", "inlineData", "functionCall", "functionResponse", "thought", "thoughtSignature"}

Event = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: str, kind: str, message: str, *details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status, self.kind, self.details = status, kind, list(details)


@dataclass
class Fake:
    """`refusals` come first, one for each request; then `thought`, `text` in words, and `calls` (id or "",
    name, arguments), each whole. `blocked`: why the prompt is refused. `breaks`: after how many events the
    connection ends. `error_after`: an error in mid-stream, as often as `errors` says."""

    text: str = "We are open until five."
    calls: Sequence[tuple[str, str, Mapping[str, Any]]] = ()
    thought: str = ""
    reason: str = "STOP"
    reasons: int = 100
    blocked: str = ""
    refusals: list[Refused] = field(default_factory=list)
    breaks: int | None = None
    error_after: int | None = None
    errors: int = 100
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            self._check(request)
        except Refused as refused:
            self._refuse(writer, refused)
            return
        begin_stream(writer, "text/event-stream")
        for number, event in enumerate(self._events()):
            if number == self.breaks:
                return
            failed = number == self.error_after and self.errors > 0
            if failed:
                self.errors -= 1
                event = {
                    "error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
                }
            data = b"data: " + json.dumps(event).encode() + b"\r\n\r\n"
            write_chunk(writer, data)
            if failed:
                break
        end_stream(writer)

    def _check(self, request: Request) -> None:
        found = PATH.fullmatch(unquote(request.path))
        if found is None:
            raise Refused("404 Not Found", "NOT_FOUND", f"Not found: {request.path}")
        if request.headers.get("x-goog-api-key") != KEY:
            detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            message = "API key not valid. Please pass a valid API key."
            raise Refused("400 Bad Request", "INVALID_ARGUMENT", message, detail)
        model = found[1].removeprefix("models/")
        self.models.append(model)
        self.asked.append(request.body)
        if self.refusals:
            raise self.refusals.pop(0)
        if model == "gemini-gone":
            raise Refused(
                "404 Not Found", "NOT_FOUND", "models/gemini-gone is not found for API version v1beta."
            )
        for problem in _problems(model, request.body):
            raise Refused("400 Bad Request", "INVALID_ARGUMENT", problem)

    def _events(self) -> Iterator[Event]:
        if self.blocked:
            yield {"promptFeedback": {"blockReason": self.blocked}, "usageMetadata": {"promptTokenCount": 12}}
            return
        if self.thought:
            yield _event([{"text": self.thought, "thought": True}])
        for word in re.findall(r"\S+\s*", self.text):
            yield _event([{"text": word}])
        parts = []
        for number, (call_id, name, arguments) in enumerate(self.calls):
            call = {"name": name, "args": arguments, **({"id": call_id} if call_id else {})}
            parts.append({"functionCall": call, **({} if number else {"thoughtSignature": SIGNATURE})})
        reason, self.reasons = self.reason if self.reasons > 0 else "STOP", self.reasons - 1
        usage = {
            "promptTokenCount": 12,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2,
            "totalTokenCount": 19,
        }
        yield {**_event(parts or [{"text": ""}], reason), "usageMetadata": usage}

    @staticmethod
    def _refuse(writer: asyncio.StreamWriter, refused: Refused) -> None:
        error = {
            "code": int(refused.status[:3]),
            "message": str(refused),
            "status": refused.kind,
            "details": refused.details,
        }
        write_json(writer, refused.status, {"error": error})


def _event(parts: list[dict[str, Any]], reason: str | None = None) -> Event:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": "gemini", "responseId": "r1"}


def _unknown(given: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    for name in given.keys() - known:
        yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'


def _problems(model: str, body: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(body, TOP)
    config = body.get("generationConfig") or {}
    yield from _unknown(config, CONFIG)
    thinking = config.get("thinkingConfig")
    if thinking is not None:
        if re.match(r"gemini-[12]\.[0-4]", model):
            yield "Unable to submit request because Thinking is not supported by this model."
        if "thinkingLevel" in thinking and not re.match(r"gemini-[3-9]", model):
            yield "Thinking level is not supported for this model."
        if thinking.get("thinkingBudget", thinking.get("thinking_budget")) == 0 and re.match(
            r"gemini-(2\.5-pro|[3-9])", model
        ):
            yield "Budget 0 is invalid. This model only works in thinking mode."
    for tool in body.get("tools") or ():
        for function in tool["functionDeclarations"]:
            if not re.fullmatch(r"[a-zA-Z_][\w.:-]{0,63}", function["name"]):
                yield "Invalid function name."
    yield from _problems_of_contents(model, body)


def _problems_of_contents(model: str, body: Mapping[str, Any]) -> Iterator[str]:
    contents = body.get("contents") or []
    if not contents:
        yield "* GenerateContentRequest.contents: contents is not specified"
    owed = 0
    for content in [*contents, body.get("systemInstruction") or {"parts": [{"text": "."}]}]:
        if not content.get("parts"):
            yield "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty."
        for part in content["parts"]:
            yield from _unknown(part, PART)
            if not any(part.get(name) for name in PART - {"thought", "thoughtSignature"}):
                yield "required oneof field 'data' must have one initialized field"
    for content in contents:
        calls = [part for part in content["parts"] if "functionCall" in part]
        answers = sum("functionResponse" in part for part in content["parts"])
        if owed != answers:
            yield (
                "Please ensure that the number of function response parts is equal to the number of function "
                "call parts of the function call turn."
            )
        owed = len(calls)
        signed = calls and calls[0].get("thoughtSignature") in (SIGNATURE, "skip_thought_signature_validator")
        if calls and not signed and re.match(r"gemini-[3-9]", model):
            yield "Function call is missing a thought_signature in functionCall parts."
    if contents and contents[-1].get("role") == "model":
        yield "Please ensure that single turn requests end with a user role."


def too_many(seconds: float | None = None) -> Refused:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
    message = "You exceeded your current quota."
    return Refused(
        "429 Too Many Requests", "RESOURCE_EXHAUSTED", message, *([] if seconds is None else [retry])
    )


def forbidden() -> Refused:
    return Refused("403 Forbidden", "PERMISSION_DENIED", "The caller does not have permission")


def broken() -> Refused:
    return Refused("500 Internal Server Error", "INTERNAL", "An internal error has occurred.")


def overloaded() -> Refused:
    return Refused("503 Service Unavailable", "UNAVAILABLE", "The model is overloaded.")


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[HttpServer]:
    async with http_server(fake.reply) as server:
        yield server
