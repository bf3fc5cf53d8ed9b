"""Messages that steer a running call, sent to `monitor.controlUrl` (vapi-wire §8.3)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.assistants.plain_model import OpenAIMessage
from offhook.schema.base import Model
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.handoff import HandoffDestinationAssistant


class SayControl(Model):
    """Speak this text. `interruptAssistantEnabled`: at once, instead of after what is being said."""

    type: Literal["say"]
    content: str | None = None
    end_call_after_spoken: bool | None = None
    interruptions_enabled: bool | None = None
    interrupt_assistant_enabled: bool | None = None


class AddMessageControl(Model):
    type: Literal["add-message"]
    message: OpenAIMessage
    trigger_response_enabled: bool | None = None


class SwitchControl(Model):
    type: Literal["control"]
    control: Literal[
        "mute-assistant", "unmute-assistant", "mute-customer", "unmute-customer", "say-first-message"
    ]


class EndCallControl(Model):
    type: Literal["end-call"]


class TransferControl(Model):
    """`content` is said first."""

    type: Literal["transfer"]
    destination: CallDestination | None = None
    content: str | None = None


class HandoffControl(Model):
    type: Literal["handoff"]
    destination: HandoffDestinationAssistant
    content: str | None = None


class SipMessage(Model):
    """A request inside the call's dialog."""

    transport: Literal["vapi.sip"]
    sip_verb: Literal["INFO", "MESSAGE", "NOTIFY"]
    headers: dict[str, str] | None = None
    body: str | None = None


class TwilioMessage(Model):
    transport: Literal["twilio"]
    twiml: str


class SendTransportMessageControl(Model):
    type: Literal["send-transport-message"]
    message: Annotated[SipMessage | TwilioMessage, Field(discriminator="transport")]


ControlMessage = Annotated[
    SayControl
    | AddMessageControl
    | SwitchControl
    | EndCallControl
    | TransferControl
    | HandoffControl
    | SendTransportMessageControl,
    Field(discriminator="type"),
]
