"""The messages of a conversation as artifacts and webhooks carry them (vapi-wire §8.2).

`time` and `endTime` are milliseconds since the epoch, `secondsFromStart` seconds since the call
began, `duration` milliseconds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.base import JsonObject, Model, Number


class _Message(Model):
    time: Number
    seconds_from_start: Number


class SystemMessage(_Message):
    role: Literal["system"]
    message: str


class UserMessage(_Message):
    """What the caller said. `originalMessage` is given where a security filter changed it."""

    role: Literal["user"]
    message: str
    end_time: Number
    duration: Number | None = None
    is_filtered: bool | None = None
    detected_threats: list[str] | None = None
    original_message: str | None = None
    metadata: JsonObject | None = None
    speaker_label: str | None = None


class BotMessage(_Message):
    """What the assistant said, as far as it was heard."""

    role: Literal["bot"]
    message: str
    end_time: Number
    source: str | None = None
    duration: Number | None = None
    assistant_name: str | None = None
    assistant_id: str | None = None


class ToolCallMessage(_Message):
    role: Literal["tool_calls"]
    tool_calls: list[JsonObject]
    message: str


class ToolCallResultMessage(_Message):
    role: Literal["tool_call_result"]
    tool_call_id: str
    name: str
    result: str
    metadata: JsonObject | None = None
    warnings: list[JsonObject] | None = None


Message = Annotated[
    UserMessage | SystemMessage | BotMessage | ToolCallMessage | ToolCallResultMessage,
    Field(discriminator="role"),
]


class ToolCallFunction(Model):
    """`arguments` is JSON as text, as the OpenAI chat API has it."""

    name: str
    arguments: str


class OpenAIToolCall(Model):
    id: str
    type: Literal["function"]
    function: ToolCallFunction


class OpenAIFormattedMessage(Model):
    """A message in the form of the OpenAI chat API, whose own names are in snake case."""

    role: Literal["assistant", "function", "user", "system", "tool"]
    content: str | None
    tool_calls: list[OpenAIToolCall] | None = Field(default=None, alias="tool_calls")
    tool_call_id: str | None = Field(default=None, alias="tool_call_id")
