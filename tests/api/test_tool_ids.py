"""Assistants name stored tools by id: only the org's own, wherever the assistant is written."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def made(client: httpx2.AsyncClient) -> str:
    answer = await client.post("/tool", json={"type": "endCall"})
    return str(answer.json()["id"])


def naming(*tool_ids: str) -> dict[str, Any]:
    return {"model": {"provider": "vapi", "toolIds": list(tool_ids)}}


async def test_an_own_tool_can_be_named(client: httpx2.AsyncClient) -> None:
    own = await made(client)

    answer = await client.post("/assistant", json=naming(own))

    assert answer.status_code == 201
    assert answer.json()["model"]["toolIds"] == [own]


async def test_a_foreign_or_unknown_tool_is_named_in_the_refusal(
    client: httpx2.AsyncClient, other_client: httpx2.AsyncClient
) -> None:
    own, foreign = await made(client), await made(other_client)
    for tool_id in (foreign, UNKNOWN):
        answer = await client.post("/assistant", json=naming(own, tool_id))
        assert answer.status_code == 400
        assert answer.json()["message"] == f"model.toolIds: {tool_id} does not exist"


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        (
            "/assistant",
            {"model": {"provider": "vapi", "toolRefs": [{"toolId": UNKNOWN, "version": "1"}]}},
            "model.toolRefs",
        ),
        ("/squad", {"members": [{"assistant": naming(UNKNOWN)}]}, "members.0.assistant.model.toolIds"),
    ],
)
async def test_references_and_members_are_looked_at_too(
    client: httpx2.AsyncClient, path: str, body: dict[str, Any], where: str
) -> None:
    answer = await client.post(path, json=body)

    assert answer.status_code == 400
    assert answer.json()["message"] == f"{where}: {UNKNOWN} does not exist"


async def test_a_change_of_something_else_does_not_fail_for_a_tool_that_is_gone(
    client: httpx2.AsyncClient,
) -> None:
    own = await made(client)
    assistant = (await client.post("/assistant", json=naming(own))).json()["id"]
    await client.delete(f"/tool/{own}")

    renamed = await client.patch(f"/assistant/{assistant}", json={"name": "Ann"})
    named_again = await client.patch(f"/assistant/{assistant}", json=naming(own))

    assert renamed.status_code == 200
    assert named_again.status_code == 400
