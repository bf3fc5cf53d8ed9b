"""Assistants, squads, tools, credentials and the org over HTTP (vapi-wire §5, §6, §7, §10)."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.api.conftest import House
from tests.api.test_phone_number import created, refused

ROW = ("id", "orgId", "createdAt", "updatedAt")
ASSISTANT = {
    "name": "Receptionist",
    "firstMessage": "Hello, {{customer.name}}",
    "firstMessageMode": "assistant-speaks-first",
    "model": {
        "provider": "custom-llm",
        "url": "https://llm.example/v1",
        "model": "any",
        "temperature": 0.5,
        "messages": [{"role": "system", "content": "Be brief."}],
        "tools": [{"type": "endCall"}],
    },
    "voice": {"provider": "vapi", "voiceId": "Elliot"},
    "transcriber": {"provider": "deepgram", "model": "nova-3", "language": "en"},
    "startSpeakingPlan": {"waitSeconds": 0.4},
    "stopSpeakingPlan": {"numWords": 2, "voiceSeconds": 0.2, "backoffSeconds": 1},
    "silenceTimeoutSeconds": 30,
    "maxDurationSeconds": 600,
    "endCallPhrases": ["goodbye"],
    "serverMessages": ["status-update", "end-of-call-report"],
    "server": {"url": "https://example.org/hook", "timeoutSeconds": 20},
    "metadata": {"anything": ["goes", 1, None, {"here": True}]},
}


async def test_an_assistant_comes_back_as_it_was_given(client: httpx2.AsyncClient) -> None:
    made = await created(client, "/assistant", **ASSISTANT)

    assert {name: made[name] for name in ASSISTANT} == ASSISTANT
    assert set(made) - set(ASSISTANT) == {*ROW, "serverUrl", "isServerUrlSecretSet"}
    assert (await client.get(f"/assistant/{made['id']}")).json() == made


async def test_nothing_is_required_of_an_assistant(client: httpx2.AsyncClient) -> None:
    made = await created(client, "/assistant")

    assert set(made) == {*ROW, "isServerUrlSecretSet"}


@pytest.mark.parametrize(
    ("server", "is_set"),
    [
        ({}, False),
        ({"serverUrl": "https://example.org"}, False),
        ({"serverUrl": "https://example.org", "serverUrlSecret": "hush"}, True),
        ({"server": {"url": "https://example.org", "secret": "hush"}}, True),
    ],
)
async def test_whether_a_server_s_secret_is_set_is_said_with_the_assistant(
    client: httpx2.AsyncClient, server: dict[str, Any], is_set: bool
) -> None:
    made = await created(client, "/assistant", **server)
    cleared = await client.patch(f"/assistant/{made['id']}", json={"server": None})

    assert made["isServerUrlSecretSet"] is is_set
    assert [one["isServerUrlSecretSet"] for one in (await client.get("/assistant")).json()] == [False]
    assert cleared.json()["isServerUrlSecretSet"] is False


async def test_a_model_of_the_platform_s_own_is_shown_with_a_name(client: httpx2.AsyncClient) -> None:
    unnamed, named = {"provider": "vapi"}, {"provider": "vapi", "model": "mine"}
    shown = (await created(client, "/assistant", model=unnamed))["model"]
    kept = (await created(client, "/assistant", model=named))["model"]
    inline = {"name": "A", "model": unnamed, "metadata": {"model": unnamed}}
    squad = await created(client, "/squad", members=[{"assistant": inline}])
    member = squad["members"][0]["assistant"]

    assert (shown["provider"], bool(shown["model"]), kept) == ("vapi", True, named)
    assert member["model"] == shown
    assert member["metadata"] == {"model": unnamed}


async def test_patching_an_assistant_replaces_objects_and_clears_with_null(
    client: httpx2.AsyncClient,
) -> None:
    made = await created(client, "/assistant", **ASSISTANT)

    answer = await client.patch(
        f"/assistant/{made['id']}",
        json={"firstMessage": None, "stopSpeakingPlan": {"numWords": 0}, "endCallPhrases": []},
    )

    body = answer.json()
    assert body["firstMessage"] is None
    assert body["stopSpeakingPlan"] == {"numWords": 0}
    assert body["endCallPhrases"] == []
    assert body["model"] == ASSISTANT["model"]


KEYS: list[dict[str, Any]] = [
    {"provider": "openai", "apiKey": "sk-hush", "name": "mine"},
    {"provider": "webhook", "authenticationPlan": {"type": "bearer", "token": "hush"}},
]
KEYLESS: list[dict[str, Any]] = [
    {"provider": "openai", "name": "mine"},
    {"provider": "webhook", "authenticationPlan": {"type": "bearer"}},
]


def bringing(credentials: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every place where an assistant is written out, by the path of what has it."""
    ann = {"credentials": credentials, "metadata": {"credentials": [{"token": "not ours to judge"}]}}
    hands_over = {"type": "handoff", "destinations": [{"type": "assistant", "assistant": ann}]}
    return {
        "/assistant": {**ann, "model": {"provider": "vapi", "model": "m", "tools": [hands_over]}},
        "/squad": {
            "members": [{"assistant": ann, "assistantOverrides": ann}],
            "membersOverrides": {"credentials": credentials},
        },
        "/tool": hands_over,
    }


@pytest.mark.parametrize("path", bringing([]))
async def test_keys_in_an_assistants_credentials_never_come_out(
    client: httpx2.AsyncClient, house: House, path: str
) -> None:
    given, expected = bringing(KEYS)[path], bringing(KEYLESS)[path]

    made = await client.post(path, json=given)
    one = f"{path}/{made.json()['id']}"
    answers = [made, await client.get(one), await client.patch(one, json={}), await client.get(path)]

    for answer in answers:
        assert "hush" not in answer.text
    assert {name: made.json()[name] for name in expected} == expected
    async with house.services.database.reading() as tx:
        kind = {"/assistant": tx.assistants, "/squad": tx.squads, "/tool": tx.tools}[path]
        stored = await kind.get(house.org_id, made.json()["id"])
    assert stored is not None
    assert stored.document == given


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"foo": 1}, "property foo should not exist"),
        ({"name": "n" * 41}, "name must be shorter than or equal to 40 characters"),
        ({"maxDurationSeconds": 9}, "maxDurationSeconds must not be less than 10"),
        ({"silenceTimeoutSeconds": "30"}, "silenceTimeoutSeconds must be a number"),
        ({"model": {"provider": "nope"}}, "model.provider must be one of the following values"),
        ({"voice": {"provider": "vapi", "voiceId": "x", "loud": 1}}, "voice.property loud should not exist"),
    ],
)
async def test_mistakes_in_an_assistant(
    client: httpx2.AsyncClient, body: dict[str, Any], sentence: str
) -> None:
    made = await created(client, "/assistant", name="Good")

    for answer in (
        await client.post("/assistant", json=body),
        await client.patch(f"/assistant/{made['id']}", json=body),
    ):
        message = await refused(answer)
        assert isinstance(message, list)
        assert message[0].startswith(sentence)
    assert (await client.get(f"/assistant/{made['id']}")).json() == made


async def test_an_assistant_that_a_number_names_can_be_deleted(client: httpx2.AsyncClient) -> None:
    assistant = await created(client, "/assistant", name="Ann")
    number = await created(client, assistantId=assistant["id"])

    deleted = await client.delete(f"/assistant/{assistant['id']}")
    renamed = await client.patch(f"/phone-number/{number['id']}", json={"name": "still here"})

    assert (deleted.status_code, deleted.json()) == (200, assistant)
    assert renamed.json()["assistantId"] == assistant["id"]


async def test_a_squad(client: httpx2.AsyncClient) -> None:
    assistant = await created(client, "/assistant", name="Ann")
    members = [
        {"assistantId": assistant["id"], "assistantOverrides": {"firstMessage": "Hi"}},
        {"assistant": {"name": "Bob", "firstMessage": "Bob here"}},
    ]

    made = await created(client, "/squad", name="Desk", members=members)
    renamed = (await client.patch(f"/squad/{made['id']}", json={"name": "Front desk"})).json()
    fewer = (await client.patch(f"/squad/{made['id']}", json={"members": members[1:]})).json()

    assert made["members"] == members
    assert (renamed["name"], renamed["members"]) == ("Front desk", members)
    assert fewer["members"] == members[1:]
    assert await refused(await client.post("/squad", json={})) == ["members should not be empty"]


async def test_squads_are_asked_for_by_their_ids(
    client: httpx2.AsyncClient, other_client: httpx2.AsyncClient
) -> None:
    members = [{"assistant": {"name": "Ann"}}]
    first, second, third = [(await created(client, "/squad", members=members))["id"] for _ in range(3)]
    foreign = (await created(other_client, "/squad", members=members))["id"]

    async def ids(*wanted: str) -> list[str]:
        return [squad["id"] for squad in (await client.get("/squad", params={"idAny": wanted})).json()]

    assert await ids(first, third, foreign, "nothing") == [third, first]
    assert await ids(second) == [second]
    assert await ids(foreign) == []


async def test_a_tool_is_changed_within_its_type(client: httpx2.AsyncClient) -> None:
    made = await created(
        client,
        "/tool",
        type="function",
        function={"name": "book", "parameters": {"type": "object", "properties": {}}},
        server={"url": "https://example.org/tool"},
    )

    renamed = await client.patch(f"/tool/{made['id']}", json={"function": {"name": "book_table"}})
    foreign = await client.patch(f"/tool/{made['id']}", json={"sipInfoDtmfEnabled": True})

    other = await client.patch(f"/tool/{made['id']}", json={"type": "endCall"})

    assert "cannot change" in str(await refused(other))
    assert made["type"] == "function"
    assert renamed.json()["function"] == {"name": "book_table"}
    assert renamed.json()["server"] == {"url": "https://example.org/tool"}
    assert await refused(foreign) == ["property sipInfoDtmfEnabled should not exist"]
    assert (await client.delete(f"/tool/{made['id']}")).json()["type"] == "function"


async def test_a_credential_keeps_its_secrets(client: httpx2.AsyncClient, house: House) -> None:
    plan = {"type": "hmac", "secretKey": "very secret", "algorithm": "sha256", "payloadFormat": "{body}"}

    made = await created(client, "/credential", provider="webhook", name="Hook", authenticationPlan=plan)
    renamed = (await client.patch(f"/credential/{made['id']}", json={"name": "Hooks"})).json()
    changed = await client.patch(f"/credential/{made['id']}", json={"provider": "openai", "apiKey": "x"})

    assert made["authenticationPlan"] == {"type": "hmac", "algorithm": "sha256", "payloadFormat": "{body}"}
    assert renamed["name"] == "Hooks"
    assert "cannot change" in str(await refused(changed))
    async with house.services.database.reading() as tx:
        stored = await tx.credentials.get(house.org_id, made["id"])
    assert stored is not None
    assert stored.document["authenticationPlan"] == plan


async def test_the_own_org(client: httpx2.AsyncClient, house: House) -> None:
    path = f"/org/{house.org_id}"

    before = (await client.get(path)).json()
    changed = await client.patch(
        path, json={"name": "Renamed", "serverUrl": "https://example.org/all", "concurrencyLimit": 3}
    )
    wrong = await client.patch(path, json={"concurrencyLimit": 0, "id": "x"})

    assert (before["id"], before["name"]) == (house.org_id, "First")
    after = changed.json()
    assert after["name"] == "Renamed"
    assert after["server"] == {"url": "https://example.org/all"}
    assert after["concurrencyLimit"] == 3
    assert (await client.get("/org")).json() == [after]
    assert sorted(await refused(wrong)) == [
        "concurrencyLimit must not be less than 1",
        "property id should not exist",
    ]


async def test_names_are_those_of_the_wire_alone(client: httpx2.AsyncClient) -> None:
    """Inside, the same properties have Python's names."""
    answer = await client.post("/assistant", json={"first_message": "Hello"})

    assert await refused(answer) == ["property first_message should not exist"]


async def test_of_a_name_that_is_there_twice_the_last_counts(client: httpx2.AsyncClient) -> None:
    """As in every JavaScript server, the original's among them."""
    headers = {"Content-Type": "application/json"}

    answer = await client.post("/assistant", content=b'{"name": "a", "name": "b"}', headers=headers)

    assert answer.json()["name"] == "b"


async def test_a_pattern_that_needs_to_go_back_is_refused_at_creation(client: httpx2.AsyncClient) -> None:
    rule = {"type": "customer", "regex": "yes(?!,)", "timeoutSeconds": 1}
    answer = await client.post("/assistant", json={"startSpeakingPlan": {"customEndpointingRules": [rule]}})

    assert answer.status_code == 400
    (sentence,) = answer.json()["message"]
    assert sentence.startswith("startSpeakingPlan.customEndpointingRules.0.regex must not look ahead")
