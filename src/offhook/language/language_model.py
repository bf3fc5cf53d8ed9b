"""What a conversation needs from a language model: streamed text and tool calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Required, TypedDict

from offhook.json_document import Arguments, ParametersSchema
from offhook.schema.assistants.plain_model import OpenAIMessage
from offhook.schema.calls.ended_reason import PipelineFailure
from offhook.speech.engine_protocols import EngineError


class ChatMessage(TypedDict, total=False):
    """One message in the form of the OpenAI chat API. `role`: system, user, assistant or tool. `content`: a
    text, or what servers send in its place; None beside `tool_calls`."""

    role: Required[str]
    content: Any
    tool_calls: Any
    tool_call_id: str


Message = ChatMessage


def message_of(given: OpenAIMessage) -> Message:
    return {"role": given.role, "content": given.content}


class ModelError(EngineError):
    """The model failed. `suffix` is `llm-failed`, or for an HTTP answer one of
    `400-bad-request-validation-failed`, `401-unauthorized`, `403-model-access-denied`,
    `429-exceeded-quota`, `500-server-error`, `503-server-overloaded-error`."""

    def __init__(
        self,
        provider: str,
        detail: str,
        suffix: PipelineFailure = "llm-failed",
        unquoted: str | None = None,
    ) -> None:
        super().__init__("model", provider, detail, unquoted, suffix)


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as the model sees it. `parameters` is a JSON Schema; `strict` whether the model must keep to it,
    None: as the server has it by itself."""

    name: str
    description: str
    parameters: ParametersSchema
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool run. `arguments` is parsed JSON; whole, never in pieces. `problem`: why they
    are none, as the model is to be told; the tool is not run then."""

    id: str
    name: str
    arguments: Arguments
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of the reply, with what it cost in tokens where the engine says so."""

    reason: Literal["stop", "tool_calls", "length"]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """What the caller has told, to be kept as variables of the call. For models that call no tool for it."""

    variables: Mapping[str, str]


Reply = Text | ToolCall | Noted | Finished


class LanguageModel(Protocol):
    """`generative`: it writes what it is asked to; one that is not answers by the words of its prompt."""

    @property
    def provider(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def generative(self) -> bool: ...

    async def start(self) -> None:
        """Warm up. Raises ModelError."""
        ...

    def respond(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> AsyncIterator[Reply]:
        """Stream one reply; the last item is `Finished`. Closing the iterator cancels the request.
        Raises ModelError from the iteration."""
        ...

    async def close(self) -> None: ...
