"""What is asked of a call from outside while it goes on (vapi-wire §8.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pydantic import BaseModel

from offhook.calls.dialog_request import request_in_dialog
from offhook.calls.inbound_call import InboundCall
from offhook.conversation.hooks.live_control import LiveControl
from offhook.schema.calls.control import (
    CheckedHandoff,
    ClientInboundMessageAddMessage,
    ClientInboundMessageControl,
    ClientInboundMessageEndCall,
    ClientInboundMessageHandoff,
    ClientInboundMessageSay,
    ClientInboundMessageSendTransportMessage,
    ClientInboundMessageTransfer,
    VapiSipTransportMessage,
)
from offhook.schema.tools.handoff import HandoffDestinationAssistant

NOT_ANSWERED: Final = "The call has not been answered yet."
NOBODY: Final = "Nobody speaks in this call."
NO_DESTINATION: Final = "No destination is named."
NOT_TWILIO: Final = "The call does not come over Twilio: vapi.sip messages can be sent in it."

ENDED: Final = "manually-canceled"

_SWITCHES: Final[Mapping[str, Callable[[LiveControl], str]]] = {
    "mute-assistant": lambda live: live.mute_assistant(True),
    "unmute-assistant": lambda live: live.mute_assistant(False),
    "mute-customer": lambda live: live.mute_customer(True),
    "unmute-customer": lambda live: live.mute_customer(False),
    "say-first-message": lambda live: live.say_first_message(),
}


async def steer(call: InboundCall, wanted: BaseModel) -> str:
    """Do what a ControlMessage says, which the API has checked: "" when the call has taken it, else why it
    has not."""
    if isinstance(wanted, ClientInboundMessageEndCall):
        call.end(ENDED)
        return ""
    if not call.record.answered:
        return NOT_ANSWERED
    if isinstance(wanted, ClientInboundMessageSendTransportMessage):
        return await _send(call, wanted)
    if call.conversation is None:
        return NOBODY
    return await _converse(call.conversation.live_control, wanted)


async def _converse(live: LiveControl, wanted: BaseModel) -> str:
    match wanted:
        case ClientInboundMessageSay():
            return live.say(
                wanted.content or "",
                interruptible=wanted.interruptions_enabled is not False,
                at_once=wanted.interrupt_assistant_enabled is True,
                ends_call=wanted.end_call_after_spoken is True,
            )
        case ClientInboundMessageAddMessage():
            return live.add_message(wanted.message, wanted.trigger_response_enabled is not False)
        case ClientInboundMessageControl():
            return _SWITCHES[wanted.control](live)
        case ClientInboundMessageTransfer():
            if wanted.destination is None:
                return NO_DESTINATION
            return live.send_on(wanted.destination, wanted.content)
        case ClientInboundMessageHandoff():
            return await live.hand_to(wanted.destination, wanted.content or "")
        case CheckedHandoff():
            destination = HandoffDestinationAssistant.model_validate(wanted.destination)
            return await live.hand_to(destination, wanted.content or "")
    raise AssertionError(wanted)


async def _send(call: InboundCall, wanted: ClientInboundMessageSendTransportMessage) -> str:
    message = wanted.message
    if not isinstance(message, VapiSipTransportMessage):
        return NOT_TWILIO
    body = (message.body or "").encode()
    outcome = await request_in_dialog(
        call.leg, message.sip_verb, (message.headers or {}).items(), body, "text/plain"
    )
    return "" if outcome.error is None else f"The message was not taken: {outcome.error}."
