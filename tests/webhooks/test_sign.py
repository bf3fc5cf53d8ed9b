from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import pytest

from offhook.schema.authentication_plan import HMACAuthenticationPlan, read_plan
from offhook.webhooks.receiver import Receiver
from offhook.webhooks.sign import CannotSign, hmac_headers, message_headers, standard_headers

BODY = (
    b'{"message":{"type":"status-update","status":"ended","timestamp":1786546871392,'
    b'"call":{"id":"call_kat123"}}}'
)
NOW = 1786546871.433
KEY = "whsec_vapi_sample_key"


def read_hmac(plan: Mapping[str, Any]) -> HMACAuthenticationPlan:
    read = read_plan(plan)
    assert isinstance(read, HMACAuthenticationPlan)
    return read


def signed(**plan: object) -> dict[str, str]:
    return hmac_headers(
        read_hmac({"type": "hmac", "secretKey": KEY, "algorithm": "sha256", **plan}),
        BODY,
        url="https://x/hook",
        webhook_id="msg_1",
        now=NOW,
    )


def test_known_answers_of_the_original() -> None:
    """The vectors of vapi-wire §4.2."""
    assert signed(payloadFormat="{body}")["x-signature"] == (
        "bf7be5b3be319cba484d93d31bc820376566161a3a0a442c3b9292fc599a15e4"
    )
    assert signed() == {
        "x-signature": "708dd047594968a1403c7e1695e89d3e0898ad57e0c6990ace3576f9a0259184",
        "x-timestamp": "1786546871433",
    }


def test_standard_webhooks_known_answer() -> None:
    """Made with the PyPI package `standardwebhooks` 1.1.0."""
    headers = standard_headers(
        b'{"test": 2432232314}',
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330.9,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_signing_secret_in_plain_text_is_taken_as_it_is() -> None:
    plain = standard_headers(b"{}", "id", 1, "just-a-passphrase")
    encoded = "whsec_" + base64.b64encode(b"just-a-passphrase").decode()
    assert standard_headers(b"{}", "id", 1, encoded) == plain
    assert "webhook-signature" not in standard_headers(b"{}", "id", 1, None)
    with pytest.raises(CannotSign):
        standard_headers(b"{}", "id", 1, "whsec_not base64!")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_every_algorithm(algorithm: str) -> None:
    expected = hmac.new(KEY.encode(), BODY, getattr(hashlib, algorithm)).hexdigest()
    assert signed(algorithm=algorithm, includeTimestamp=False) == {"x-signature": expected}


def test_every_option_of_an_hmac_credential() -> None:
    secret = b"\x00binary\xff"
    headers = signed(
        secretKey=base64.b64encode(secret).decode(),
        secretIsBase64=True,
        payloadFormat="{svix-id}|{timestamp}|{method}|{url}|{body}|{unknown}|{",
        signatureHeader="X-Sig",
        timestampHeader="X-When",
        signaturePrefix="v1=",
        signatureEncoding="base64",
        messageIdHeader="X-Id",
    )
    payload = b"msg_1|1786546871433|POST|https://x/hook|" + BODY + b"|{unknown}|{"
    digest = base64.b64encode(hmac.digest(secret, payload, "sha256")).decode()
    assert headers == {"X-Sig": f"v1={digest}", "X-When": "1786546871433", "X-Id": "msg_1"}


def test_what_a_body_holds_is_not_filled_in() -> None:
    plan = {"type": "hmac", "secretKey": "k", "algorithm": "sha256", "payloadFormat": "{body}.{timestamp}"}
    body = b'{"text":"{timestamp}{body}"}'
    headers = hmac_headers(read_hmac(plan), body, url="u", webhook_id="i", now=1.0)
    assert headers["x-signature"] == hmac.digest(b"k", body + b".1000", "sha256").hex()


@pytest.mark.parametrize("plan", [{"algorithm": "md5"}, {"secretIsBase64": True, "secretKey": "not base64!"}])
def test_an_hmac_credential_that_makes_no_sense_says_so(plan: dict[str, object]) -> None:
    with pytest.raises(CannotSign):
        signed(**plan)


def headers_of(receiver: Receiver, token: str | None = None) -> dict[str, str]:
    made = message_headers(receiver, BODY, webhook_id="msg_1", now=NOW, token=token)
    assert made.pop("webhook-id") == "msg_1"
    assert made.pop("webhook-timestamp") == "1786546871"
    assert made.pop("Content-Type") == "application/json"
    return made


def test_a_secret_is_sent_as_it_is() -> None:
    assert headers_of(Receiver("u", secret="s3cret")) == {"X-Vapi-Secret": "s3cret"}


@pytest.mark.parametrize(
    ("plan", "sent"),
    [
        ({}, {"Authorization": "Bearer T"}),
        ({"headerName": "X-Key"}, {"X-Key": "Bearer T"}),
        ({"headerName": "X-Vapi-Secret", "bearerPrefixEnabled": False}, {"X-Vapi-Secret": "T"}),
    ],
)
def test_bearer_credentials(plan: dict[str, object], sent: dict[str, str]) -> None:
    assert headers_of(Receiver("u", authentication={"type": "bearer", "token": "T", **plan})) == sent


def test_the_servers_own_headers_win() -> None:
    receiver = Receiver(
        "u",
        secret="s",
        headers={"authorization": "Basic mine", "X-More": "1"},
        authentication={"type": "bearer", "token": "T"},
    )
    assert headers_of(receiver) == {"X-Vapi-Secret": "s", "authorization": "Basic mine", "X-More": "1"}


def test_an_access_token_is_a_bearer_token() -> None:
    receiver = Receiver("u", authentication={"type": "oauth2", "url": "o"})
    assert headers_of(receiver, token="abc") == {"Authorization": "Bearer abc"}


@pytest.mark.parametrize(
    "plan",
    [
        {"type": "mystery"},
        {"type": "bearer", "token": "a\r\nX-Injected: b"},
        {"type": "bearer", "token": "t", "headerName": "not a name"},
    ],
)
def test_what_cannot_be_sent_is_refused_without_its_secret(plan: dict[str, object]) -> None:
    with pytest.raises(CannotSign) as caught:
        headers_of(Receiver("u", authentication=plan))
    assert "Injected" not in str(caught.value)
