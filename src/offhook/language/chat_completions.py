"""Any server that speaks OpenAI's chat API: provider `openai` at the address of the settings, `custom-llm` at
the address that the assistant names (vapi-wire §5.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2

from offhook.json_document import VendorMessage
from offhook.language.answer import Answer, ServerSays
from offhook.language.habits import Habit, Habits
from offhook.language.language_model import LanguageModel, Message, ModelError, Reply, Text, ToolDefinition
from offhook.language.response import ResponseBody, drain, explanation, parts
from offhook.network import without, words_of
from offhook.network.guard import AddressRefused
from offhook.network.outside import Outside
from offhook.network.pool import REPEATABLE
from offhook.network.refusal import explained
from offhook.schema.assistants.model import AnyModel
from offhook.schema.calls.ended_reason import PipelineFailure
from offhook.speech.engine_request import EngineNode

CHUNK_TIMEOUT = 15.0
"""Seconds between two pieces of one reply."""
LONGEST_WAIT = 2.0
"""Seconds that a caller is kept waiting for a server that asks to be tried again."""
RETRY_SECONDS = 0.2
"""Before another try where the server does not say when."""

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

_PATH = b"/chat/completions"

_FAILURES = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    AddressRefused,
    OSError,
    ValueError,
    TypeError,
)


class _Refused(Exception):
    """The server answered with a status that is no success. `secrets`: what it was sent, and may quote."""

    def __init__(self, response: httpx2.Response, body: bytes, secrets: Sequence[str]) -> None:
        moved = response.headers.get("location", "") if response.is_redirect else ""
        words = f"it has moved to {moved}, which is not followed" if moved else explained(body)
        super().__init__(f"HTTP {response.status_code}: {_line(without(secrets, words))}")
        self.status = response.status_code
        self.spent = b"insufficient_quota" in body
        """No waiting helps: the owner has to pay."""
        self.wait = None if self.spent else _wait_of(response)


def _wait_of(response: httpx2.Response) -> float | None:
    """Seconds until another try may do, None where none would, or too late."""
    if response.status_code not in (429, 500, 502, 503, 529):
        return None
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(response.headers.get(name, "")) * unit
        except ValueError:
            continue
        return seconds if 0 <= seconds <= LONGEST_WAIT else None
    return None if response.status_code == 429 else RETRY_SECONDS


@dataclass(frozen=True, slots=True)
class ChatServer:
    """Where a model is and how it is asked. `timeout`: seconds until the first piece of a reply.
    `temperature` None: the model's own. `limit`: what the server calls the most tokens of a reply. `extra`
    goes with each request, `with_tools` with those that have tools. `tries`: how often it is asked if it
    refuses for a moment. `rate_limited`: what the API calls it that too much was asked of it."""

    provider: str
    model: str
    base_url: str
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 20.0
    temperature: float | None = 0.5
    max_tokens: int = 250
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: VendorMessage = field(default_factory=dict)
    with_tools: VendorMessage = field(default_factory=dict)
    tries: int = 1
    rate_limited: PipelineFailure = "429-exceeded-quota"

    @property
    def secrets(self) -> Sequence[str]:
        """What is sent there and told nobody else."""
        return (self.api_key, *self.headers.values())


class ChatModel:
    """`body` gives what the request carries beside the chat itself: the call and its metadata for
    custom-llm. Raises httpx2.InvalidURL."""

    generative = True

    def __init__(
        self,
        server: ChatServer,
        http: httpx2.AsyncClient,
        habit: Habit,
        body: Callable[[], VendorMessage] = dict,
    ) -> None:
        self.provider = server.provider
        self.name = server.model
        self._server = server
        self._habit = habit
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
            suffix = SUFFIXES.get(error.status, "llm-failed")
            if error.status == 429 and not error.spent:
                suffix = self._server.rate_limited
            raise ModelError(self.provider, str(error), suffix, f"HTTP {error.status}") from None
        except ServerSays as error:
            said = _line(without(self._server.secrets, str(error)))
            raise ModelError(self.provider, said, unquoted="it answered with an error") from None
        except (TimeoutError, httpx2.TimeoutException):
            raise ModelError(self.provider, "the server took too long") from None
        except _FAILURES as error:
            raise ModelError(self.provider, without(self._server.secrets, words_of(error))) from None

    async def _stream(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncGenerator[Reply, None]:
        response = await self._answered(self._request(messages, tools))
        try:
            async with aclosing(parts(response)) as body:
                async with aclosing(self._read(ResponseBody(body, self._server.timeout))) as replies:
                    async for reply in replies:
                        yield reply
                await drain(body)
        finally:
            await response.aclose()

    async def _answered(self, body: VendorMessage) -> httpx2.Response:
        """Raises _Refused."""
        for left in reversed(range(self._server.tries)):
            response = await self._send(body)
            if response.is_success:
                break
            try:
                said = await explanation(response, self._server.timeout)
                refused = _Refused(response, said, self._server.secrets)
            finally:
                await response.aclose()
            if not left or refused.wait is None:
                raise refused
            await asyncio.sleep(refused.wait)
        return response

    async def _read(self, body: ResponseBody) -> AsyncGenerator[Reply, None]:
        answer = Answer(self._habit.thinks_first)
        async with aclosing(body.objects()) as pieces:
            async for piece in pieces:
                if text := answer.add(piece):
                    yield Text(text)
                    body.limit = CHUNK_TIMEOUT
                body.complete = answer.ended
        if text := answer.rest():
            yield Text(text)
        self._habit.learn(answer.thought_first)
        for call in answer.tool_calls():
            yield call
        yield answer.finished()

    async def _send(self, body: VendorMessage) -> httpx2.Response:
        # A lone surrogate, which JSON can name and UTF-8 cannot, stays as JSON has it.
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode(
            "utf-8", "backslashreplace"
        )
        request = self._http.build_request(
            "POST",
            self._url,
            content=content,
            headers=self._headers,
            timeout=self._server.timeout,
            extensions={REPEATABLE: True},
        )
        # Another try would be another wait for a caller who hears nothing; the apology is better.
        async with asyncio.timeout(self._server.timeout):
            return await self._http.send(request, stream=True)

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
        more = self._server.with_tools if tools else {}
        return {**request, **self._server.extra, **more, **self._body()}


def chat_model(
    server: ChatServer,
    node: EngineNode,
    body: Callable[[], VendorMessage] = dict,
    outside: Outside | None = None,
) -> LanguageModel:
    """For one call; `outside` None is the way to an owner's server. Raises ModelError for an address or a
    header that cannot be one."""
    habit = node.shared(Habits, Habits).of(server.base_url, server.model)
    try:
        return ChatModel(server, (outside or node.outside).http, habit, body)
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise ModelError(server.provider, without(server.secrets, words_of(error))) from None


def temperature_of(settings: AnyModel) -> float:
    """The API's default where the assistant says nothing (vapi-wire §5.1)."""
    return 0.5 if settings.temperature is None else settings.temperature


def most_tokens_of(settings: AnyModel) -> int:
    return 250 if settings.max_tokens is None else int(settings.max_tokens)


def _endpoint(base: str) -> httpx2.URL:
    """`base` is the address before `/chat/completions`, which people often write with it. A query in it stays
    behind the path. Raises httpx2.InvalidURL."""
    url = httpx2.URL(base)
    path, mark, query = url.raw_path.partition(b"?")
    path = path.rstrip(b"/").removesuffix(_PATH).rstrip(b"/") + _PATH
    return url.copy_with(raw_path=path + mark + query)


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
