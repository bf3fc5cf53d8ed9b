"""How a message proves itself to the server that it is sent to: the plans of credentials (vapi-wire §2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from offhook.json_document import ResourceDocument
from offhook.schema.base import Model, unchecked


class BearerAuthenticationPlan(Model):
    """A token in a header: `Authorization: Bearer <token>` unless told otherwise."""

    type: Literal["bearer"]
    token: str
    header_name: str | None = None
    bearer_prefix_enabled: bool | None = None


class OAuth2AuthenticationPlan(Model):
    """Client credentials: a token is asked of `url` and kept until it expires."""

    type: Literal["oauth2"]
    url: str
    client_id: str
    client_secret: str
    scope: str | None = Field(default=None, max_length=1000)


class HMACAuthenticationPlan(Model):
    """A signature over `payloadFormat`, in which {body}, {timestamp} and {messageId} are filled in."""

    type: Literal["hmac"]
    secret_key: str
    algorithm: Literal["sha256", "sha512", "sha1"]
    signature_header: str | None = None
    timestamp_header: str | None = None
    signature_prefix: str | None = None
    include_timestamp: bool | None = None
    payload_format: str | None = None
    message_id_header: str | None = None
    signature_encoding: Literal["hex", "base64"] | None = None
    secret_is_base64: bool | None = None


AnyPlan = OAuth2AuthenticationPlan | HMACAuthenticationPlan | BearerAuthenticationPlan

_PLANS: dict[str, type[AnyPlan]] = {
    "oauth2": OAuth2AuthenticationPlan,
    "hmac": HMACAuthenticationPlan,
    "bearer": BearerAuthenticationPlan,
}


def read_plan(plan: ResourceDocument) -> AnyPlan | None:
    """A stored plan as it was given, be it valid or not: whoever goes by it says what is wrong with it. None
    for one of a type that is not served."""
    kind = _PLANS.get(str(plan.get("type")))
    read: AnyPlan | None = None if kind is None else unchecked(kind, plan)
    return read


def authentication_of(credential: ResourceDocument | None) -> ResourceDocument | None:
    """The authenticationPlan of a stored credential, as it was given; None if it has none."""
    plan = (credential or {}).get("authenticationPlan")
    return plan if isinstance(plan, Mapping) else None


def wants_encryption(credential: ResourceDocument | None) -> bool:
    return bool((credential or {}).get("encryptionPlan"))


AuthenticationPlan = Annotated[
    OAuth2AuthenticationPlan | HMACAuthenticationPlan | BearerAuthenticationPlan,
    Field(discriminator="type"),
]
