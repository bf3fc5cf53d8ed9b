"""Phone numbers: what may be written, and what Offhook has not."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.schema import CreateVapiPhoneNumberDTO, UpdateVapiPhoneNumberDTO, document, unserved
from tests.schema.parsing import Invalid, parse

SIP = {"provider": "vapi", "sipUri": "sip:front@example.org"}


@pytest.mark.parametrize(
    "uri",
    [
        "sip:front@example.org",
        "SIP:Front.Desk+1@example.org:5080",
        "sip:1001@192.0.2.7",
        "sip:1001@[2001:db8::1]:5060",
        "sip:anna%20b@host",
        "sip:%C3%BCn%C3%AF@host",
        "sip:*97/(a)!~&=$,@host",
    ],
)
def test_a_sip_uri_is_user_host_and_maybe_port(uri: str) -> None:
    assert parse(CreateVapiPhoneNumberDTO, {**SIP, "sipUri": uri}).sip_uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "front@example.org",
        "sips:front@example.org",
        "sip:example.org",
        "sip:@example.org",
        "sip:a b@example.org",
        "sip:ünï@example.org",
        "sip:a%00b@example.org",
        "sip:a%7Fb@example.org",
        "sip:100%@example.org",
        "sip:user:password@example.org",
        "sip:a@[::1::2]",
        "sip:a@example.org;transport=tcp",
        "sip:a@example.org?x=y",
        "sip:a@example.org:",
        "sip:a@example.org:0",
        "sip:a@example.org:65536",
        "sip:a@example.org\r\nX: y",
        "sip:a@b@c",
        "sip:a@",
        "sip:a@exämple.org",
        "sip:" + "a" * 5000 + "@example.org",
    ],
)
def test_anything_else_is_refused(uri: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(CreateVapiPhoneNumberDTO, {**SIP, "sipUri": uri})
    assert refusal.value.sentences == ["sipUri must be a SIP URI: sip:user@host or sip:user@host:port"]


def test_credentials_are_twenty_to_forty_characters() -> None:
    good = {"username": "u" * 20, "password": "p" * 40, "realm": "example.org"}
    assert (
        document(parse(CreateVapiPhoneNumberDTO, {**SIP, "authentication": good}))["authentication"] == good
    )

    with pytest.raises(Invalid) as refusal:
        parse(
            CreateVapiPhoneNumberDTO, {**SIP, "authentication": {"username": "short", "password": "p" * 41}}
        )
    assert refusal.value.sentences == [
        "authentication.username must be longer than or equal to 20 characters",
        "authentication.password must be shorter than or equal to 40 characters",
    ]


def test_a_ringing_hook_has_a_list_of_actions_and_an_ending_hook_one() -> None:
    say = {"type": "say", "exact": "Closed today."}
    hooks = [
        {
            "on": "call.ringing",
            "filters": [{"type": "startsWith", "key": "number", "startsWith": ["+1"]}],
            "do": [
                say,
                {"type": "transfer", "destination": {"type": "sip", "sipUri": "sip:night@example.org"}},
            ],
        },
        {
            "on": "call.ending",
            "filters": [{"type": "oneOf", "key": "call.endedReason", "oneOf": ["assistant-request-failed"]}],
            "do": say,
        },
    ]
    assert document(parse(CreateVapiPhoneNumberDTO, {**SIP, "hooks": hooks}))["hooks"] == hooks

    with pytest.raises(Invalid) as refusal:
        parse(CreateVapiPhoneNumberDTO, {**SIP, "hooks": [{"on": "call.ringing", "do": say}]})
    assert refusal.value.sentences == ["hooks.0.do must be an array"]


def test_a_change_needs_no_provider_and_null_is_kept_as_null() -> None:
    change = {"assistantId": None, "name": "n"}

    assert document(parse(UpdateVapiPhoneNumberDTO, change)) == change


@pytest.mark.parametrize("provider", ["twilio", "vonage", "telnyx"])
def test_numbers_of_carriers_are_recognised_and_refused(provider: str) -> None:
    sentence = unserved({"provider": provider, "number": "+15550100"})

    assert sentence is not None
    assert sentence.startswith(
        f"provider {provider} is not served by Offhook: use provider vapi, a SIP number"
    )


def test_workflows_and_telephone_numbers_are_recognised_and_refused() -> None:
    assert "workflows are not served" in str(unserved({"provider": "vapi", "workflowId": "w"}))
    assert "use sipUri" in str(unserved({"provider": "vapi", "numberDesiredAreaCode": "415"}))


@pytest.mark.parametrize("value", [SIP, {**SIP, "workflowId": None}, {"provider": ["x"]}, {}])
def test_everything_else_is_for_the_validation(value: dict[str, Any]) -> None:
    assert unserved(value) is None
