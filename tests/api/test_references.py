"""Ids in a body are of the org's own things, wherever in the body they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from offhook.api.resources.references import MAX_REFERENCES
from tests.api.conftest import House
from tests.api.test_phone_number import NEVER, created, refused

pytestmark = pytest.mark.slow

Body = dict[str, Any]
Place = tuple[str, str, Callable[[str], Body], str]

MAKERS: dict[str, tuple[str, Body]] = {
    "assistant": ("/assistant", {"name": "Ann"}),
    "squad": ("/squad", {"members": [{"assistant": {"name": "Ann"}}]}),
    "tool": ("/tool", {"type": "endCall"}),
    "credential": ("/credential", {"provider": "openai", "apiKey": "sk"}),
    "number": ("/phone-number", {"provider": "vapi"}),
}


def model(**properties: Any) -> Body:
    return {"model": {"provider": "vapi", **properties}}


def hands_to(**destination: Any) -> Body:
    return {"type": "handoff", "destinations": [destination]}


PLACES: list[Place] = [
    ("assistant", "/phone-number", lambda id: {"provider": "vapi", "assistantId": id}, "assistantId"),
    ("squad", "/phone-number", lambda id: {"provider": "vapi", "squadId": id}, "squadId"),
    (
        "credential",
        "/phone-number",
        lambda id: {"provider": "vapi", "server": {"credentialId": id}},
        "server.credentialId",
    ),
    ("tool", "/assistant", lambda id: model(toolIds=[id]), "model.toolIds"),
    (
        "tool",
        "/assistant",
        lambda id: model(toolRefs=[{"toolId": id, "version": "1"}]),
        "model.toolRefs.0.toolId",
    ),
    (
        "tool",
        "/assistant",
        lambda id: {"hooks": [{"on": "call.ending", "do": [{"type": "tool", "toolId": id}]}]},
        "hooks.0.do.0.toolId",
    ),
    (
        "assistant",
        "/assistant",
        lambda id: model(tools=[hands_to(type="assistant", assistantId=id)]),
        "model.tools.0.destinations.0.assistantId",
    ),
    ("credential", "/assistant", lambda id: {"credentialIds": [id]}, "credentialIds"),
    ("credential", "/assistant", lambda id: {"server": {"credentialId": id}}, "server.credentialId"),
    ("assistant", "/squad", lambda id: {"members": [{"assistantId": id}]}, "members.0.assistantId"),
    (
        "tool",
        "/squad",
        lambda id: {"members": [{"assistant": model(toolIds=[id])}]},
        "members.0.assistant.model.toolIds",
    ),
    (
        "credential",
        "/squad",
        lambda id: {
            "members": [{"assistant": {}, "assistantOverrides": {"server": {"credentialId": id}}}],
        },
        "members.0.assistantOverrides.server.credentialId",
    ),
    (
        "tool",
        "/squad",
        lambda id: {"members": [{"assistant": {}}], "membersOverrides": model(toolIds=[id])},
        "membersOverrides.model.toolIds",
    ),
    (
        "assistant",
        "/squad",
        lambda id: {
            "members": [
                {"assistant": {}, "assistantDestinations": [{"type": "assistant", "assistantId": id}]}
            ]
        },
        "members.0.assistantDestinations.0.assistantId",
    ),
    (
        "assistant",
        "/tool",
        lambda id: hands_to(type="assistant", assistantId=id),
        "destinations.0.assistantId",
    ),
    ("squad", "/tool", lambda id: hands_to(type="squad", squadId=id), "destinations.0.squadId"),
    (
        "assistant",
        "/tool",
        lambda id: hands_to(type="squad", squad={"members": [{"assistantId": id}]}),
        "destinations.0.squad.members.0.assistantId",
    ),
    (
        "credential",
        "/tool",
        lambda id: {"type": "apiRequest", "method": "GET", "url": "https://a.example", "credentialId": id},
        "credentialId",
    ),
]
NAMES = [f"{path[1:]}: {where}" for _, path, _, where in PLACES]


async def made(client: httpx2.AsyncClient, kind: str) -> str:
    path, body = MAKERS[kind]
    return str((await created(client, path, **body))["id"])


@pytest.mark.parametrize(("kind", "path", "body", "where"), PLACES, ids=NAMES)
async def test_only_an_own_thing_can_be_named(
    client: httpx2.AsyncClient,
    other_client: httpx2.AsyncClient,
    kind: str,
    path: str,
    body: Callable[[str], Body],
    where: str,
) -> None:
    own, foreign = await made(client, kind), await made(other_client, kind)

    kept = await client.post(path, json=body(own))
    assert kept.status_code == 201, kept.text
    resource = f"{path}/{kept.json()['id']}"

    for other in (foreign, NEVER):
        for answer in (
            await client.post(path, json=body(other)),
            await client.patch(resource, json=body(other)),
        ):
            assert await refused(answer) == f"{where}: {other} does not exist"
    assert (await client.get(resource)).json() == kept.json()


async def test_an_orgs_server_names_an_own_credential(
    client: httpx2.AsyncClient, other_client: httpx2.AsyncClient, house: House
) -> None:
    path = f"/org/{house.org_id}"
    own, foreign = await made(client, "credential"), await made(other_client, "credential")

    kept = await client.patch(path, json={"server": {"credentialId": own}})
    answer = await client.patch(path, json={"server": {"credentialId": foreign}})

    assert kept.json()["server"] == {"credentialId": own}
    assert await refused(answer) == f"server.credentialId: {foreign} does not exist"


@pytest.mark.parametrize(
    ("kind", "body", "where"),
    [
        ("number", lambda id: {"phoneNumberId": id}, "phoneNumberId"),
        ("assistant", lambda id: {"assistantId": id}, "assistantId"),
        ("squad", lambda id: {"squadId": id}, "squadId"),
        (
            "tool",
            lambda id: {"customers": [{"number": "+15551230000", "assistantOverrides": model(toolIds=[id])}]},
            "customers.0.assistantOverrides.model.toolIds",
        ),
    ],
)
async def test_a_call_that_is_asked_for_names_own_things(
    client: httpx2.AsyncClient,
    other_client: httpx2.AsyncClient,
    kind: str,
    body: Callable[[str], Body],
    where: str,
) -> None:
    number, foreign = await made(client, "number"), await made(other_client, kind)

    answer = await client.post("/call", json={"phoneNumberId": number, **body(foreign)})

    assert await refused(answer) == f"{where}: {foreign} does not exist"
    assert (await client.get("/call")).json() == []


async def test_free_form_json_names_nothing(client: httpx2.AsyncClient) -> None:
    metadata = {"assistantId": NEVER, "model": {"toolIds": [NEVER]}}

    assert (await created(client, "/assistant", metadata=metadata))["metadata"] == metadata


async def test_a_change_of_something_else_does_not_fail_for_a_thing_that_is_gone(
    client: httpx2.AsyncClient,
) -> None:
    own = await made(client, "tool")
    assistant = (await created(client, "/assistant", **model(toolIds=[own])))["id"]
    await client.delete(f"/tool/{own}")

    renamed = await client.patch(f"/assistant/{assistant}", json={"name": "Ann"})
    named_again = await client.patch(f"/assistant/{assistant}", json=model(toolIds=[own]))

    assert renamed.status_code == 200
    assert await refused(named_again) == f"model.toolIds: {own} does not exist"


async def test_a_body_names_a_thousand_at_most(client: httpx2.AsyncClient) -> None:
    own = await made(client, "tool")

    kept = await client.post("/assistant", json=model(toolIds=[own] * MAX_REFERENCES))
    refusal = await client.post("/assistant", json=model(toolIds=[own] * (MAX_REFERENCES + 1)))

    assert kept.status_code == 201
    assert await refused(refusal) == "the body names more than 1000 ids"
