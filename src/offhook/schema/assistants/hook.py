"""Hooks of an assistant: what is done when something happens in a call (vapi-wire §5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from offhook.schema.assistants.plain_model import OpenAIMessage
from offhook.schema.base import JsonObject, Model, Number
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.tool import FunctionTool, Tool

Limited = Annotated[str, Field(max_length=1000)]


class SayHookAction(Model):
    """`exact` is said as it is, one of a list at random; `prompt` is put to the model."""

    type: Literal["say"]
    exact: str | list[str] | None = None
    prompt: str | list[JsonObject] | None = None


class ToolCallHookAction(Model):
    type: Literal["tool"]
    tool: Tool | None = None
    tool_id: str | None = None


class MessageAddHookAction(Model):
    type: Literal["message.add"]
    message: OpenAIMessage
    trigger_response_enabled: bool | None = None


class TransferHookAction(Model):
    """No longer among what hooks may do in the schema, as are functions (`FunctionTool`); still in documents
    made earlier."""

    type: Literal["transfer"]
    destination: CallDestination | None = None


HookAction = Annotated[
    SayHookAction | ToolCallHookAction | MessageAddHookAction | TransferHookAction | FunctionTool,
    Field(discriminator="type"),
]


class CallHookFilter(Model):
    type: Literal["oneOf"]
    key: Limited
    one_of: list[Limited]


class _Hook(Model):
    do: list[HookAction]
    name: Limited | None = None


class CallHookCallEnding(_Hook):
    on: Literal["call.ending"]
    filters: list[CallHookFilter] | None = None


class CallTimeElapsedOptions(Model):
    seconds: Number = Field(ge=1, le=43200)


class CallHookCallTimeElapsed(_Hook):
    """Once, so many seconds after the call began."""

    on: Literal["call.timeElapsed"]
    options: CallTimeElapsedOptions


class SpeechInterruptedHook(_Hook):
    on: Literal["assistant.speech.interrupted", "customer.speech.interrupted"]


class CustomerSpeechTimeoutOptions(Model):
    timeout_seconds: Number = Field(ge=1, le=1000)
    trigger_max_count: Number | None = Field(default=None, ge=1, le=10)
    trigger_reset_mode: Literal["onUserSpeech", "never"] | None = None


class CallHookCustomerSpeechTimeout(_Hook):
    """The caller has been silent; options may also be written into `on` in square brackets."""

    on: str = Field(max_length=1000, pattern=r"^customer\.speech\.timeout(\[[^\[\]]*\])?$")
    options: CustomerSpeechTimeoutOptions | None = None


class CallHookModelResponseTimeout(_Hook):
    on: Literal["model.response.timeout"]


class EndpointedSpeechLowConfidenceOptions(Model):
    confidence_min: Number | None = Field(default=None, ge=0, le=1)
    confidence_max: Number | None = Field(default=None, ge=0, le=1)


class CallHookTranscriberEndpointedSpeechLowConfidence(_Hook):
    """The transcriber was not sure of what the caller said."""

    on: str = Field(
        max_length=1000,
        pattern=r"^assistant\.transcriber\.endpointedSpeechLowConfidence(\[[^\[\]]*\])?$",
    )
    options: EndpointedSpeechLowConfidenceOptions | None = None


class SessionCreatedHook(_Hook):
    on: Literal["session.created"]


def on(value: Any) -> str | None:
    """The event without its options in brackets. Its name is the property it reads, for the sentences of
    `validation_messages.py`."""
    event = value.get("on") if isinstance(value, dict) else getattr(value, "on", None)
    return event.partition("[")[0] if isinstance(event, str) else None


Hook = Annotated[
    Annotated[CallHookCallEnding, Tag("call.ending")]
    | Annotated[CallHookCallTimeElapsed, Tag("call.timeElapsed")]
    | Annotated[SpeechInterruptedHook, Tag("assistant.speech.interrupted")]
    | Annotated[SpeechInterruptedHook, Tag("customer.speech.interrupted")]
    | Annotated[CallHookCustomerSpeechTimeout, Tag("customer.speech.timeout")]
    | Annotated[CallHookModelResponseTimeout, Tag("model.response.timeout")]
    | Annotated[
        CallHookTranscriberEndpointedSpeechLowConfidence,
        Tag("assistant.transcriber.endpointedSpeechLowConfidence"),
    ]
    | Annotated[SessionCreatedHook, Tag("session.created")],
    Discriminator(on),
]
