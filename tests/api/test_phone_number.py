"""Phone numbers over HTTP (vapi-wire §1)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.conftest import House, client_of, open_house

NEVER = "00000000-0000-7000-8000-000000000000"


async def created(client: httpx2.AsyncClient, path: str = "/phone-number", **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json={"provider": "vapi", **body} if path == "/phone-number" else body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refused(answer: httpx2.Response, status: int = 400) -> str | list[str]:
    body = answer.json()
    assert answer.status_code == status == body["statusCode"], answer.text
    assert set(body) == {"message", "error", "statusCode"}
    return body["message"]


async def test_a_number_is_made_with_all_that_was_given(client: httpx2.AsyncClient, house: House) -> None:
    assistant = await created(client, "/assistant", name="Ann")
    squad = await created(client, "/squad", members=[{"assistantId": assistant["id"]}])
    given = {
        "provider": "vapi",
        "name": "Front desk",
        "sipUri": "sip:front-desk@phones.example.org:5070",
        "assistantId": assistant["id"],
        "squadId": squad["id"],
        "fallbackDestination": {"type": "number", "number": "+15551230000", "message": "One moment"},
        "hooks": [{"on": "call.ringing", "do": [{"type": "say", "exact": "We are closed"}]}],
        "server": {"url": "https://example.org/hook", "secret": "s3cret", "timeoutSeconds": 12},
    }

    answer = await client.post("/phone-number", json=given)

    assert answer.status_code == 201
    body = answer.json()
    assert {name: body[name] for name in given} == given
    assert body["status"] == "active"
    assert body["orgId"] == house.org_id
    assert (body["serverUrl"], body["serverUrlSecret"]) == ("https://example.org/hook", "s3cret")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", body["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["createdAt"])
    assert body["updatedAt"] == body["createdAt"]
    assert (await client.get(f"/phone-number/{body['id']}")).json() == body
    assert (await client.get("/phone-number")).json() == [body]


async def test_a_sip_uri_is_made_up_when_none_is_given(client: httpx2.AsyncClient) -> None:
    first, second = await created(client), await created(client)

    assert re.fullmatch(r"sip:[a-z0-9]{10}@127\.0\.0\.1", first["sipUri"])
    assert first["sipUri"] != second["sipUri"]


async def test_the_user_part_is_unique_whatever_the_case_and_the_org(
    client: httpx2.AsyncClient, other_client: httpx2.AsyncClient
) -> None:
    mine = await created(client, sipUri="sip:Desk@a.example")
    also_mine = await created(client, sipUri="sip:other@a.example")

    again = await client.post("/phone-number", json={"provider": "vapi", "sipUri": "sip:dESK@b.example"})
    elsewhere = await other_client.post(
        "/phone-number", json={"provider": "vapi", "sipUri": "sip:%64esk@c.example"}
    )
    moved = await client.patch(f"/phone-number/{also_mine['id']}", json={"sipUri": "sip:DESK@d.example"})
    renamed = await client.patch(f"/phone-number/{mine['id']}", json={"sipUri": "sip:DESK@d.example"})

    for answer in (again, elsewhere, moved):
        assert await refused(answer) == "sipUri is taken already"
    assert renamed.json()["sipUri"] == "sip:DESK@d.example"


async def test_the_host_is_held_to_the_configured_domain(tmp_path: Path) -> None:
    async with open_house(tmp_path, domain="sip.example.org") as house, client_of(house) as client:
        made = await created(client)
        right = await created(client, sipUri="SIP:a@SIP.Example.org:5070")
        wrong = await client.post(
            "/phone-number", json={"provider": "vapi", "sipUri": "sip:b@sip.example.com"}
        )

        assert made["sipUri"].endswith("@sip.example.org")
        assert right["sipUri"] == "SIP:a@SIP.Example.org:5070"
        assert (
            await refused(wrong) == "sipUri must be at sip.example.org, such as sip:somebody@sip.example.org"
        )


@pytest.mark.parametrize(
    ("body", "sentences"),
    [
        ({"provider": "vapi", "foo": 1}, ["property foo should not exist"]),
        (
            {"provider": "vapi", "name": "n" * 41},
            ["name must be shorter than or equal to 40 characters"],
        ),
        ({"provider": "vapi", "name": 7}, ["name must be a string"]),
        (
            {"provider": "vapi", "server": {"url": "https://a.example", "nope": True}},
            ["server.property nope should not exist"],
        ),
        (
            {"provider": "vapi", "authentication": {"username": "short", "password": "p" * 20}},
            ["authentication.username must be longer than or equal to 20 characters"],
        ),
    ],
)
async def test_what_does_not_fit_is_said_in_sentences(
    client: httpx2.AsyncClient, body: dict[str, Any], sentences: list[str]
) -> None:
    assert await refused(await client.post("/phone-number", json=body)) == sentences


async def test_a_missing_or_unknown_provider_is_named(client: httpx2.AsyncClient) -> None:
    for body in ({}, {"provider": "acme"}):
        message = await refused(await client.post("/phone-number", json=body))
        assert isinstance(message, list)
        assert any("provider" in sentence for sentence in message)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"provider": "twilio", "number": "+15551230000", "twilioAccountSid": "x"}, "provider twilio is not"),
        ({"provider": "vonage"}, "provider vonage is not served"),
        ({"provider": "telnyx"}, "provider telnyx is not served"),
        ({"provider": "vapi", "workflowId": "w"}, "workflows are not served"),
        ({"provider": "vapi", "numberDesiredAreaCode": "415"}, "telephone numbers cannot be bought"),
    ],
)
async def test_what_offhook_cannot_do_is_said_in_one_sentence(
    client: httpx2.AsyncClient, body: dict[str, Any], says: str
) -> None:
    message = await refused(await client.post("/phone-number", json=body))

    assert isinstance(message, str)
    assert message.startswith(says)


async def test_a_password_goes_in_and_never_comes_out(client: httpx2.AsyncClient, house: House) -> None:
    authentication = {"realm": "here", "username": "u" * 20, "password": "p" * 20}

    made = await created(client, authentication=authentication)
    changed = await client.patch(f"/phone-number/{made['id']}", json={"name": "New"})

    assert made["authentication"] == {"realm": "here", "username": "u" * 20}
    assert changed.json()["authentication"] == made["authentication"]
    async with house.services.database.reading() as tx:
        stored = await tx.phone_numbers.get(house.org_id, made["id"])
    assert stored is not None
    assert stored.document["authentication"] == authentication


async def test_patch_changes_only_what_it_names_and_null_clears(client: httpx2.AsyncClient) -> None:
    assistant = await created(client, "/assistant", name="Ann")
    made = await created(client, name="Old", assistantId=assistant["id"], serverUrl="https://a.example/x")

    answer = await client.patch(
        f"/phone-number/{made['id']}", json={"provider": "vapi", "assistantId": None, "name": "New"}
    )

    body = answer.json()
    assert answer.status_code == 200
    assert body["assistantId"] is None
    assert body["name"] == "New"
    assert body["serverUrl"] == "https://a.example/x"
    assert body["sipUri"] == made["sipUri"]
    assert body["createdAt"] == made["createdAt"]
    assert body["updatedAt"] > made["updatedAt"]
    assert (await client.get(f"/phone-number/{made['id']}")).json() == body


async def test_both_spellings_of_the_server_are_one(client: httpx2.AsyncClient) -> None:
    made = await created(client, serverUrl="https://a.example/x", serverUrlSecret="one")
    path = f"/phone-number/{made['id']}"

    new_secret = (await client.patch(path, json={"serverUrlSecret": "two"})).json()
    replaced = (await client.patch(path, json={"server": {"url": "https://b.example"}})).json()
    cleared = (await client.patch(path, json={"serverUrl": None})).json()

    assert made["server"] == {"url": "https://a.example/x", "secret": "one"}
    assert new_secret["server"] == {"url": "https://a.example/x", "secret": "two"}
    assert replaced["serverUrl"] == "https://b.example"
    assert "serverUrlSecret" not in replaced
    assert cleared["server"] is None
    assert "serverUrl" not in cleared


async def test_a_number_keeps_a_sip_uri_and_its_provider(client: httpx2.AsyncClient) -> None:
    made = await created(client)
    path = f"/phone-number/{made['id']}"

    without = await client.patch(path, json={"sipUri": None})
    elsewhere = await client.patch(path, json={"provider": "twilio"})
    nulled = await client.patch(path, json={"provider": None, "name": "x"})

    assert "sipUri" in str(await refused(without))
    assert "twilio is not served" in str(await refused(elsewhere))
    assert nulled.json()["provider"] == "vapi"


async def test_delete_answers_with_what_was_deleted(client: httpx2.AsyncClient) -> None:
    made = await created(client, sipUri="sip:gone@a.example")

    answer = await client.delete(f"/phone-number/{made['id']}")

    assert (answer.status_code, answer.json()) == (200, made)
    assert (await client.get(f"/phone-number/{made['id']}")).status_code == 404
    assert (await client.delete(f"/phone-number/{made['id']}")).status_code == 404
    assert (await created(client, sipUri="sip:gone@a.example"))["id"] != made["id"]


async def test_the_list_is_newest_first_and_takes_a_limit_and_dates(client: httpx2.AsyncClient) -> None:
    first, second, third = [await created(client, name=name) for name in ("1", "2", "3")]

    async def names(**query: str) -> list[str]:
        return [number["name"] for number in (await client.get("/phone-number", params=query)).json()]

    assert await names() == ["3", "2", "1"]
    assert await names(limit="2") == ["3", "2"]
    assert await names(limit="0") == []
    assert await names(createdAtGt=first["createdAt"]) == ["3", "2"]
    assert await names(createdAtGe=second["createdAt"], createdAtLt=third["createdAt"]) == ["2"]
    assert await names(updatedAtLe=first["updatedAt"]) == ["1"]


async def test_pages(client: httpx2.AsyncClient) -> None:
    for number in range(5):
        await created(client, name=f"desk {number}", sipUri=f"sip:desk{number}@a.example")
    await created(client, name="lobby")

    async def page(**query: Any) -> dict[str, Any]:
        return (await client.get("/v2/phone-number", params=query)).json()

    second = await page(limit=2, page=2, search="DESK", sortOrder="ASC")
    last = await page(limit=2, page=3, search="desk", sortOrder="ASC")
    everything = await page()

    assert [number["name"] for number in second["results"]] == ["desk 2", "desk 3"]
    assert second["metadata"]["totalItems"] == 5
    assert second["metadata"]["totalPages"] == 3
    assert second["metadata"]["hasNextPage"] is True
    assert [number["name"] for number in last["results"]] == ["desk 4"]
    assert last["metadata"]["hasNextPage"] is False
    assert everything["metadata"]["totalItems"] == 6
    assert everything["results"][0]["name"] == "lobby"


@pytest.mark.parametrize("order", ["ASC", "DESC"])
async def test_every_number_is_met_once_on_the_way_by_cursors(
    client: httpx2.AsyncClient, house: House, order: str
) -> None:
    house.clock.step = 0.0  # several are made in the same millisecond
    made = [(await created(client))["id"] for _ in range(5)]
    query: dict[str, Any] = {"limit": 2, "sortOrder": order}
    met: list[str] = []

    while True:
        page = (await client.get("/v2/phone-number", params=query)).json()
        met += [number["id"] for number in page["results"]]
        if not page["metadata"]["hasNextPage"]:
            break
        query["cursor"] = page["metadata"]["nextCursor"]
        if len(met) == 2:
            made.append((await created(client))["id"])  # which an offset would trip over

    assert sorted(set(met)) == sorted(met)
    assert set(made[:5]) <= set(met)


async def test_a_query_with_mistakes(client: httpx2.AsyncClient) -> None:
    message = await refused(await client.get("/phone-number?limit=many&nope=1"))

    assert message == [
        "limit must be a number conforming to the specified constraints",
        "property nope should not exist",
    ]


@pytest.mark.parametrize(
    ("flags", "given", "kept"),
    [
        ({"sip": "0.0.0.0:5070"}, "sip:a@127.0.0.1", "sip:a@127.0.0.1:5070"),
        ({"sip": "0.0.0.0:5070"}, "sip:a@198.51.100.7", "sip:a@198.51.100.7:5070"),
        ({"sip": "0.0.0.0:5070"}, "sip:a@[2001:db8::7]", "sip:a@[2001:db8::7]:5070"),
        ({"sip": "0.0.0.0:5070"}, "SIP:a@LocalHost", "SIP:a@LocalHost:5070"),
        ({"sip": "0.0.0.0:5070"}, "sip:a@127.0.0.1:5060", "sip:a@127.0.0.1:5060"),
        ({"sip": "0.0.0.0:5070"}, "sip:a@sip.elsewhere.example", "sip:a@sip.elsewhere.example"),
        ({"sip": "0.0.0.0:5060"}, "sip:a@127.0.0.1", "sip:a@127.0.0.1"),
        ({"sip": "0.0.0.0:5070", "domain": "127.0.0.1"}, "sip:a@127.0.0.1", "sip:a@127.0.0.1"),
    ],
)
async def test_a_uri_at_this_machine_can_be_dialled_as_it_is_shown(
    tmp_path: Path, flags: dict[str, str], given: str, kept: str
) -> None:
    async with open_house(tmp_path, **flags) as house, client_of(house) as client:
        made = await created(client, sipUri=given)
        patched = await client.patch(f"/phone-number/{made['id']}", json={"sipUri": given})
        renamed = await client.patch(f"/phone-number/{made['id']}", json={"name": "A"})

        assert (made["sipUri"], patched.json()["sipUri"], renamed.json()["sipUri"]) == (kept, kept, kept)
