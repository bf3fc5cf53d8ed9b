"""Messages that steer a running call, sent to `monitor.controlUrl` (vapi-wire §8.3)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from offhook.schema.assistants.plain_model import OpenAIMessage
from offhook.schema.base import JsonObject, Model
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.handoff import HandoffDestinationAssistant


class ClientInboundMessageSay(Model):
    """Speak this text. `interruptAssistantEnabled`: at once, instead of after what is being said."""

    type: Literal["say"]
    content: str | None = None
    end_call_after_spoken: bool | None = None
    interruptions_enabled: bool | None = None
    interrupt_assistant_enabled: bool | None = None


class ClientInboundMessageAddMessage(Model):
    type: Literal["add-message"]
    message: OpenAIMessage
    trigger_response_enabled: bool | None = None


class ClientInboundMessageControl(Model):
    type: Literal["control"]
    control: Literal[
        "mute-assistant", "unmute-assistant", "mute-customer", "unmute-customer", "say-first-message"
    ]


class ClientInboundMessageEndCall(Model):
    type: Literal["end-call"]


class ClientInboundMessageTransfer(Model):
    """`content` is said first."""

    type: Literal["transfer"]
    destination: CallDestination | None = None
    content: str | None = None


class ClientInboundMessageHandoff(Model):
    type: Literal["handoff"]
    destination: HandoffDestinationAssistant
    content: str | None = None


class VapiSipTransportMessage(Model):
    """A request inside the call's dialog."""

    transport: Literal["vapi.sip"]
    sip_verb: Literal["INFO", "MESSAGE", "NOTIFY"]
    headers: dict[str, str] | None = None
    body: str | None = None


class TwilioTransportMessage(Model):
    transport: Literal["twilio"]
    twiml: str


class ClientInboundMessageSendTransportMessage(Model):
    type: Literal["send-transport-message"]
    message: Annotated[VapiSipTransportMessage | TwilioTransportMessage, Field(discriminator="transport")]


ControlMessage = Annotated[
    ClientInboundMessageSay
    | ClientInboundMessageAddMessage
    | ClientInboundMessageControl
    | ClientInboundMessageEndCall
    | ClientInboundMessageTransfer
    | ClientInboundMessageHandoff
    | ClientInboundMessageSendTransportMessage,
    Field(discriminator="type"),
]


class CheckedHandoff(Model):
    """A ClientInboundMessageHandoff whose destination has been checked, and is read where it is looked up."""

    type: Literal["handoff"]
    destination: JsonObject
    content: str | None = None


CheckedControl = Annotated[
    ClientInboundMessageSay
    | ClientInboundMessageAddMessage
    | ClientInboundMessageControl
    | ClientInboundMessageEndCall
    | ClientInboundMessageTransfer
    | CheckedHandoff
    | ClientInboundMessageSendTransportMessage,
    Field(discriminator="type"),
]
"""A ControlMessage once it has been checked: without all that an assistant may be, whose check takes long to
make."""

_CHECKED: Final[TypeAdapter[Model]] = TypeAdapter(
    CheckedControl, config=ConfigDict(defer_build=True, hide_input_in_errors=True)
)


def checked(message: object) -> Model:
    """A ControlMessage of another process of the node, which has checked it."""
    return _CHECKED.validate_python(message)
