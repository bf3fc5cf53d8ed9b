"""Any server that speaks OpenAI's chat API: provider `openai` at the address of the settings, `custom-llm` at
the address that the assistant names (wire-facts §5.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, cast

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk

from offhook.language.base import Finished, Message, ModelError, Reply, Text, ToolCall, ToolDefinition
from offhook.network.guard import AddressRefused
from offhook.schema.ended_reason import PipelineFailure

CHUNK_TIMEOUT = 15.0
"""Seconds between two pieces of one reply."""

LONGEST_REPLY = 100_000
"""Characters of text and tool arguments together."""

MOST_TOOL_CALLS = 32
NOT_AN_OBJECT = "The arguments were not a JSON object. Call it again with one."

SUFFIXES: dict[int, PipelineFailure] = {
    400: "400-bad-request-validation-failed",
    401: "401-unauthorized",
    403: "403-model-access-denied",
    422: "400-bad-request-validation-failed",
    429: "429-exceeded-quota",
    500: "500-server-error",
    502: "500-server-error",
    503: "503-server-overloaded-error",
    504: "503-server-overloaded-error",
    529: "503-server-overloaded-error",
}

_PATH = "/chat/completions"
_REASONS: Mapping[str, Literal["stop", "tool_calls", "length"]] = {
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
}

_FAILURES = (
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    AddressRefused,
    OSError,
    ValueError,
    TypeError,
)


@dataclass(frozen=True, slots=True)
class ChatServer:
    """Where a model is and how it is asked. `timeout`: seconds until the first piece of a reply.
    `temperature` None: the model's own. `limit`: what the server calls the most tokens of a reply."""

    provider: str
    model: str
    base_url: str
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 20.0
    temperature: float | None = 0.5
    max_tokens: int = 250
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: Mapping[str, Any] = field(default_factory=dict)


def base_url(url: str) -> str:
    """The address before `/chat/completions`, which people often write with it."""
    return url.rstrip("/").removesuffix(_PATH).rstrip("/")


class OpenAiModel:
    """`body` gives what the request carries beside the chat itself: the call and its metadata for
    custom-llm."""

    def __init__(
        self, server: ChatServer, http: httpx2.AsyncClient, body: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        self.provider = server.provider
        self.name = server.model
        self._server = server
        self._body = body
        self._client = openai.AsyncOpenAI(
            base_url=server.base_url,
            api_key=server.api_key or "none",
            default_headers=dict(server.headers),
            http_client=http,
            # Another try is another wait for a caller who hears nothing; the apology is better.
            max_retries=0,
            timeout=httpx2.Timeout(server.timeout),
        )

    async def start(self) -> None:
        """Nothing to do: each reply is a request of its own."""

    async def close(self) -> None:
        """Nothing to give back: the HTTP client belongs to the node, a reply ends with its iterator."""

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        try:
            async with aclosing(self._stream(messages, tools)) as replies:
                async for reply in replies:
                    yield reply
        except openai.APIStatusError as error:
            suffix = SUFFIXES.get(error.status_code, "llm-failed")
            raise self._error(f"HTTP {error.status_code}: {_line(error.message)}", suffix) from None
        except (TimeoutError, openai.APITimeoutError):
            raise self._error("the server took too long") from None
        except _FAILURES as error:
            cause = error.__cause__ or error
            raise self._error(f"{type(cause).__name__}: {_line(str(cause))}") from None

    async def _stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncGenerator[Reply, None]:
        async with asyncio.timeout(self._server.timeout):
            stream = await self._client.chat.completions.create(**self._request(messages, tools))
        pieces = _Pieces()
        try:
            chunks = aiter(stream)
            limit = self._server.timeout
            while True:
                async with asyncio.timeout(limit):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if text := pieces.add(chunk):
                    yield Text(text)
                    limit = CHUNK_TIMEOUT
        finally:
            await stream.close()
        for call in pieces.tool_calls():
            yield call
        yield pieces.finished()

    def _request(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._server.model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            self._server.limit: self._server.max_tokens,
            "extra_body": {**self._server.extra, **self._body()},
        }
        if self._server.temperature is not None:
            request["temperature"] = self._server.temperature
        if tools:
            request["tools"] = [_tool(tool) for tool in tools]
        return request

    def _error(self, detail: str, suffix: PipelineFailure = "llm-failed") -> ModelError:
        return ModelError(self.provider, detail, suffix)


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:300])


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class _Pieces:
    """What a stream has brought so far. Raises ValueError for a reply that is longer than allowed, for a tool
    call without a name, and for a stream that ends before anything has come."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._length = 0
        self._reason: str | None = None
        self._tokens: tuple[int | None, int | None] = (None, None)
        self._any = False

    def add(self, chunk: ChatCompletionChunk) -> str:
        """Text to say, often empty."""
        try:
            return self._add(chunk)
        except (AttributeError, TypeError, LookupError) as error:
            # The SDK checks nothing: whatever JSON came is in the chunk.
            raise ValueError(f"a piece of another form: {error}") from None

    def _add(self, chunk: ChatCompletionChunk) -> str:
        usage = chunk.usage
        if usage is not None:
            self._tokens = (_count(usage.prompt_tokens), _count(usage.completion_tokens))
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._any = True
        self._reason = choice.finish_reason or self._reason
        delta = cast(Any, choice.delta)
        if delta is None:
            return ""
        for part in delta.tool_calls or ():
            self._add_call(part)
        text = delta.content if isinstance(delta.content, str) else ""
        self._grow(len(text))
        return text

    def _add_call(self, part: Any) -> None:
        # Some servers number no calls: a piece with an id of its own begins a new one.
        index = part.index if isinstance(part.index, int) else len(self._calls) - (0 if part.id else 1)
        if index not in self._calls and len(self._calls) >= MOST_TOOL_CALLS:
            raise ValueError("too many tool calls")
        call = self._calls.setdefault(index, _Call())
        call.id = call.id or str(part.id or "")
        if part.function is not None:
            call.name = call.name or str(part.function.name or "")
            arguments = part.function.arguments
            if isinstance(arguments, Mapping):  # Ollama has sent them parsed
                arguments = json.dumps(arguments)
            call.arguments += arguments or ""
            self._grow(len(arguments or ""))

    def _grow(self, by: int) -> None:
        self._length += by
        if self._length > LONGEST_REPLY:
            raise ValueError(f"a reply of more than {LONGEST_REPLY} characters")

    def tool_calls(self) -> list[ToolCall]:
        calls = []
        for number, call in enumerate(self._calls[index] for index in sorted(self._calls)):
            if not call.name:
                raise ValueError("a tool call without a name")
            calls.append(_parsed(call.id or f"call_{number}", call.name, call.arguments))
        return calls

    def finished(self) -> Finished:
        if not self._any:
            raise ValueError("an empty reply")
        reason = "tool_calls" if self._calls else _REASONS.get(self._reason or "", "stop")
        return Finished(reason, *self._tokens)


def _parsed(call_id: str, name: str, text: str) -> ToolCall:
    """Models get JSON wrong, or run out of tokens in the middle of it: they may try again."""
    try:
        arguments = json.loads(text, parse_constant=_refuse) if text.strip() else {}
    except (ValueError, RecursionError):
        arguments = None
    if isinstance(arguments, dict):
        return ToolCall(call_id, name, arguments)
    return ToolCall(call_id, name, {}, problem=NOT_AN_OBJECT)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _count(tokens: object) -> int | None:
    return tokens if isinstance(tokens, int) else None
