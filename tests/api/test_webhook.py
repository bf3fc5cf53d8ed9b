"""Messages to an org's servers: looked at and sent again by their own org, without their secrets."""

from __future__ import annotations

from typing import Any

import httpx2

from offhook.store import NewMessage
from tests.api.conftest import KEY, PUBLIC_KEY, House, client_of

RECEIVER = {
    "url": "https://user:password@hooks.example.org/vapi?token=hush#part",
    "secret": "hush",
    "headers": {"X-Key": "hush"},
    "authentication": {"type": "bearer", "token": "hush"},
    "timeout_seconds": 20,
}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def put(house: House, call_id: str, kind: str = "status-update", org_id: str | None = None) -> str:
    body = f'{{"message":{{"type":"{kind}","call":{{"id":"{call_id}"}}}}}}'
    async with house.services.database.transaction() as tx:
        return await tx.outbox.put(
            org_id=org_id or house.org_id,
            call_id=call_id,
            type=kind,
            host="hooks.example.org:443",
            receiver=RECEIVER,
            body=body,
        )


async def settle(house: House, identity: str, *, delivered: bool) -> None:
    async with house.services.database.transaction() as tx:
        row = await tx.outbox.find(house.org_id, identity)
        assert row is not None
        if delivered:
            await tx.outbox.delivered([row.id], status=204)
        else:
            await tx.outbox.abandoned(row.id, attempts=13, status=500, error="it answered 500")


def ids(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


async def test_the_newest_come_first_and_can_be_chosen_by_state_and_call(
    house: House, client: httpx2.AsyncClient
) -> None:
    first, second, third = [await put(house, call) for call in ("a", "b", "b")]
    await settle(house, first, delivered=False)
    await settle(house, second, delivered=True)

    assert ids(await client.get("/webhook")) == [third, second, first]
    assert ids(await client.get("/webhook?limit=1")) == [third]
    assert ids(await client.get("/webhook?state=pending")) == [third]
    assert ids(await client.get("/webhook?state=delivered")) == [second]
    assert ids(await client.get("/webhook?state=abandoned&callId=a")) == [first]
    assert ids(await client.get("/webhook?state=abandoned&callId=b")) == []


async def test_one_is_shown_with_its_body_and_without_what_it_is_signed_with(
    house: House, client: httpx2.AsyncClient
) -> None:
    identity = await put(house, "a", "end-of-call-report")
    await settle(house, identity, delivered=False)

    listed = (await client.get("/webhook")).json()[0]
    answer = await client.get(f"/webhook/{identity}")

    shown: dict[str, Any] = answer.json()
    assert shown.pop("message") == {"type": "end-of-call-report", "call": {"id": "a"}}
    assert shown == listed
    assert shown["orgId"] == house.org_id
    assert shown["url"] == "https://hooks.example.org/vapi"
    assert (shown["state"], shown["attempts"], shown["lastStatus"]) == ("abandoned", 13, 500)
    assert shown["lastError"] == "it answered 500"
    assert shown["nextAttemptAt"] is None
    assert "hush" not in answer.text
    assert "password" not in answer.text


async def test_what_was_given_up_is_sent_again_under_its_id(house: House, client: httpx2.AsyncClient) -> None:
    identity = await put(house, "a")
    await settle(house, identity, delivered=False)

    answer = await client.post(f"/webhook/{identity}/replay")

    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["state"], answer.json()["attempts"]) == (
        identity,
        "pending",
        0,
    )
    assert house.delivering == [True]
    assert ids(await client.get("/webhook?state=pending")) == [identity]


async def test_what_is_on_its_way_is_not_sent_twice(house: House, client: httpx2.AsyncClient) -> None:
    identity = await put(house, "a")

    answer = await client.post(f"/webhook/{identity}/replay")

    assert answer.status_code == 400
    assert answer.json()["message"] == "the message is still on its way"


async def test_each_org_sees_only_its_own(house: House, client: httpx2.AsyncClient) -> None:
    foreign = await put(house, "a", org_id=house.other_org_id)

    assert ids(await client.get("/webhook")) == []
    for identity in (foreign, UNKNOWN):
        for answer in (
            await client.get(f"/webhook/{identity}"),
            await client.post(f"/webhook/{identity}/replay"),
        ):
            assert answer.status_code == 404
            assert answer.json()["message"] == f"There is no webhook with id {identity}."


async def test_only_a_private_key_opens_them(house: House) -> None:
    identity = await put(house, "a")
    for key, status in ((None, 401), (PUBLIC_KEY, 401), (KEY, 200)):
        async with client_of(house, key) as caller:
            assert (await caller.get("/webhook")).status_code == status
            assert (await caller.get(f"/webhook/{identity}")).status_code == status


async def test_a_wrong_choice_is_explained(client: httpx2.AsyncClient) -> None:
    for query, complaint in (
        ("state=lost", "state must be one of the following values: pending, delivered, abandoned"),
        ("colour=red", "property colour should not exist"),
        ("limit=-1", "limit must not be less than 0"),
    ):
        answer = await client.get(f"/webhook?{query}")
        assert answer.status_code == 400
        assert answer.json()["message"] == [complaint]


async def test_one_whose_body_is_kept_no_more_is_shown_without_it_and_not_sent_again(
    house: House, client: httpx2.AsyncClient
) -> None:
    message = NewMessage("m1", "end-of-call-report", "h:443", RECEIVER, '{"message":{}}', passing=True)
    async with house.services.database.transaction() as tx:
        await tx.outbox.add(message, house.org_id, "a")
    await settle(house, "m1", delivered=True)

    shown = (await client.get("/webhook/m1")).json()
    answer = await client.post("/webhook/m1/replay")

    assert ("message" in shown, shown["state"]) == (False, "delivered")
    assert answer.status_code == 400
    assert "kept no more" in answer.text
