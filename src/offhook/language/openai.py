"""Any server that speaks OpenAI's chat API: provider `openai` at the address of the settings, `custom-llm` at
the address that the assistant names (wire-facts §5.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2

from offhook.language.answer import Answer, ServerSays
from offhook.language.base import Message, ModelError, Reply, Text, ToolDefinition
from offhook.language.event_stream import EventStream
from offhook.network import words_of
from offhook.network.guard import AddressRefused
from offhook.schema.ended_reason import PipelineFailure

CHUNK_TIMEOUT = 15.0
"""Seconds between two pieces of one reply."""
LAST_TIMEOUT = 1.0
"""Seconds for what may follow the model's reason to stop: the count of tokens, and the end itself."""
REPLY_TIMEOUT = 300.0
"""Seconds for the whole of one reply."""
DRAIN_SECONDS = 0.05

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
_LONGEST_EXPLANATION = 2048
"""Bytes that are read of a refusal."""
_AT_A_TIME = 16
"""Pieces of an answer, of at most _SLICE bytes, that are taken before the rest of the node has its turn."""
_SLICE = 4096
_IDENTITY = ("", "identity")

_FAILURES = (
    ServerSays,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    AddressRefused,
    OSError,
    ValueError,
    TypeError,
)


class _Refused(Exception):
    """The server answered with a status that is no success."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"HTTP {status}: {words}")
        self.status = status


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
    custom-llm. Raises httpx2.InvalidURL."""

    def __init__(
        self, server: ChatServer, http: httpx2.AsyncClient, body: Callable[[], Mapping[str, Any]] = dict
    ) -> None:
        self.provider = server.provider
        self.name = server.model
        self._server = server
        self._body = body
        self._http = http
        self._url = _endpoint(server.base_url)
        self._headers = httpx2.Headers(
            {
                "Authorization": f"Bearer {server.api_key or 'none'}",
                "Accept": "text/event-stream, application/json",
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",
            }
        )
        self._headers.update(dict(server.headers))

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
        except _Refused as error:
            raise self._error(str(error), SUFFIXES.get(error.status, "llm-failed")) from None
        except (TimeoutError, httpx2.TimeoutException):
            raise self._error("the server took too long") from None
        except _FAILURES as error:
            raise self._error(words_of(error)) from None

    async def _stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncGenerator[Reply, None]:
        loop = asyncio.get_running_loop()
        # A lone surrogate, which JSON can name and UTF-8 cannot, stays as JSON has it.
        content = json.dumps(
            self._request(messages, tools), ensure_ascii=False, separators=(",", ":"), default=str
        ).encode("utf-8", "backslashreplace")
        request = self._http.build_request(
            "POST", self._url, content=content, headers=self._headers, timeout=self._server.timeout
        )
        latest = loop.time() + REPLY_TIMEOUT
        # Another try would be another wait for a caller who hears nothing; the apology is better.
        async with asyncio.timeout(self._server.timeout):
            response = await self._http.send(request, stream=True)
        answer, limit, taken = Answer(), self._server.timeout, 0
        try:
            await self._check(response)
            stream, chunks = EventStream(), response.aiter_bytes()
            while not stream.done:
                try:
                    async with asyncio.timeout_at(min(loop.time() + limit, latest)):
                        chunk = await anext(chunks, None)
                except (TimeoutError, httpx2.TimeoutException):
                    if answer.ended:
                        break  # all has been said, and the connection is left open
                    raise
                for part in _slices(chunk):
                    for piece in stream.end() if part is None else stream.feed(part):
                        if text := answer.add(piece):
                            yield Text(text)
                            limit = CHUNK_TIMEOUT
                    taken += 1
                    if taken % _AT_A_TIME == 0 or chunk is not part:
                        await asyncio.sleep(0)
                if chunk is None:
                    break
                if answer.ended:
                    limit = LAST_TIMEOUT
            if text := answer.rest():
                yield Text(text)
            for call in answer.tool_calls():
                yield call
            yield answer.finished()
            await _drain(chunks)
        finally:
            await response.aclose()

    async def _check(self, response: httpx2.Response) -> None:
        """Raises _Refused, and ValueError for an answer in a form that was not asked for."""
        if not response.is_success:
            raise _Refused(response.status_code, await self._explanation(response))
        if response.headers.get("content-encoding", "").strip().lower() not in _IDENTITY:
            raise ValueError("a compressed answer, which was not asked for")

    async def _explanation(self, response: httpx2.Response) -> str:
        """What a server says about its refusal, if it does so soon."""
        body = b""
        try:
            async with asyncio.timeout(self._server.timeout):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _LONGEST_EXPLANATION:
                        break
        except (TimeoutError, httpx2.HTTPError):
            pass
        text = body[:_LONGEST_EXPLANATION].decode("utf-8", "replace")
        try:
            error = json.loads(text)["error"]
            text = error["message"] if isinstance(error, dict) else error
        except (ValueError, LookupError, TypeError, RecursionError):
            pass
        return _line(str(text))

    def _request(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._server.model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            self._server.limit: self._server.max_tokens,
        }
        if self._server.temperature is not None:
            request["temperature"] = self._server.temperature
        if tools:
            request["tools"] = [_tool(tool) for tool in tools]
        return {**request, **self._server.extra, **self._body()}

    def _error(self, detail: str, suffix: PipelineFailure = "llm-failed") -> ModelError:
        return ModelError(self.provider, detail, suffix)


def _slices(chunk: bytes | None) -> Sequence[bytes | None]:
    if chunk is None or len(chunk) <= _SLICE:
        return (chunk,)
    return [chunk[at : at + _SLICE] for at in range(0, len(chunk), _SLICE)]


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read to the end, if that is near: the connection can be used again then."""
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(DRAIN_SECONDS):
            for _ in range(_AT_A_TIME):
                if await anext(chunks, None) is None:
                    return


def _endpoint(base: str) -> httpx2.URL:
    """Raises httpx2.InvalidURL. A query in the address stays behind the path."""
    url = httpx2.URL(base)
    path = url.path.rstrip("/").removesuffix(_PATH).rstrip("/")
    return url.copy_with(path=path + _PATH)


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:300])
