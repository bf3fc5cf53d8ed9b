from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.schema.assistants.assistant import Assistant
from offhook.schema.number import CreateVapiPhoneNumberDTO
from offhook.schema.org import UpdateOrgDTO
from offhook.schema.server import Server, read_server, server_of
from offhook.schema.tools.tool import FunctionTool
from offhook.store import Database
from offhook.webhooks import Receiver, RetryPlan, choose_server, find_credential
from offhook.webhooks import receiver as receivers


def server(**given: object) -> Server:
    """As it is read from a document that may not be valid."""
    found = read_server({"server": {"url": "https://x/", **given}})
    assert found is not None
    return found


def receiver_of(given: dict[str, object], credential: dict[str, object] | None = None) -> Receiver:
    return receivers.receiver_of(server(**given), credential)


HOLDERS: dict[str, Callable[[Server | None], Any]] = {
    "tool": lambda given: FunctionTool(type="function", server=given),
    "assistant": lambda given: Assistant(server=given),
    "number": lambda given: CreateVapiPhoneNumberDTO(provider="vapi", server=given),
    "org": lambda given: UpdateOrgDTO(server=given),
}


def server_at(name: str) -> Server:
    return Server(url=f"https://{name}.example.com/")


@pytest.mark.parametrize("present", list(itertools.product([False, True], repeat=4)))
def test_the_nearest_server_gets_the_message(present: tuple[bool, ...]) -> None:
    holders = {
        name: make(server_at(name) if there else None)
        for (name, make), there in zip(HOLDERS.items(), present, strict=True)
    }
    chosen = choose_server(**holders)
    nearest = next((name for name, there in zip(HOLDERS, present, strict=True) if there), None)
    assert (chosen and chosen.url) == (nearest and f"https://{nearest}.example.com/")


@pytest.mark.parametrize(
    "document",
    [
        {"serverUrl": "https://x/", "serverUrlSecret": "s"},
        {"server": {"url": "https://x/", "secret": "s"}},
        {"server": {"url": "https://x/"}, "serverUrlSecret": "s"},
        {
            "server": {"url": "https://x/", "secret": "s"},
            "serverUrl": "https://old/",
            "serverUrlSecret": "old",
        },
        {"server": {"timeoutSeconds": 20}, "serverUrl": "https://x/", "serverUrlSecret": "s"},
    ],
)
def test_both_forms_of_a_server_are_one(document: dict[str, object]) -> None:
    """Read as they are, and as the types that they are of."""
    for chosen in (read_server(document), server_of(Assistant.model_validate(document))):
        assert chosen is not None
        assert receivers.receiver_of(chosen) == Receiver("https://x/", secret="s")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"server": None},
        {"server": {}},
        {"server": {"url": ""}},
        {"serverUrl": None},
        {"server": {"url": 5}},
    ],
)
def test_a_server_without_a_url_is_none(document: dict[str, object]) -> None:
    assert read_server(document) is None
    if document != {"server": {"url": 5}}:
        assistant = Assistant.model_validate(document)
        assert choose_server(assistant=assistant, org=UpdateOrgDTO(server=server_at("org"))) == server_at(
            "org"
        )
        assert choose_server(assistant=assistant) is None


def test_all_of_a_server_is_taken() -> None:
    given: dict[str, object] = {
        "url": "https://hooks.example.com/x",
        "timeoutSeconds": 45,
        "headers": {"X-Tenant": "7", "Authorization": "Basic abc"},
        "backoffPlan": {
            "type": "exponential",
            "maxRetries": 3,
            "baseDelaySeconds": 2,
            "excludedStatusCodes": [400, "404", 410.0, True, None, {"code": 500}, "9" * 5000],
        },
        "credentialId": "c1",
    }
    plan = {"type": "bearer", "token": "t"}
    chosen = receiver_of(given, {"provider": "webhook", "authenticationPlan": plan})
    assert chosen == Receiver(
        "https://hooks.example.com/x",
        headers={"X-Tenant": "7", "Authorization": "Basic abc"},
        timeout_seconds=45,
        backoff=RetryPlan("exponential", 3, 2, (400, 404, 410)),
        authentication=plan,
    )
    assert chosen.host == "hooks.example.com:443"
    # It comes back from the outbox as it was.
    assert Receiver.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


async def test_a_credential_is_found_in_its_own_org(database: Database) -> None:
    document = {"provider": "webhook", "authenticationPlan": {"type": "bearer", "token": "t"}}
    async with database.transaction() as tx:
        ours, theirs = await tx.orgs.create({}), await tx.orgs.create({})
        credential = await tx.credentials.create(ours.id, document)
        named = Server(url="https://x/", credential_id=credential.id)
        found = await find_credential(tx, ours.id, named)
        assert await find_credential(tx, theirs.id, named) is None
        assert await find_credential(tx, ours.id, Server(url="https://x/")) is None
        assert await find_credential(tx, ours.id, None) is None
    chosen = receivers.receiver_of(named, found)
    assert chosen == Receiver("https://x/", authentication={"type": "bearer", "token": "t"})


@pytest.mark.parametrize(("given_seconds", "taken"), [(None, 20), (0, 1), (1000, 300), ("9", 20), (True, 20)])
def test_a_timeout_stays_in_its_bounds(given_seconds: object, taken: float) -> None:
    chosen = receiver_of({"url": "https://x/", "timeoutSeconds": given_seconds})
    assert chosen.timeout_seconds == taken


def test_headers_that_cannot_or_must_not_be_sent_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    headers = {
        "Host": "evil",
        "content-length": "5",
        "Transfer-Encoding": "chunked",
        "webhook-id": "forged",
        "X-Split": "a\r\nX-Injected: b",
        "Bad Name": "x",
        "": "x",
        "X-Emoji": "\U0001f600",
        "X-Good": "yes",
        "X-Number": 5,
    }
    chosen = receiver_of({"url": "https://x/", "headers": headers})
    assert chosen.headers == {"X-Good": "yes", "X-Number": "5"}


def test_an_unknown_credential_is_said_once_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    chosen = receiver_of({"url": "https://x/", "credentialId": "gone"})
    assert chosen == Receiver("https://x/")
    assert "gone" in caplog.text


def test_secrets_are_not_in_what_is_printed() -> None:
    receiver = Receiver("https://x/", secret="hush", headers={"A": "hush"}, authentication={"token": "hush"})
    assert "hush" not in repr(receiver)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
server_fields = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("url", "secret", "headers", "timeoutSeconds", "backoffPlan", "credentialId"), json_values
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({"server": server_fields}))
def test_whatever_was_stored_makes_a_receiver_or_none(document: dict[str, object]) -> None:
    found = read_server(document)
    if found is not None:
        chosen = receivers.receiver_of(found)
        assert isinstance(chosen.host, str)
        assert Receiver.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


@pytest.mark.parametrize(("given_secret", "sent"), [("s", "s"), ("", None), ("a\r\nX-B: c", None), (5, None)])
def test_a_secret_that_cannot_be_sent_is_left_out_and_said(
    given_secret: object, sent: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = receiver_of({"url": "https://x/", "secret": given_secret})
    assert chosen == Receiver("https://x/", secret=sent)
    assert ("a server's secret" in caplog.text) == bool(given_secret and sent is None)
