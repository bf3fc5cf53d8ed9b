"""Tools in real calls: asked of the right server, with what the model chose, and their results told to it.

The model of each test is a server that says what the test has written down; the caller only listens."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from tests.end_to_end.model import Models, Part, Use
from tests.end_to_end.node import KEY, Node, Number, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, soon
from tests.end_to_end.requests import RequestSink
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.visits import Visit, visit
from tests.machine import PATIENCE

GENERATED = "assistant-speaks-first-with-model-generated-message"
LOOKUP = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def models() -> Iterator[Models]:
    served = Models()
    yield served
    served.close()


@pytest.fixture
def own() -> Iterator[WebhookSink]:
    """The server of a tool."""
    receiver = WebhookSink()
    yield receiver
    receiver.down()


@pytest.fixture
def outside() -> Iterator[RequestSink]:
    """An API of somebody else's."""
    sink = RequestSink()
    yield sink
    sink.close()


class Desk:
    """Numbers whose assistant has a scripted model; its server messages go to the sink."""

    def __init__(self, service: Node, models: Models, sink: WebhookSink) -> None:
        self._service = service
        self._models = models
        self._sink = sink

    def number(self, answers: Sequence[Sequence[Part]], *tools: Mapping[str, Any], **model: Any) -> Number:
        document = assistant(
            firstMessage="",
            firstMessageMode=GENERATED,
            endCallMessage="Bye.",
            server={"url": self._sink.url, "secret": "of the assistant"},
            serverMessages=["status-update", "end-of-call-report", "tool-calls", "transfer-update"],
            model=self._models.script("desk", answers, tools=list(tools), **model),
        )
        return new_number(self._service, answered_by=document)

    def visited(self, answers: Sequence[Sequence[Part]], *tools: Mapping[str, Any], **model: Any) -> Visit:
        return visit(self.number(answers, *tools, **model))


@pytest.fixture
def desk(service: Node, models: Models, sink: WebhookSink) -> Desk:
    return Desk(service, models, sink)


def result_of(text: str, **more: Any) -> Any:
    """A server that answers every tool call with this result."""

    def answer(message: Mapping[str, Any]) -> tuple[int, Any]:
        if message["type"] != "tool-calls":
            return 200, {}
        (call,) = message["toolCallList"]
        return 200, {"results": [{"toolCallId": call["id"], "name": call["name"], "result": text, **more}]}

    return answer


ASKS = [Use("look_up", {"city": "Paris"})]


def test_a_tool_s_own_server_is_asked_and_its_answer_told_to_the_model(
    desk: Desk, models: Models, sink: WebhookSink, own: WebhookSink
) -> None:
    own.answer = result_of("sunny")
    tool = {
        **LOOKUP,
        "server": {"url": own.url, "secret": "of the tool", "headers": {"X-Desk": "7"}},
        "parameters": [{"key": "caller", "value": "{{customer.number}}"}, {"key": "units", "value": "C"}],
        "messages": [{"type": "request-start", "content": "Let me look outside the window."}],
    }

    heard = desk.visited([ASKS, ["You will need an umbrella in the morning."]], tool)

    (delivery,) = own.taken()
    assert delivery.headers["x-vapi-secret"] == "of the tool"
    assert delivery.headers["x-desk"] == "7"
    message = delivery.message
    assert message["type"] == "tool-calls"
    assert message["toolCallList"][0]["function"] == {
        "name": "look_up",
        "arguments": {"city": "Paris", "caller": "offhook", "units": "C"},
    }
    assert message["toolWithToolCallList"][0]["function"]["name"] == "look_up"
    assert message["call"]["id"] == sink.wait_for("end-of-call-report")["call"]["id"]
    assert sink.taken("tool-calls") == []
    assert models.results("desk")[0] == "sunny"
    assert "outside the window" in heard.words
    assert "umbrella in the morning" in heard.words


def test_a_tool_without_a_server_is_asked_of_the_assistant_s(
    desk: Desk, models: Models, sink: WebhookSink
) -> None:
    sink.answer = result_of("rain")

    desk.visited([ASKS, ["It rains."]], LOOKUP)

    (delivery,) = sink.taken("tool-calls")
    assert delivery.headers["x-vapi-secret"] == "of the assistant"
    assert models.results("desk")[0] == "rain"


def test_a_result_s_message_is_spoken_and_the_model_is_not_asked(
    desk: Desk, models: Models, sink: WebhookSink
) -> None:
    words = {
        "type": "request-complete",
        "content": "The weather is fine everywhere.",
        "endCallAfterSpokenEnabled": True,
    }
    sink.answer = result_of("fine", message=words)

    heard = desk.visited([ASKS, ["This is never said."]], LOOKUP)

    assert "weather is fine everywhere" in heard.words
    assert len(models.requests["desk"]) == 1
    report = sink.wait_for("end-of-call-report")
    assert report["endedReason"] == "assistant-ended-call-after-message-spoken"


def test_a_server_that_takes_too_long_has_failed_and_the_caller_is_told_why_they_wait(
    desk: Desk, models: Models, own: WebhookSink
) -> None:
    def slow(message: Mapping[str, Any]) -> tuple[int, Any]:
        time.sleep(4)
        return result_of("too late")(message)

    own.answer = slow
    tool = {
        **LOOKUP,
        "server": {"url": own.url, "timeoutSeconds": 3},
        "messages": [
            {"type": "request-start", "content": "One second."},
            {
                "type": "request-response-delayed",
                "content": "The computer is slow.",
                "timingMilliseconds": 1500,
            },
            {"type": "request-failed", "content": "My computer does not work today."},
        ],
    }

    heard = desk.visited([[*ASKS]], tool)

    assert "computer is slow" in heard.words
    assert "does not work today" in heard.words
    assert len(models.requests["desk"]) == 1


def test_an_async_tool_is_not_waited_for(desk: Desk, own: WebhookSink) -> None:
    ended = threading.Event()

    def after_the_call(message: Mapping[str, Any]) -> tuple[int, Any]:
        return (200, {}) if ended.wait(PATIENCE) else (500, {})

    own.answer = after_the_call
    tool = {
        **LOOKUP,
        "async": True,
        "server": {"url": own.url},
        "messages": [{"type": "request-complete", "content": "I have told them so."}],
    }

    heard = desk.visited([[*ASKS, Use("endCall", {})]], tool)

    assert "told them so" in heard.words
    assert own.taken() == []
    ended.set()
    assert soon(lambda: own.taken("tool-calls"))


def test_a_stored_tool_is_called_by_its_id(
    desk: Desk, models: Models, service: Node, own: WebhookSink
) -> None:
    own.answer = result_of("stored")
    stored = service.post("/tool", {**LOOKUP, "server": {"url": own.url, "secret": "of the tool"}})

    desk.visited([ASKS, ["Thanks."]], toolIds=[stored["id"]])

    assert models.results("desk")[0] == "stored"
    (delivery,) = own.taken("tool-calls")
    assert delivery.headers["x-vapi-secret"] == "of the tool"
    offered = [one["function"]["name"] for one in models.requests["desk"][0]["tools"]]
    assert offered == ["endCall", "look_up"]


def test_an_assistant_cannot_name_a_tool_that_does_not_exist(service: Node) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = httpx.post(
        f"{service.url}/assistant",
        json={"model": {"provider": "vapi", "toolIds": [unknown]}},
        headers={"Authorization": f"Bearer {KEY}"},
    )

    assert answer.status_code == 400
    assert answer.json()["message"] == f"model.toolIds: {unknown} does not exist"


def test_an_api_request_is_filled_from_the_model_and_the_call(
    desk: Desk, models: Models, service: Node, outside: RequestSink
) -> None:
    credential = service.post(
        "/credential", {"provider": "webhook", "authenticationPlan": {"type": "bearer", "token": "t0ken"}}
    )
    outside.answer = 200, {"booked": "for nine"}
    tool = {
        "type": "apiRequest",
        "name": "book",
        "method": "POST",
        "url": f"{outside.url}/tables/{{{{guests}}}}?from={{{{customer.number}}}}",
        "headers": {
            "type": "object",
            "properties": {"X-Number": {"type": "string", "value": "{{phoneNumber.id}}"}},
        },
        "body": {
            "type": "object",
            "properties": {
                "guests": {"type": "number"},
                "source": {"type": "string", "value": "phone of {{customer.number}}"},
            },
            "required": ["guests"],
        },
        "credentialId": credential["id"],
    }

    number = desk.number([[Use("book", {"guests": 4})], ["You are booked for nine."]], tool)
    visit(number)

    (request,) = outside.requests
    assert (request.method, request.path) == ("POST", "/tables/4?from=offhook")
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["x-number"] == number.id
    assert request.json == {"guests": 4, "source": "phone of offhook"}
    assert models.results("desk")[0] == '{"booked": "for nine"}'
    (offered,) = [
        one["function"] for one in models.requests["desk"][0]["tools"] if one["function"]["name"] == "book"
    ]
    assert list(offered["parameters"]["properties"]) == ["guests"]


def test_what_an_api_answers_after_a_retry_fills_the_next_request(
    desk: Desk, models: Models, service: Node, outside: RequestSink
) -> None:
    plan = {"type": "hmac", "secretKey": "k", "algorithm": "sha256", "payloadFormat": "{body}"}
    credential = service.post("/credential", {"provider": "webhook", "authenticationPlan": plan})
    outside.answers = [(503, {}), (200, {"user": {"id": "u7"}}), (200, {})]
    find = {
        "type": "apiRequest",
        "name": "find",
        "method": "GET",
        "url": f"{outside.url}/users?number={{{{customer.number}}}}",
        "backoffPlan": {"type": "fixed", "maxRetries": 2, "baseDelaySeconds": 0},
        "variableExtractionPlan": {"aliases": [{"key": "userId", "value": "{{ $.user.id }}"}]},
    }
    order = {
        "type": "apiRequest",
        "name": "order",
        "method": "PUT",
        "url": f"{outside.url}/users/{{{{userId}}}}/orders",
        "parameters": [{"key": "user", "value": "{{userId}}"}],
        "credentialId": credential["id"],
    }

    desk.visited([[Use("find", {})], [Use("order", {"item": "rose"})], ["It is ordered."]], find, order)

    first, again, ordered = outside.requests
    assert first.path == again.path == "/users?number=offhook"
    assert (ordered.method, ordered.path) == ("PUT", "/users/u7/orders")
    assert ordered.json == {"item": "rose", "user": "u7"}
    assert ordered.headers["x-signature"] == hmac.new(b"k", ordered.body, "sha256").hexdigest()


def test_what_is_to_be_encrypted_does_not_go_out_in_the_clear(
    desk: Desk, models: Models, service: Node, outside: RequestSink
) -> None:
    plan = {
        "type": "public-key",
        "algorithm": "RSA-OAEP-256",
        "publicKey": {"format": "spki-pem", "pem": "-----BEGIN PUBLIC KEY-----"},
    }
    credential = service.post(
        "/credential",
        {
            "provider": "custom-credential",
            "authenticationPlan": {"type": "bearer", "token": "t0ken"},
            "encryptionPlan": plan,
        },
    )
    tool = {
        "type": "apiRequest",
        "name": "pay",
        "method": "POST",
        "url": outside.url,
        "body": {"type": "object", "properties": {"card": {"type": "string"}}},
        "encryptedPaths": ["card"],
        "credentialId": credential["id"],
    }

    desk.visited([[Use("pay", {"card": "4111"})], ["I cannot do that."]], tool)

    assert outside.requests == []
    assert models.results("desk") == ["encryption of a tool's arguments is not served here"]


def test_an_api_request_that_is_refused_is_news_to_the_model(
    desk: Desk, models: Models, outside: RequestSink
) -> None:
    outside.answer = 409, {"reason": "full"}
    tool = {"type": "apiRequest", "name": "book", "method": "GET", "url": outside.url}

    desk.visited([[Use("book", {})], ["We are full."]], tool)

    assert models.results("desk")[0] == 'the request failed: it answered 409: {"reason": "full"}'
    assert outside.requests[0].body == b""


def test_keys_are_pressed_and_requests_sent_in_the_dialog(desk: Desk, models: Models) -> None:
    tell = {
        "type": "sipRequest",
        "function": {"name": "tell"},
        "verb": "INFO",
        "headers": {
            "type": "object",
            "properties": {
                "X-Ticket": {"type": "string", "value": "{{number}}"},
                "Via": {"type": "string", "value": "SIP/2.0/UDP nowhere"},
            },
        },
        "body": "ticket {{number}}",
    }
    by_info = {"type": "dtmf", "function": {"name": "info"}, "sipInfoDtmfEnabled": True}

    heard = desk.visited(
        [
            [Use("dtmf", {"dtmf": "12#"})],
            [Use("info", {"dtmf": "5"})],
            [Use("tell", {"number": 42})],
            ["That was all of it."],
        ],
        {"type": "dtmf"},
        by_info,
        tell,
    )

    assert heard.digits == "12#5"  # the 5 came by INFO
    pressed, told = heard.of("INFO")
    assert pressed.headers.get("Content-Type") == "application/dtmf-relay"
    assert pressed.body == b"Signal=5\r\nDuration=100\r\n"
    assert told.headers.get("X-Ticket") == "42"
    assert told.body == b"ticket 42"
    assert [str(via) for via in told.headers.lines("Via")] != ["SIP/2.0/UDP nowhere"]
    assert models.results("desk") == ["Pressed 12#.", "Pressed 5.", "200 OK"]


def test_tools_that_are_not_served_are_news_to_the_model(desk: Desk, models: Models) -> None:
    kinds: list[dict[str, Any]] = [
        {"type": "sms", "metadata": {"from": "+15550100"}},
        {"type": "voicemail"},
        {"type": "code", "function": {"name": "code"}, "code": "return 1"},
    ]

    desk.visited([[Use("sms", {"message": "hi"}), Use("voicemail", {}), Use("code", {})], ["Well."]], *kinds)

    assert models.results("desk") == [
        "tools of the type sms are not served here",
        "tools of the type voicemail are not served here",
        "tools of the type code are not served here",
    ]


def test_a_transfer_tool_without_destinations_asks_where_to(desk: Desk, sink: WebhookSink) -> None:
    to = {"type": "sip", "sipUri": f"sip:agent@{LOOPBACK}:5099"}

    def answer(message: Mapping[str, Any]) -> tuple[int, Any]:
        asked = message["type"] == "transfer-destination-request"
        return 200, {"destination": to, "message": "I will connect you with our agent."} if asked else {}

    sink.answer = answer

    heard = desk.visited([[Use("transferCall", {"destination": "agent"})]], {"type": "transferCall"})

    (refer,) = heard.of("REFER")
    assert str(refer.headers.get("Refer-To")) == f"<sip:agent@{LOOPBACK}:5099>"
    assert "connect you with our agent" in heard.words
    assert sink.wait_for("transfer-update")["destination"] == to
    assert len(sink.taken("transfer-destination-request")) == 1


def test_the_refer_of_a_transfer_sums_the_call_up(desk: Desk, models: Models) -> None:
    plan = {
        "mode": "blind-transfer-add-summary-to-sip-header",
        "summaryPlan": {
            "messages": [{"role": "user", "content": "Sum this up for our agent: {{transcript}}"}]
        },
    }
    to = {"type": "sip", "sipUri": f"sip:agent@{LOOPBACK}:5099", "message": "", "transferPlan": plan}
    answers: list[Any] = [
        ["Good morning.", Use("transferCall", {"destination": to["sipUri"]})],
        ["Nobody has asked\r\nfor anything."],
    ]

    heard = desk.visited(answers, {"type": "transferCall", "destinations": [to]})

    (refer,) = heard.of("REFER")
    assert refer.headers.get("X-Transfer-Summary") == "Nobody has asked for anything."
    assert str(refer.headers.get("Refer-To")) == f"<{to['sipUri']}>"
    ((role, prompt),) = models.said("desk")
    assert role == "user"
    assert prompt.startswith("Sum this up for our agent:")
    assert "Good morning." in prompt


def test_a_server_that_names_nobody_is_news_to_the_model(
    desk: Desk, models: Models, sink: WebhookSink
) -> None:
    sink.answer = lambda message: (200, {"error": "Nobody is in."})

    desk.visited([[Use("transferCall", {})], ["Nobody is there."]], {"type": "transferCall"})

    assert models.results("desk")[0] == "Nobody is in."
    soon(lambda: sink.taken("end-of-call-report"))
