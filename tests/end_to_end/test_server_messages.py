"""Server messages of real calls: which go out, to whom, and how the receiver knows who sent them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.end_to_end.callers import call, exchange
from tests.end_to_end.model import Models
from tests.end_to_end.node import KEY, Node, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, soon
from tests.end_to_end.requests import RequestSink
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.visits import visit

GENERATED = "assistant-speaks-first-with-model-generated-message"
AUTH = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def models() -> Iterator[Models]:
    served = Models()
    yield served
    served.close()


@pytest.fixture
def raw() -> Iterator[RequestSink]:
    """A receiver that keeps every byte."""
    receiver = RequestSink()
    yield receiver
    receiver.close()


def greeter(models: Models, **changes: Any) -> dict[str, Any]:
    """An assistant that says one sentence and hangs up."""
    model = models.script("greeter", [["Good morning from the greeter."]])
    fields = {"firstMessage": "", "firstMessageMode": GENERATED, "endCallMessage": "", "model": model}
    return assistant(**fields, **changes)


def kinds(sink: WebhookSink) -> set[str]:
    sink.wait_for("end-of-call-report")
    return {one.type for one in sink.taken()}


def test_without_a_choice_the_usual_messages_go_out(service: Node, models: Models, sink: WebhookSink) -> None:
    visit(new_number(service, answered_by=greeter(models, server={"url": sink.url})))

    assert kinds(sink) == {
        "status-update",
        "end-of-call-report",
        "conversation-update",
        "speech-update",
        "assistant.started",
    }


async def test_what_the_caller_s_headers_say_is_in_every_message(
    service: Node, models: Models, sink: WebhookSink
) -> None:
    transient = greeter(models)
    sink.answer = lambda message: (
        200,
        {"assistant": transient} if message["type"] == "assistant-request" else {},
    )
    number = await asyncio.to_thread(new_number, service, answered_by=None, server={"url": sink.url})
    async with exchange(LOOPBACK, service.sip_port) as line:
        await call(line, number.uri(), headers=[("X-Guest-Name", "Ann"), ("x-ROOM", "12")])

    expected = {"assistant-request", "status-update", "conversation-update", "end-of-call-report"}
    assert expected <= await asyncio.to_thread(kinds, sink)
    for one in sink.taken():
        values = one.message["call"]["assistantOverrides"]["variableValues"]
        assert values == {"guest-name": "Ann", "room": "12"}, one.type


def test_only_the_chosen_messages_go_out(service: Node, models: Models, sink: WebhookSink) -> None:
    chosen = ["end-of-call-report", "model-output", "voice-input", "assistant.speechStarted"]
    document = greeter(models, server={"url": sink.url}, serverMessages=chosen)

    visit(new_number(service, answered_by=document))

    assert kinds(sink) == set(chosen)
    words = "Good morning from the greeter."
    assert (
        "".join(
            one.message["output"]
            for one in sink.taken("model-output")
            if isinstance(one.message["output"], str)
        )
        == words
    )
    assert words in [one.message["input"] for one in sink.taken("voice-input")]
    spoken = sink.wait_for("assistant.speechStarted")
    assert (spoken["text"], spoken["turn"], spoken["source"]) == (words, 0, "model")


def test_final_transcripts_can_be_had_alone(service: Node, models: Models, sink: WebhookSink) -> None:
    chosen = ['transcript[transcriptType="final"]', "end-of-call-report"]

    visit(new_number(service, answered_by=greeter(models, server={"url": sink.url}, serverMessages=chosen)))

    assert kinds(sink) == {"transcript", "end-of-call-report"}
    assert {one.message["transcriptType"] for one in sink.taken("transcript")} == {"final"}


def test_the_messages_of_a_call_come_in_order_each_with_an_id_of_its_own(
    service: Node, models: Models, sink: WebhookSink
) -> None:
    visit(new_number(service, answered_by=greeter(models, server={"url": sink.url})))

    sink.wait_for("end-of-call-report")
    taken = sink.taken()
    assert taken[-1].type == "end-of-call-report"
    stamps = [one.message["timestamp"] for one in taken]
    assert stamps == sorted(stamps)
    assert len({one.headers["webhook-id"] for one in taken}) == len(taken)
    for one in taken:
        assert one.message["call"]["phoneNumberId"] == one.message["phoneNumber"]["id"]
        assert one.message["customer"]["number"] == "offhook"


def test_the_assistant_goes_before_the_number_and_the_number_before_the_org(
    service: Node, models: Models
) -> None:
    of_assistant, of_number, of_org = WebhookSink(), WebhookSink(), WebhookSink()
    org = service.get("/org")[0]["id"]
    _patch_org(service, org, {"server": {"url": of_org.url}})
    try:
        own = {"server": {"url": of_number.url}}
        cases = [
            (greeter(models, server={"url": of_assistant.url}), own, of_assistant),
            (greeter(models), own, of_number),
            (greeter(models), {}, of_org),
        ]
        for index, (document, fields, expected) in enumerate(cases):
            models.script("greeter", [["Good morning."]])
            number = new_number(service, answered_by=document, **fields)
            visit(number)
            report = expected.wait_for("end-of-call-report")
            assert report["phoneNumber"]["id"] == number.id, index
        for sink in (of_assistant, of_number, of_org):
            assert len(sink.taken("end-of-call-report")) == 1
            assert len({one.message["call"]["id"] for one in sink.taken()}) == 1
    finally:
        _patch_org(service, org, {"server": None})
        for sink in (of_assistant, of_number, of_org):
            sink.down()


def _patch_org(service: Node, org: str, change: Mapping[str, Any]) -> None:
    answer = httpx.patch(f"{service.url}/org/{org}", json=change, headers=AUTH)
    assert answer.status_code == 200, answer.text


def test_a_secret_and_headers_go_with_every_message_and_into_none(
    service: Node, models: Models, raw: RequestSink
) -> None:
    server = {"url": raw.url, "secret": "the-server's-secret", "headers": {"X-Tenant": "tenant-7"}}

    visit(new_number(service, answered_by=greeter(models, server=server)))

    for request in _all_of_a_call(raw):
        assert request.headers["x-vapi-secret"] == "the-server's-secret"
        assert request.headers["x-tenant"] == "tenant-7"
        assert b"the-server's-secret" not in request.body
        assert b"tenant-7" not in request.body


def test_a_bearer_credential_goes_with_every_message(service: Node, models: Models, raw: RequestSink) -> None:
    plan = {"type": "bearer", "token": "t0ken", "headerName": "X-Auth", "bearerPrefixEnabled": False}
    credential = service.post("/credential", {"provider": "webhook", "authenticationPlan": plan})

    visit(
        new_number(
            service, answered_by=greeter(models, server={"url": raw.url, "credentialId": credential["id"]})
        )
    )

    assert {request.headers["x-auth"] for request in _all_of_a_call(raw)} == {"t0ken"}


def test_an_hmac_credential_signs_every_message(service: Node, models: Models, raw: RequestSink) -> None:
    plan = {
        "type": "hmac",
        "secretKey": base64.b64encode(b"signing key").decode(),
        "secretIsBase64": True,
        "algorithm": "sha512",
        "signatureHeader": "x-signed",
        "signaturePrefix": "v1=",
    }
    credential = service.post("/credential", {"provider": "webhook", "authenticationPlan": plan})

    visit(
        new_number(
            service, answered_by=greeter(models, server={"url": raw.url, "credentialId": credential["id"]})
        )
    )

    for request in _all_of_a_call(raw):
        signed = request.headers["x-timestamp"].encode() + b"." + request.body
        expected = hmac.new(b"signing key", signed, hashlib.sha512).hexdigest()
        assert request.headers["x-signed"] == f"v1={expected}"


def test_an_oauth_credential_fetches_a_token_once_and_sends_it(
    service: Node, models: Models, raw: RequestSink
) -> None:
    tokens = RequestSink()
    tokens.answer = 200, {"access_token": "fetched", "token_type": "Bearer", "expires_in": 3600}
    plan = {
        "type": "oauth2",
        "url": f"{tokens.url}/token",
        "clientId": "me",
        "clientSecret": "s3cret",
        "scope": "calls",
    }
    credential = service.post("/credential", {"provider": "webhook", "authenticationPlan": plan})

    visit(
        new_number(
            service, answered_by=greeter(models, server={"url": raw.url, "credentialId": credential["id"]})
        )
    )

    assert {request.headers["authorization"] for request in _all_of_a_call(raw)} == {"Bearer fetched"}
    (asked,) = tokens.requests
    tokens.close()
    assert asked.path == "/token"
    assert b"client_credentials" in asked.body


def _all_of_a_call(raw: RequestSink) -> list[Any]:
    soon(lambda: any(b'"end-of-call-report"' in one.body for one in list(raw.requests)))
    requests = list(raw.requests)
    assert len(requests) >= 5
    return requests


@pytest.mark.parametrize(
    ("plan", "tries"),
    [
        ({"maxRetries": 0}, 1),
        ({"maxRetries": 2}, 3),
        ({"maxRetries": 2, "excludedStatusCodes": [500]}, 1),
    ],
    ids=["none", "two more", "not for a 500"],
)
def test_a_message_that_fails_is_tried_as_often_as_its_plan_says(
    plan: dict[str, Any], tries: int, service: Node, models: Models, sink: WebhookSink
) -> None:
    left = [500, 500]
    sink.answer = lambda message: (left.pop() if left else 200, {})
    server = {"url": sink.url, "backoffPlan": {"type": "fixed", "baseDelaySeconds": 0, **plan}}
    number = new_number(
        service, answered_by=greeter(models, server=server, serverMessages=["end-of-call-report"])
    )

    visit(number)

    state = "delivered" if tries == 3 else "abandoned"
    query = f"/webhook?callId={number.call()['id']}&state={state}"
    assert len(soon(lambda: service.get(query))) == 1
    deliveries = sink.taken(answered=False)
    assert [one.status for one in deliveries] == [500, 500, 200][:tries]
    assert len({one.headers["webhook-id"] for one in deliveries}) == 1


def test_what_was_given_up_is_listed_and_sent_again(service: Node, models: Models) -> None:
    sink = WebhookSink()
    sink.answer = lambda message: (500, {"error": "no"})
    plan = {"type": "fixed", "maxRetries": 0, "baseDelaySeconds": 0}
    server = {"url": sink.url, "secret": "hush", "backoffPlan": plan}
    document = greeter(models, server=server, serverMessages=["end-of-call-report"])

    number = new_number(service, answered_by=document)
    visit(number)
    call_id = number.call()["id"]
    (given_up,) = soon(lambda: service.get(f"/webhook?callId={call_id}&state=abandoned"))
    assert (given_up["type"], given_up["lastStatus"]) == ("end-of-call-report", 500)
    sink.answer = lambda message: (200, {})
    again = httpx.post(f"{service.url}/webhook/{given_up['id']}/replay", headers=AUTH)

    assert again.status_code == 200
    assert "hush" not in again.text
    delivery = soon(lambda: sink.taken("end-of-call-report"))[0]
    sink.down()
    assert delivery.headers["webhook-id"] == given_up["id"]
    assert delivery.message == again.json()["message"]
    assert soon(lambda: service.get(f"/webhook?callId={call_id}&state=delivered"))
