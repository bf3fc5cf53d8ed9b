"""Any server that speaks OpenAI's chat API: provider `openai` at the address of the settings, `custom-llm` at
the address that the assistant names (vapi-wire §5.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from offhook.json_document import VendorMessage
from offhook.language.answer import ModelAnswer
from offhook.language.dialogue import alternating
from offhook.language.habits import Habit, Habits
from offhook.language.http_model import ModelServer, http_model
from offhook.language.language_model import LanguageModel, Message, ToolDefinition
from offhook.network.outside import Outside
from offhook.schema.calls.ended_reason import PipelineFailure
from offhook.speech.engine_request import EngineNode


@dataclass(frozen=True, slots=True)
class ChatServer:
    """Where a model is and how it is asked. `timeout`: seconds until the first piece of a reply.
    `temperature` and `max_tokens` None: the model's own. `limit`: what the server calls the most tokens of a
    reply. `extra` goes with each request. `tries`: how often it is asked if it refuses for a moment.
    `alternates`: it wants caller and assistant by turns. `path` and `query`: what follows the address.
    `rate_limited`: what the API calls it that too much was asked of it."""

    provider: str
    model: str
    base_url: str
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 20.0
    temperature: float | None = 0.5
    max_tokens: int | None = 250
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra: VendorMessage = field(default_factory=dict)
    tries: int = 1
    alternates: bool = False
    path: str = "/chat/completions"
    query: str = ""
    rate_limited: PipelineFailure = "429-exceeded-quota"


class ChatCompletions:
    """The wire. `body` gives what the request carries beside the chat itself: the call and its metadata for
    custom-llm."""

    def __init__(self, server: ChatServer, habit: Habit, body: Callable[[], VendorMessage] = dict) -> None:
        self._server = server
        self._habit = habit
        self._body = body

    def request(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._server.model,
            "messages": alternating(messages) if self._server.alternates else list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._server.max_tokens is not None:
            request[self._server.limit] = self._server.max_tokens
        if self._server.temperature is not None:
            request["temperature"] = self._server.temperature
        if tools:
            request["tools"] = [_tool(tool) for tool in tools]
        return {**request, **self._server.extra, **self._body()}

    def reader(self) -> ModelAnswer:
        return ModelAnswer(self._habit)


def chat_model(
    server: ChatServer,
    node: EngineNode,
    body: Callable[[], VendorMessage] = dict,
    outside: Outside | None = None,
) -> LanguageModel:
    """For one call; `outside` None is the way to an owner's server. Raises ModelError for an address or a
    header that cannot be one."""
    habit = node.shared(Habits, Habits).of(server.base_url, server.model)
    # Azure takes one of the two, and refuses a request that has both.
    has_key = any(name.lower() == "api-key" for name in server.headers)
    bearer = {} if has_key else {"Authorization": f"Bearer {server.api_key or 'none'}"}
    asked = ModelServer(
        provider=server.provider,
        model=server.model,
        base_url=server.base_url,
        path=server.path,
        query=server.query,
        written=(server.path,),
        headers={**bearer, **server.headers},
        secrets=(server.api_key, *server.headers.values()),
        timeout=server.timeout,
        tries=server.tries,
        rate_limited=server.rate_limited,
    )
    return http_model(asked, ChatCompletions(server, habit, body), outside or node.outside)


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}
