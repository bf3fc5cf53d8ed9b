"""The headers by which a receiver knows who sent a message (vapi-wire §4.2, and Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from offhook.schema.authentication_plan import (
    BearerAuthenticationPlan,
    HMACAuthenticationPlan,
    OAuth2AuthenticationPlan,
    read_plan,
)
from offhook.webhooks.receiver import Receiver, valid_header

_DIGESTS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512, "sha1": hashlib.sha1}


class CannotSign(Exception):
    """The credential does not say how to sign. The text says what is wrong with it, without its secret."""


def message_headers(
    receiver: Receiver,
    body: bytes,
    *,
    webhook_id: str,
    now: float,
    signing_secret: str | None = None,
    token: str | None = None,
) -> dict[str, str]:
    """All headers of one attempt to send `body`, made at `now` (seconds since the epoch). `signing_secret`
    adds `webhook-signature`. `token` is the access token of an `oauth2` credential. The server's own headers
    take precedence over the credential's. Raises CannotSign."""
    headers = {"Content-Type": "application/json"}
    if receiver.secret is not None:
        headers["X-Vapi-Secret"] = receiver.secret
    if receiver.authentication is not None:
        headers.update(_credential_headers(receiver, body, webhook_id, now, token))
    given = {name.lower() for name in receiver.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in given}
    headers.update(receiver.headers)
    headers.update(standard_headers(body, webhook_id, now, signing_secret))
    for name, value in headers.items():
        if not valid_header(name, value):
            raise CannotSign(f"the header {name[:80]!r} cannot be sent: use visible ASCII characters")
    return headers


def standard_headers(body: bytes, webhook_id: str, now: float, secret: str | None) -> dict[str, str]:
    """The headers of Standard Webhooks: id, time in seconds and, with a secret, the signature over them and
    the body. If a secret starts with `whsec_`, the rest is Base64; any other secret is used as it is."""
    timestamp = str(int(now))
    headers = {"webhook-id": webhook_id, "webhook-timestamp": timestamp}
    if secret is not None:
        signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
        digest = hmac.digest(standard_key(secret), signed, "sha256")
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return headers


def standard_key(secret: str) -> bytes:
    """The key that a signing secret stands for. Raises CannotSign."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise CannotSign("the signing secret is not Base64 after whsec_") from None


def _credential_headers(
    receiver: Receiver, body: bytes, webhook_id: str, now: float, token: str | None
) -> dict[str, str]:
    given = receiver.authentication or {}
    match plan := read_plan(given):
        case BearerAuthenticationPlan():
            return bearer_headers(plan)
        case OAuth2AuthenticationPlan():
            return {} if token is None else {"Authorization": f"Bearer {token}"}
        case HMACAuthenticationPlan():
            return hmac_headers(plan, body, url=receiver.url, webhook_id=webhook_id, now=now)
        case None:
            raise CannotSign(f"credentials of the type {str(given.get('type'))[:40]!r} are not served")


def bearer_headers(plan: BearerAuthenticationPlan) -> dict[str, str]:
    token = str(plan.token or "")
    prefixed = plan.bearer_prefix_enabled is not False
    return {str(plan.header_name or "Authorization"): f"Bearer {token}" if prefixed else token}


def hmac_headers(
    plan: HMACAuthenticationPlan,
    body: bytes,
    *,
    url: str,
    webhook_id: str,
    now: float,
    method: str = "POST",
) -> dict[str, str]:
    """By default `x-signature` with bare hex over `{timestamp}.{body}`, and `x-timestamp` in milliseconds;
    with `includeTimestamp` false over the body alone. Raises CannotSign."""
    include_timestamp = plan.include_timestamp is not False
    template = str(plan.payload_format or ("{timestamp}.{body}" if include_timestamp else "{body}"))
    timestamp = str(round(now * 1000))
    values = {
        b"timestamp": timestamp.encode(),
        b"method": method.encode(),
        b"url": url.encode(),
        b"svix-id": webhook_id.encode(),
        b"body": body,
    }
    digest = hmac.new(_hmac_key(plan), _fill(template.encode(), values), _digest(plan)).digest()
    encoded = base64.b64encode(digest).decode() if plan.signature_encoding == "base64" else digest.hex()
    headers = {str(plan.signature_header or "x-signature"): f"{plan.signature_prefix or ''}{encoded}"}
    if include_timestamp:
        headers[str(plan.timestamp_header or "x-timestamp")] = timestamp
    if plan.message_id_header:
        headers[str(plan.message_id_header)] = webhook_id
    return headers


def _fill(template: bytes, values: Mapping[bytes, bytes]) -> bytes:
    """Fills each `{name}` of the template once, from left to right. Values are not filled again."""
    filled = bytearray()
    rest = template
    while rest:
        before, brace, after = rest.partition(b"{")
        filled += before
        name, closing, tail = after.partition(b"}")
        if closing and name in values:
            filled += values[name]
            rest = tail
        else:
            filled += brace
            rest = after
    return bytes(filled)


def _digest(plan: HMACAuthenticationPlan) -> Any:
    try:
        return _DIGESTS[str(getattr(plan, "algorithm", None) or "sha256")]
    except KeyError:
        raise CannotSign("the algorithm must be sha256, sha512 or sha1") from None


def _hmac_key(plan: HMACAuthenticationPlan) -> bytes:
    secret = str(plan.secret_key or "")
    if not plan.secret_is_base64:
        return secret.encode()
    try:
        # Secrets in the style of Svix are Base64 after a prefix.
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise CannotSign("the secret key is not Base64, as secretIsBase64 says") from None
