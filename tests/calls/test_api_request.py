"""What an apiRequest tool sends, from its definition and what the model chose, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import pytest

from offhook.calls.world.asked_again import MOST_SECONDS
from offhook.calls.world.tools.api_request import ApiRequest
from offhook.calls.world.tools.parameters import filled
from offhook.calls.world.tools.server_tool import MAX_RESULT_CHARACTERS
from offhook.calls.world.tools.tool_site import Result
from offhook.conversation.events import ToolOutcome
from offhook.language.language_model import ToolCall
from offhook.language.template import render as liquid
from offhook.schema.tools.json_schema import JsonSchema
from offhook.schema.tools.tool import ApiRequestTool
from offhook.webhooks.client import Answer, AskFailed, OutsideRequest
from tests.calls.house import virtual

CALL = ToolCall("t1", "book", {"guests": 4, "name": "Ann"})
KNOWN = {"customer": {"number": "+1555"}, "guests": 99, "plan": "gold"}


def render(text: str, more: Mapping[str, Any]) -> str:
    return liquid(text, more, 0.0)


def request_of(**tool: Any) -> ApiRequest:
    given = {"type": "apiRequest", "method": "POST", "url": "https://api.test/", **tool}
    return ApiRequest(ApiRequestTool.model_validate(given), KNOWN, render)


def outgoing(call: ToolCall = CALL, **tool: Any) -> OutsideRequest:
    return request_of(**tool).outgoing(call)


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def body_of(request: OutsideRequest) -> Any:
    assert request.body is not None
    return json.loads(request.body)


def test_templates_are_filled_in_url_and_headers() -> None:
    headers = schema(
        **{
            "X-Name": {"type": "string", "value": "for {{name}} on {{plan}}"},
            "X-Plain": "as it is",
            "X-Fallback": {"type": "string", "default": "7"},
            "X-Nothing": {"type": "string"},
        }
    )

    request = outgoing(url=" https://api.test/{{name}}?from={{customer.number}} ", headers=headers)

    assert request.url == "https://api.test/Ann?from=+1555"
    assert request.headers == {"X-Name": "for Ann on gold", "X-Plain": "as it is", "X-Fallback": "7"}
    assert request.body is None


def test_the_body_is_what_the_model_chose_with_what_the_owner_fixed() -> None:
    body = schema(guests={"type": "number"}, by={"type": "object", "value": {"who": ["{{name}}"]}})

    request = outgoing(body=body, parameters=[{"key": "source", "value": "phone"}])

    assert body_of(request) == {"guests": 4, "name": "Ann", "by": {"who": ["Ann"]}, "source": "phone"}


FUNCTION = {"name": "book", "parameters": schema(guests={"type": "number"})}


@pytest.mark.parametrize(
    ("tool", "body"),
    [
        ({"function": FUNCTION}, {"guests": 4, "name": "Ann"}),
        ({"parameters": [{"key": "a", "value": [1]}]}, {"guests": 4, "name": "Ann", "a": [1]}),
        ({"body": schema()}, {"guests": 4, "name": "Ann"}),
        ({"method": "DELETE", "body": schema()}, {"guests": 4, "name": "Ann"}),
        ({"method": "PATCH", "body": schema()}, {"guests": 4, "name": "Ann"}),
        ({"method": "GET", "body": schema()}, None),
        ({}, None),
    ],
)
def test_who_sends_a_body(tool: dict[str, Any], body: dict[str, Any] | None) -> None:
    request = outgoing(**tool)

    assert (None if request.body is None else json.loads(request.body)) == body


def test_an_argument_comes_before_a_variable_only_if_the_tool_has_asked_for_it() -> None:
    assert outgoing(url="https://api.test/{{guests}}", body=schema(guests={})).url == "https://api.test/4"
    assert outgoing(url="https://api.test/{{guests}}").url == "https://api.test/99"


def test_nothing_that_a_model_says_changes_what_is_known_of_the_call() -> None:
    """A caller who talks the model into it sends another caller's number otherwise."""
    call = ToolCall("t1", "book", {"customer": {"number": "+1666"}, "plan": "platinum", "guests": 4})
    fixed = {"key": "from", "value": "{{customer.number}}, {{plan}}, {{guests}}"}
    asked = {"parameters": [fixed], "function": {"name": "b", "parameters": schema(customer={}, plan={})}}

    request = outgoing(call, url="https://api.test/{{customer.number}}", **asked)

    assert request.url == "https://api.test/+1555"
    assert body_of(request)["from"] == "+1555, gold, 99"


def test_no_schema_is_nothing() -> None:
    assert filled(None, CALL, render) == {}
    assert filled(JsonSchema(type="object"), CALL, render) == {}


class Api:
    """Answers one after another; the last one again and again. `at`: when it was asked, and for how long."""

    def __init__(self, *answers: bytes | AskFailed, takes: float = 0.0) -> None:
        self.answers = list(answers)
        self.takes = takes
        self.at: list[tuple[float, float]] = []

    async def send(self, request: OutsideRequest, seconds: float) -> Answer:
        self.at.append((round(asyncio.get_running_loop().time(), 3), round(seconds, 3)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(min(self.takes, seconds))
        if self.takes >= seconds:
            raise AskFailed("timeout", f"no whole answer within {seconds:g} s")
        if isinstance(answer, AskFailed):
            raise answer
        return Answer(200, httpx2.Headers({"X-Request-Id": "r1"}), answer)

    async def run(self, **tool: Any) -> Result:
        request = request_of(method="GET", **tool)
        return await request.run(CALL, self.send, "c1")


@virtual
async def test_whatever_comes_back_is_the_result_within_bounds() -> None:
    api = Api(b"plain \xff", b"x" * 100_000, b'{"a": 1}')
    first, second, third = [await api.run(**more) for more in ({}, {"timeoutSeconds": 45}, {})]

    assert first.outcome == ToolOutcome(result="plain \ufffd")
    assert second.outcome == ToolOutcome(result="x" * MAX_RESULT_CHARACTERS)
    assert [seconds for _, seconds in api.at] == [20.0, 45.0, 20.0]
    assert (first.body, third.body, third.headers) == (None, {"a": 1}, {"x-request-id": "r1"})


@pytest.mark.parametrize(
    ("failed", "error"),
    [
        (AskFailed("dns", "api.test: no address"), "the request failed: api.test: no address"),
        (
            AskFailed("status", "it answered 409", status=409, response={"reason": "full"}),
            'the request failed: it answered 409: {"reason": "full"}',
        ),
        (
            AskFailed("status", "it answered 500", status=500, response="<h1>" * 1000),
            "the request failed: it answered 500: " + "<h1>" * 125,
        ),
    ],
)
@virtual
async def test_the_model_hears_why_it_failed(failed: AskFailed, error: str) -> None:
    assert await Api(failed).run() == Result(ToolOutcome(error=error))


def status(code: int) -> AskFailed:
    return AskFailed("status", f"it answered {code}", status=code)


REFUSED, POLICY = AskFailed("refused", "no connection"), AskFailed("refused-by-policy", "a private address")


def plan(**more: Any) -> dict[str, Any]:
    return {"type": "fixed", "maxRetries": 3, "baseDelaySeconds": 2, **more}


@pytest.mark.parametrize(
    ("backoff", "answers", "at", "succeeds"),
    [
        (None, [status(503), b"late"], [0], False),
        (plan(), [status(503), status(404), REFUSED, b"late"], [0, 2, 4, 6], True),
        (plan(type="exponential"), [status(503)], [0, 2, 6, 14], False),
        (plan(maxRetries=1), [status(503)], [0, 2], False),
        (plan(maxRetries=0), [status(503)], [0], False),
        (plan(excludedStatusCodes=[400, 404]), [status(503), status(404)], [0, 2], False),
        (plan(), [status(429), b"late"], [0, 2], True),
        (plan(), [POLICY, b"never"], [0], False),
    ],
)
def test_a_backoff_plan_is_followed(
    backoff: Mapping[str, Any] | None, answers: Sequence[bytes | AskFailed], at: list[int], succeeds: bool
) -> None:
    @virtual
    async def story() -> None:
        api = Api(*answers)
        result = await api.run(backoffPlan=backoff)
        assert [moment for moment, _ in api.at] == at
        assert (result.outcome.error is None) is succeeds

    story()


@virtual
async def test_all_attempts_together_have_an_end() -> None:
    api = Api(b"never", takes=1000)
    await api.run(timeoutSeconds=120, backoffPlan=plan(maxRetries=10))

    assert api.at == [(0, 120), (122, 120), (244, MOST_SECONDS - 244)]
