"""What an apiRequest tool sends, from its definition and what the model chose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from offhook.calls.api_request import ApiRequest, filled
from offhook.calls.tools import MAX_RESULT_CHARACTERS
from offhook.conversation.events import ToolOutcome
from offhook.language.base import ToolCall
from offhook.webhooks.client import Answer, AskFailed, OutsideRequest

CALL = ToolCall("t1", "book", {"guests": 4, "name": "Ann"})


def render(text: str, more: Mapping[str, Any]) -> str:
    for name, value in more.items():
        text = text.replace("{{" + name + "}}", str(value))
    return text


def outgoing(**tool: Any) -> OutsideRequest:
    given = {"type": "apiRequest", "method": "POST", "url": "https://api.test/", **tool}
    return ApiRequest(given).outgoing(CALL, render)


def test_templates_are_filled_in_url_and_headers() -> None:
    headers = {
        "type": "object",
        "properties": {
            "X-Name": {"type": "string", "value": "for {{name}}"},
            "X-Plain": "as it is",
            "X-Fallback": {"type": "string", "default": "7"},
            "X-Nothing": {"type": "string"},
        },
    }

    request = outgoing(url=" https://api.test/{{guests}} ", headers=headers)

    assert request.url == "https://api.test/4"
    assert request.headers == {"X-Name": "for Ann", "X-Plain": "as it is", "X-Fallback": "7"}
    assert request.body is None


def test_the_body_is_what_the_model_chose_with_what_the_owner_fixed() -> None:
    body = {
        "type": "object",
        "properties": {
            "guests": {"type": "number"},
            "by": {"type": "object", "value": {"who": ["{{name}}"]}},
        },
    }

    request = outgoing(body=body, parameters=[{"key": "source", "value": "phone"}])

    assert request.body is not None
    assert json.loads(request.body) == {
        "guests": 4,
        "name": "Ann",
        "by": {"who": ["Ann"]},
        "source": "phone",
    }


@pytest.mark.parametrize(("method", "has_body"), [("GET", False), ("DELETE", True), ("PATCH", True)])
def test_only_a_get_never_has_a_body(method: str, has_body: bool) -> None:
    request = outgoing(method=method, body={"type": "object", "properties": {}})

    assert (request.body is not None) is has_body


def test_no_schema_is_nothing() -> None:
    assert filled(None, {"a": 1}, render) == {}
    assert filled({"type": "object"}, {"a": 1}, render) == {}


async def run(answer: bytes | AskFailed, **tool: Any) -> tuple[ToolOutcome, float]:
    waited = []

    async def send(request: OutsideRequest, seconds: float) -> Answer:
        waited.append(seconds)
        if isinstance(answer, AskFailed):
            raise answer
        return Answer(200, {}, answer)  # type: ignore[arg-type]

    request = ApiRequest({"type": "apiRequest", "method": "GET", "url": "https://api.test", **tool})
    return await request.run(CALL, render, send, "c1"), waited[0]


async def test_whatever_comes_back_is_the_result_within_bounds() -> None:
    assert await run(b"plain \xff") == (ToolOutcome(result="plain \ufffd"), 20.0)
    outcome, seconds = await run(b"x" * 100_000, timeoutSeconds=45)
    assert outcome.result == "x" * MAX_RESULT_CHARACTERS
    assert seconds == 45.0


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
async def test_the_model_hears_why_it_failed(failed: AskFailed, error: str) -> None:
    assert (await run(failed))[0] == ToolOutcome(error=error)
