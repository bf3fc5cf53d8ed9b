"""Whatever is sent, the answer is an answer: as documented, in the envelope when refused, and never a 500."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import House, client_of, described, open_house
from tests.saved import begins_with

METHODS = ("GET", "HEAD", "DELETE", "PATCH", "POST", "OPTIONS")
PATHS = ("/phone-number", "/assistant", "/squad", "/tool", "/credential", "/call", "/org")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4)
    ),
    max_leaves=12,
)
names = st.sampled_from(
    (
        "name",
        "provider",
        "sipUri",
        "server",
        "serverUrl",
        "hooks",
        "assistantId",
        "squadId",
        "authentication",
        "fallbackDestination",
        "model",
        "voice",
        "transcriber",
        "members",
        "type",
        "function",
        "metadata",
        "firstMessage",
        "credentials",
        "authenticationPlan",
        "concurrencyLimit",
        "startSpeakingPlan",
    )
)
likely = st.sampled_from(
    ["vapi", "twilio", "function", "endCall", "sip:a@b", "sip:%zz@b", "sip:@b", "https://a", "", "openai"]
)
bodies = st.dictionaries(names, json_values | likely, max_size=5)
octets = st.binary(max_size=60) | bodies.map(lambda body: json.dumps(body).encode())


def _assert_answered(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        if answer.request.method == "HEAD":
            return
        body = answer.json()
        assert set(body) == {"message", "error", "statusCode"}
        assert body["statusCode"] == answer.status_code
        assert body["message"]


@dataclass
class Running:
    """The application in a loop that is driven from outside, since examples are not coroutines. It has no
    representation of its parts: Hypothesis would write all of it down for each case."""

    runner: asyncio.Runner = field(repr=False)
    house: House = field(repr=False)
    client: httpx2.AsyncClient = field(repr=False)
    document: dict[str, Any] = field(repr=False)
    validators: dict[str, jsonschema_rs.Validator] = field(default_factory=dict, repr=False)

    def assert_documented(self, answer: httpx2.Response, template: str) -> None:
        """A success has the type that `/openapi.json` promises."""
        _assert_answered(answer)
        if answer.status_code >= 400:
            return
        method = answer.request.method.lower()
        content = self.document["paths"][template][method]["responses"][str(answer.status_code)]["content"]
        reference = json.dumps(content["application/json"]["schema"])
        if reference not in self.validators:
            schema = {**json.loads(reference), "components": self.document["components"]}
            self.validators[reference] = jsonschema_rs.validator_for(schema)
        problems = [problem.message for problem in self.validators[reference].iter_errors(answer.json())]
        assert problems == []


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    stack = contextlib.AsyncExitStack()

    async def enter() -> tuple[House, httpx2.AsyncClient, dict[str, Any]]:
        house = await stack.enter_async_context(open_house(tmp_path))
        client = await stack.enter_async_context(client_of(house))
        return house, client, await described(client)

    with asyncio.Runner() as runner:
        yield Running(runner, *runner.run(enter()))
        runner.run(stack.aclose())


one_house = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.slow
@one_house
@given(path=st.sampled_from(PATHS), content=octets, change=bodies)
@begins_with("json", "content", path="/assistant", change={"name": "Ann"})
def test_bodies(running: Running, path: str, content: bytes, change: dict[str, Any]) -> None:
    client, headers = running.client, {"Content-Type": "application/json"}

    async def send() -> None:
        made = await client.post(path, content=content, headers=headers)
        running.assert_documented(made, path)
        identity = made.json()["id"] if made.status_code == 201 else running.house.org_id
        patch = json.dumps(change).encode()
        one = f"{path}/{{id}}"
        changed = await client.patch(f"{path}/{identity}", content=patch, headers=headers)
        running.assert_documented(changed, one)
        running.assert_documented(await client.get(f"{path}/{identity}"), one)
        running.assert_documented(await client.get(path, params={"limit": 3}), path)
        found = await client.get("/v2/phone-number", params={"search": json.dumps(change)[:200]})
        running.assert_documented(found, "/v2/phone-number")

    running.runner.run(send())


@one_house
@given(path=st.text(max_size=30), query=st.text(max_size=40), method=st.sampled_from(METHODS))
def test_paths_and_queries(running: Running, path: str, query: str, method: str) -> None:
    async def send() -> None:
        for root in ("/call/", "/recording/", "/"):
            url = f"{root}{quote(path)}?{quote(query, safe='=&+')}"
            _assert_answered(await running.client.request(method, url))

    running.runner.run(send())
