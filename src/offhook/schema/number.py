"""Phone numbers: the VapiPhoneNumber of 2024 and what the API has added since (vapi-wire §0, §1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from offhook.schema.base import Model, Resource, Timestamp
from offhook.schema.server import LegacyServer, Server
from offhook.schema.tools.destination import CallDestination

UNSERVED_PROVIDERS = frozenset({"twilio", "vonage", "telnyx"})
"""Providers of the API whose numbers need a carrier's own interface, which Offhook does not speak to."""

TRUNK_PROVIDER: Final = "byo-phone-number"
"""Of numbers that come over a trunk of the org's (`byo-sip-trunk`)."""

E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_NO_E164: Final = re.compile(r"\+?[a-zA-Z0-9]+")

_SIP_URI = re.compile(
    # The user part has no parameters and no password, and no escaped control character (RFC 3261 §25.1).
    r"sip:(?:[a-z0-9_.!~*'()&=+$,/-]|%(?![01]|7f)[0-9a-f]{2}){1,200}"
    r"@(?:\[(?P<ipv6>[0-9a-f:.]{2,45})\]|[a-z0-9][a-z0-9.-]{0,252})(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)


def _sip_uri(value: str) -> str:
    match = _SIP_URI.fullmatch(value)
    if match is None or not 0 < int(match["port"] or 5060) < 65536 or not _is_ipv6(match["ipv6"] or "::"):
        raise ValueError("must be a SIP URI: sip:user@host or sip:user@host:port")
    return value


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


SipUri = Annotated[str, AfterValidator(_sip_uri)]

AssistantRequestFailure = Literal[
    "assistant-request-failed",
    "assistant-request-returned-error",
    "assistant-request-returned-unspeakable-error",
    "assistant-request-returned-invalid-assistant",
    "assistant-request-returned-no-assistant",
    "assistant-request-returned-forwarding-phone-number",
]


class SipAuthentication(Model):
    """Digest credentials an INVITE must prove. Without a realm it is the SIP host of the URI."""

    realm: str | None = None
    username: str = Field(min_length=20, max_length=40)
    password: str = Field(min_length=20, max_length=40)


class SayPhoneNumberHookAction(Model):
    type: Literal["say"]
    exact: str = Field(max_length=4000)


class TransferPhoneNumberHookAction(Model):
    type: Literal["transfer"]
    destination: CallDestination | None = None


PhoneNumberHookAction = Annotated[
    SayPhoneNumberHookAction | TransferPhoneNumberHookAction, Field(discriminator="type")
]


class PhoneNumberCallRingingHookFilter(Model):
    """Matches callers whose number starts with one of the given beginnings."""

    type: Literal["startsWith"]
    key: Literal["number"]
    starts_with: list[Annotated[str, Field(max_length=20)]]


class PhoneNumberHookCallRinging(Model):
    """Runs before the call is answered; only the first action does."""

    on: Literal["call.ringing"]
    filters: list[PhoneNumberCallRingingHookFilter] | None = None
    do: list[PhoneNumberHookAction]


class PhoneNumberCallEndingHookFilter(Model):
    type: Literal["oneOf"]
    key: Literal["call.endedReason"]
    one_of: list[AssistantRequestFailure]


class PhoneNumberHookCallEnding(Model):
    """Runs when the assistant-request failed. `do` is one action here, not a list."""

    on: Literal["call.ending"]
    filters: list[PhoneNumberCallEndingHookFilter] | None = None
    do: PhoneNumberHookAction | None = None


PhoneNumberHook = Annotated[PhoneNumberHookCallRinging | PhoneNumberHookCallEnding, Field(discriminator="on")]


class _AnyPhoneNumber(LegacyServer):
    """What a client may set of every number. All three of assistantId, squadId and workflowId empty means:
    ask the server (assistant-request)."""

    name: str | None = Field(default=None, max_length=40)
    assistant_id: str | None = None
    squad_id: str | None = None
    workflow_id: str | None = None
    fallback_destination: CallDestination | None = None
    hooks: list[PhoneNumberHook] | None = None
    server: Server | None = None


class _PhoneNumber(_AnyPhoneNumber):
    """A SIP number."""

    sip_uri: SipUri | None = None
    authentication: SipAuthentication | None = None


class _ByoPhoneNumber(_AnyPhoneNumber):
    """A telephone number that comes over the trunk `credentialId`."""

    number: str | None = Field(default=None, min_length=3, max_length=40)
    number_e164_check_enabled: bool | None = Field(default=None, alias="numberE164CheckEnabled")
    credential_id: str | None = None


class CreateByoPhoneNumberDTO(_ByoPhoneNumber):
    """POST /phone-number."""

    provider: Literal["byo-phone-number"]
    credential_id: str


class UpdateByoPhoneNumberDTO(_ByoPhoneNumber):
    """PATCH /phone-number/{id}: what is left out stays, null clears."""

    provider: Literal["byo-phone-number"] | None = None


class ByoPhoneNumber(_ByoPhoneNumber, Resource):
    """A number of a trunk as shown."""

    provider: Literal["byo-phone-number"]
    credential_id: str
    status: Literal["active", "activating", "blocked"] | None = None


def number_problem(number: str, *, check: bool) -> str | None:
    """What is wrong with the number of a trunk; `check`: it must be one of E.164."""
    if check and E164.fullmatch(number) is None:
        return (
            "number must be a valid phone number in the E.164 format. Hot tip, you may be missing the country"
            " code (Eg. US: +1)."
        )
    return None if _NO_E164.fullmatch(number) else "number must match /^\\+?[a-zA-Z0-9]+$/"


class CreateVapiPhoneNumberDTO(_PhoneNumber):
    """POST /phone-number. `numberDesiredAreaCode` asks to buy a telephone number, of which Offhook has none:
    recognised, and refused by `unserved`."""

    provider: Literal["vapi"]
    number_desired_area_code: str | None = Field(default=None, min_length=3, max_length=3)


class UpdateVapiPhoneNumberDTO(_PhoneNumber):
    """PATCH /phone-number/{id}: what is left out stays, null clears."""

    provider: Literal["vapi"] | None = None


class VapiPhoneNumber(_PhoneNumber, Resource):
    """A phone number as shown: it always has a SIP URI, given or made up. `number` is null: a SIP number has
    no digits."""

    provider: Literal["vapi"]
    sip_uri: SipUri
    status: Literal["active", "activating", "blocked"] | None = None
    number: str | None = None
    number_desired_area_code: str | None = Field(default=None, min_length=3, max_length=3)


class StoredSipAuthentication(Model):
    realm: str | None = None
    username: str
    password: str


class StoredPhoneNumber(_PhoneNumber):
    """A number as calls read it: rows of earlier days lack what later ones have, and no limit that came later
    keeps callers away."""

    id: str | None = None
    org_id: str
    name: str | None = None
    sip_uri: str | None = None
    authentication: StoredSipAuthentication | None = None  # type: ignore[assignment]
    provider: str | None = None
    number: str | None = None
    number_e164_check_enabled: bool | None = Field(default=None, alias="numberE164CheckEnabled")
    credential_id: str | None = None
    status: str | None = None
    number_desired_area_code: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


def unserved(document: Mapping[str, Any]) -> str | None:
    """The sentence that refuses a request for what the API has and Offhook has not, or None.
    To be asked before the document is validated."""
    provider = document.get("provider")
    if isinstance(provider, str) and provider in UNSERVED_PROVIDERS:
        return (
            f"provider {provider} is not served by Offhook: use provider vapi, a SIP number, or"
            f" {TRUNK_PROVIDER}, a number of any carrier over its SIP trunk"
        )
    if document.get("workflowId") is not None:
        return "workflows are not served by Offhook: use assistantId or squadId instead of workflowId"
    if document.get("numberDesiredAreaCode") is not None:
        return (
            "telephone numbers cannot be bought here: use sipUri instead of numberDesiredAreaCode, or"
            f" provider {TRUNK_PROVIDER}"
        )
    return None
