"""A model behind an HTTP API: each reply is one request, answered by a stream of JSON objects. How a vendor
is asked, and what its objects mean, is a `ModelWire`; what may go wrong on the way is the same for all."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx2

from offhook.language.language_model import (
    Finished,
    LanguageModel,
    Message,
    ModelError,
    Reply,
    Text,
    ToolCall,
    ToolDefinition,
)
from offhook.language.response import ResponseBody, drain, explanation, parts
from offhook.network import without, words_of
from offhook.network.guard import AddressRefused
from offhook.network.outside import Outside
from offhook.network.pool import REPEATABLE
from offhook.network.refusal import explained
from offhook.schema.assistants.model import AnyModel
from offhook.schema.calls.ended_reason import PipelineFailure

CHUNK_TIMEOUT = 15.0
"""Seconds between two pieces of one reply."""
LONGEST_WAIT = 2.0
"""Seconds that a caller is kept waiting for a server that asks to be tried again."""
RETRY_SECONDS = 0.2
"""Before another try where the server does not say when."""

SUFFIXES: dict[int, PipelineFailure] = {
    400: "400-bad-request-validation-failed",
    401: "401-unauthorized",
    402: "429-exceeded-quota",
    403: "403-model-access-denied",
    422: "400-bad-request-validation-failed",
    429: "429-exceeded-quota",
    500: "500-server-error",
    502: "500-server-error",
    503: "503-server-overloaded-error",
    504: "503-server-overloaded-error",
    529: "503-server-overloaded-error",
}

DECLINED = "I'm sorry, I can't help with that."
"""Said in place of an answer that a model refuses to give: the call goes on."""

_TRANSIENT = frozenset({429, 500, 502, 503, 529})
_SPENT = ("insufficient_quota", "credit balance is too low", "insufficient balance")
"""What vendors call it that the owner has to pay: no waiting helps."""
_RETRY_DELAY = re.compile(r'"retryDelay":\s*"([\d.]{1,9})s"')
"""Google says it in the body."""
_BROKEN_OFF = (httpx2.RemoteProtocolError, httpx2.ReadError)
_FAILURES = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    AddressRefused,
    OSError,
    ValueError,
    TypeError,
)


class ServerSays(Exception):
    """An error in place of an answer, in the server's words. `status`: that of HTTP which would mean the
    same, None where it does not say."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


class AnswerReader(Protocol):
    """One answer as it comes. `ended`: the model has given its reason to stop, so that little may follow.

    All raise ServerSays, and ValueError for an answer of another form or of more than is allowed."""

    @property
    def ended(self) -> bool: ...

    def add(self, piece: object) -> str:
        """Takes a JSON object. Text to say, often empty."""
        ...

    def rest(self) -> str:
        """Text that was held back, when all has come."""
        ...

    def tool_calls(self) -> list[ToolCall]: ...

    def finished(self) -> Finished: ...


class ModelWire(Protocol):
    def request(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> Mapping[str, Any]:
        """The body of one request."""
        ...

    def reader(self) -> AnswerReader:
        """For the answer to it."""
        ...


class _Refused(Exception):
    """The server answered with a status that is no success, or said in its answer what means the same.
    `wait`: seconds until another try may do, None where none would, or too late."""

    def __init__(self, status: int, words: str, spent: bool = False, wait: float | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.spent = spent
        self.wait = wait


@dataclass(frozen=True, slots=True)
class ModelServer:
    """Where a model is and how it is asked. `path` follows `base_url`, which people often write with one of
    `written` at its end; `query`, and one that is in it, stand behind. `timeout`: seconds until the first
    piece of a reply. `secrets`: what is sent there and told nobody else. `tries`: how often it is asked if it
    refuses for a moment. `rate_limited`: what the API calls it that too much was asked of it. `meant`: the
    status that a refusal (status, body) stands for, where the vendor's own is another."""

    provider: str
    model: str
    base_url: str
    path: str
    query: str = ""
    written: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)
    timeout: float = 20.0
    tries: int = 2
    rate_limited: PipelineFailure = "429-exceeded-quota"
    meant: Callable[[int, str], int] = lambda status, body: status

    @property
    def url(self) -> httpx2.URL:
        """Raises httpx2.InvalidURL."""
        url = httpx2.URL(self.base_url)
        base, _, query = url.raw_path.decode("ascii").partition("?")
        base = base.rstrip("/")
        end = next((one for one in self.written if base.endswith(one)), "")
        path = base.removesuffix(end).rstrip("/") + self.path
        asked = "&".join(filter(None, (self.query, query)))
        return url.copy_with(raw_path=f"{path}?{asked}".removesuffix("?").encode("ascii"))


def http_model(server: ModelServer, wire: ModelWire, outside: Outside) -> LanguageModel:
    """For one call. Raises ModelError for an address or a header that cannot be one."""
    try:
        return HttpModel(server, outside.http, wire)
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise ModelError(server.provider, without(server.secrets, words_of(error))) from None


class HttpModel:
    """Raises httpx2.InvalidURL, and ValueError for a header that cannot be one."""

    generative = True

    def __init__(self, server: ModelServer, http: httpx2.AsyncClient, wire: ModelWire) -> None:
        self.provider = server.provider
        self.name = server.model
        self._server = server
        self._wire = wire
        self._http = http
        self._url = server.url
        self._headers = httpx2.Headers(
            {
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
        known = ids_in(messages)
        try:
            async with aclosing(self._tried(self._wire.request(messages, tools))) as replies:
                async for reply in replies:
                    yield _named_anew(reply, known) if isinstance(reply, ToolCall) else reply
        except _Refused as error:
            suffix = SUFFIXES.get(error.status, "llm-failed")
            if error.spent:
                suffix = "429-exceeded-quota"
            elif error.status == 429:
                suffix = self._server.rate_limited
            raise ModelError(self.provider, str(error), suffix, f"HTTP {error.status}") from None
        except ServerSays as error:
            said = self._line(str(error))
            suffix = SUFFIXES.get(error.status or 0, "llm-failed")
            raise ModelError(self.provider, said, suffix, unquoted="it answered with an error") from None
        except (TimeoutError, httpx2.TimeoutException):
            raise ModelError(self.provider, "the server took too long") from None
        except _FAILURES as error:
            raise ModelError(self.provider, without(self._server.secrets, words_of(error))) from None

    async def _tried(self, body: Mapping[str, Any]) -> AsyncGenerator[Reply, None]:
        """What breaks off before anything was given is asked for again."""
        # A lone surrogate, which JSON can name and UTF-8 cannot, stays as JSON has it.
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode(
            "utf-8", "backslashreplace"
        )
        for left in reversed(range(self._server.tries)):
            given = False
            try:
                async with aclosing(self._stream(content)) as replies:
                    async for reply in replies:
                        given = True
                        yield reply
                return
            except (_Refused, ServerSays, *_BROKEN_OFF) as error:
                wait = _wait_of(error)
                if given or not left or wait is None:
                    raise
            await asyncio.sleep(wait)

    async def _stream(self, content: bytes) -> AsyncGenerator[Reply, None]:
        response = await self._send(content)
        try:
            if not response.is_success:
                raise self._refused(response, await explanation(response, self._server.timeout))
            async with aclosing(parts(response)) as body:
                async with aclosing(self._read(ResponseBody(body, self._server.timeout))) as replies:
                    async for reply in replies:
                        yield reply
                await drain(body)
        finally:
            await response.aclose()

    async def _read(self, body: ResponseBody) -> AsyncGenerator[Reply, None]:
        answer = self._wire.reader()
        async with aclosing(body.objects()) as pieces:
            async for piece in pieces:
                if text := answer.add(piece):
                    yield Text(text)
                    body.limit = CHUNK_TIMEOUT
                body.complete = answer.ended
        if text := answer.rest():
            yield Text(text)
        for call in answer.tool_calls():
            yield call
        yield answer.finished()

    async def _send(self, content: bytes) -> httpx2.Response:
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

    def _refused(self, response: httpx2.Response, body: bytes) -> _Refused:
        moved = response.headers.get("location", "") if response.is_redirect else ""
        words = f"it has moved to {moved}, which is not followed" if moved else explained(body)
        said = body.decode("utf-8", "replace")
        status = self._server.meant(response.status_code, said)
        spent = any(one in said.lower() for one in _SPENT)
        wait = None if spent or status not in _TRANSIENT else _delay_of(response, said)
        return _Refused(status, f"HTTP {response.status_code}: {self._line(words)}", spent, wait)

    def _line(self, text: str) -> str:
        told = without(self._server.secrets, text)
        return "".join(c if c.isprintable() else " " for c in told[:300])


def _delay_of(response: httpx2.Response, body: str) -> float | None:
    """None: the server wants more patience than a caller has."""
    asked = [
        (response.headers.get(name), unit) for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0))
    ]
    if found := _RETRY_DELAY.search(body):
        asked.append((found[1], 1.0))
    for written, unit in asked:
        try:
            seconds = float(written or "") * unit
        except ValueError:
            continue
        return seconds if 0 <= seconds <= LONGEST_WAIT else None
    return None if response.status_code == 429 else RETRY_SECONDS


def _wait_of(error: Exception) -> float | None:
    if isinstance(error, _Refused):
        return error.wait
    if isinstance(error, ServerSays):
        return RETRY_SECONDS if error.status in _TRANSIENT - {429} else None
    return RETRY_SECONDS


def temperature_of(settings: AnyModel) -> float:
    """The API's default where the assistant says nothing (vapi-wire §5.1)."""
    return 0.5 if settings.temperature is None else settings.temperature


def most_tokens_of(settings: AnyModel) -> int:
    return 250 if settings.max_tokens is None else int(settings.max_tokens)


def ids_in(messages: Sequence[Message]) -> set[str]:
    """Of the tool calls that have been made in the conversation."""
    return {str(call.get("id")) for message in messages for call in message.get("tool_calls") or ()}


def _named_anew(call: ToolCall, known: set[str]) -> ToolCall:
    """Servers count the calls of each reply from 0, and the next model in the conversation refuses two of one
    id. `known` learns the id."""
    if call.id in known:
        call = replace(call, id=f"call_{uuid.uuid4().hex[:24]}")
    known.add(call.id)
    return call
