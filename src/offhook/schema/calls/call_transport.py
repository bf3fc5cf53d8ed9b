"""How the audio of a call travels (vapi-wire §8.2, §8.4)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.base import Model, Number


class _Transport(Model):
    conversation_type: Literal["voice"] | None = None


class VapiSipTransport(_Transport):
    """`sbcCallSid` is the SIP Call-ID, `callSid` the platform's own name for the leg."""

    provider: Literal["vapi.sip"]
    call_sid: str | None = None
    sbc_call_sid: str | None = None
    dial_timeout: Number | None = Field(default=None, ge=1, le=600)


class AudioFormat(Model):
    format: Literal["pcm_s16le", "mulaw"]
    container: Literal["raw"] | None = None
    sample_rate: Number = Field(ge=0, le=192000)


class VapiWebsocketTransport(_Transport):
    provider: Literal["vapi.websocket"]
    audio_format: AudioFormat | None = None
    websocket_call_url: str | None = None


class VapiWebCallTransport(_Transport):
    provider: Literal["daily"]
    room_delete_on_user_leave_enabled: bool | None = None
    call_url: str | None = None
    call_sip_uri: str | None = None


class TwilioTransport(_Transport):
    provider: Literal["twilio"]
    account_sid: str | None = None
    call_sid: str | None = None
    call_token: str | None = None
    forwarded_from: str | None = None


class TelnyxTransport(_Transport):
    provider: Literal["telnyx"]
    call_control_id: str | None = None
    call_leg_id: str | None = None
    call_session_id: str | None = None


class VonageTransport(_Transport):
    provider: Literal["vonage"]
    conversation_uuid: str | None = Field(default=None, alias="conversationUUID")
    call_uuid: str | None = Field(default=None, alias="callUUID")


Transport = Annotated[
    VapiSipTransport
    | VapiWebsocketTransport
    | VapiWebCallTransport
    | TwilioTransport
    | TelnyxTransport
    | VonageTransport,
    Field(discriminator="provider"),
]
