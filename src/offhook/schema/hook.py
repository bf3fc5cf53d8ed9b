"""Hooks of an assistant: what is done when something happens in a call (wire-facts §5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from offhook.schema.base import JsonObject, Model, Number
from offhook.schema.destination import CallDestination
from offhook.schema.plain_model import PromptMessage
from offhook.schema.tool import FunctionTool, Tool

Limited = Annotated[str, Field(max_length=1000)]


class SayAction(Model):
    """`exact` is said as it is, one of a list at random; `prompt` is put to the model."""

    type: Literal["say"]
    exact: str | list[str] | None = None
    prompt: str | list[JsonObject] | None = None


class ToolAction(Model):
    type: Literal["tool"]
    tool: Tool | None = None
    tool_id: str | None = None


class MessageAddAction(Model):
    type: Literal["message.add"]
    message: PromptMessage
    trigger_response_enabled: bool | None = None


class TransferAction(Model):
    """No longer among what hooks may do in the schema, as are functions (`FunctionTool`); still in documents
    made earlier."""

    type: Literal["transfer"]
    destination: CallDestination | None = None


HookAction = Annotated[
    SayAction | ToolAction | MessageAddAction | TransferAction | FunctionTool, Field(discriminator="type")
]


class HookFilter(Model):
    type: Literal["oneOf"]
    key: Limited
    one_of: list[Limited]


class _Hook(Model):
    do: list[HookAction]
    name: Limited | None = None


class CallEndingHook(_Hook):
    on: Literal["call.ending"]
    filters: list[HookFilter] | None = None


class SecondsElapsed(Model):
    seconds: Number = Field(ge=1, le=43200)


class CallTimeElapsedHook(_Hook):
    """Once, so many seconds after the call began."""

    on: Literal["call.timeElapsed"]
    options: SecondsElapsed


class SpeechInterruptedHook(_Hook):
    on: Literal["assistant.speech.interrupted", "customer.speech.interrupted"]


class SpeechTimeoutOptions(Model):
    timeout_seconds: Number = Field(ge=1, le=1000)
    trigger_max_count: Number | None = Field(default=None, ge=1, le=10)
    trigger_reset_mode: Literal["onUserSpeech", "never"] | None = None


class CustomerSpeechTimeoutHook(_Hook):
    """The caller has been silent; options may also be written into `on` in square brackets."""

    on: str = Field(max_length=1000, pattern=r"^customer\.speech\.timeout(\[[^\[\]]*\])?$")
    options: SpeechTimeoutOptions | None = None


class ModelResponseTimeoutHook(_Hook):
    on: Literal["model.response.timeout"]


class LowConfidenceOptions(Model):
    confidence_min: Number | None = Field(default=None, ge=0, le=1)
    confidence_max: Number | None = Field(default=None, ge=0, le=1)


class LowConfidenceHook(_Hook):
    """The transcriber was not sure of what the caller said."""

    on: str = Field(
        max_length=1000,
        pattern=r"^assistant\.transcriber\.endpointedSpeechLowConfidence(\[[^\[\]]*\])?$",
    )
    options: LowConfidenceOptions | None = None


class SessionCreatedHook(_Hook):
    on: Literal["session.created"]


def on(value: Any) -> str | None:
    """The event without its options in brackets. Named for the property it reads (`errors.py`)."""
    event = value.get("on") if isinstance(value, dict) else getattr(value, "on", None)
    return event.partition("[")[0] if isinstance(event, str) else None


Hook = Annotated[
    Annotated[CallEndingHook, Tag("call.ending")]
    | Annotated[CallTimeElapsedHook, Tag("call.timeElapsed")]
    | Annotated[SpeechInterruptedHook, Tag("assistant.speech.interrupted")]
    | Annotated[SpeechInterruptedHook, Tag("customer.speech.interrupted")]
    | Annotated[CustomerSpeechTimeoutHook, Tag("customer.speech.timeout")]
    | Annotated[ModelResponseTimeoutHook, Tag("model.response.timeout")]
    | Annotated[LowConfidenceHook, Tag("assistant.transcriber.endpointedSpeechLowConfidence")]
    | Annotated[SessionCreatedHook, Tag("session.created")],
    Discriminator(on),
]
