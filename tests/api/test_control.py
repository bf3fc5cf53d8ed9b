"""`/call/{id}/control` and `/call/{id}/end`: who may, what is refused, and what reaches the call."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from offhook.schema.calls.monitored_call import MonitoredCall
from tests.api.conftest import KEY, NODE, OTHER_KEY, PUBLIC_KEY, House, client_of
from tests.api.test_call import stored_call

SAY = {"type": "say", "content": "One moment."}


async def live(house: House, **allowed: bool) -> str:
    """A call that goes on here."""
    call_id = await stored_call(house, "in-progress", NODE)
    house.live.up[call_id] = MonitoredCall(house.org_id, **{"controls": True, **allowed})
    return call_id


async def control(house: House, call_id: str, key: str | None = None, **message: Any) -> httpx2.Response:
    async with client_of(house, key) as client:
        return await client.post(f"/call/{call_id}/control", json=message or SAY)


async def test_a_message_reaches_the_call_without_a_key(house: House) -> None:
    call_id = await live(house)

    answer = await control(house, call_id)

    assert (answer.status_code, answer.json()) == (200, {"id": call_id, "type": "say"})
    assert house.live.controlled == [(call_id, SAY)]


@pytest.mark.parametrize(
    ("key", "status"),
    [(None, 401), ("no-such-key", 401), (OTHER_KEY, 401), (PUBLIC_KEY, 200), (KEY, 200)],
)
async def test_a_key_of_the_org_is_asked_for_where_the_assistant_wants_one(
    house: House, key: str | None, status: int
) -> None:
    call_id = await live(house, control_key=True)

    answer = await control(house, call_id, key)

    assert answer.status_code == status
    assert len(house.live.controlled) == (status == 200)


async def test_a_call_that_may_not_be_steered_is_not(house: House) -> None:
    call_id = await live(house, controls=False)

    assert (await control(house, call_id, KEY)).status_code == 403
    assert house.live.controlled == []


@pytest.mark.parametrize("identity", ["nothing", "%00", "%F0%9F%98%80", "x" * 3000])
async def test_a_call_that_does_not_go_on_is_not_found(house: House, identity: str) -> None:
    assert (await control(house, identity)).status_code == 404
    assert (await control(house, await stored_call(house, "ended", NODE))).status_code == 404


async def test_another_nodes_call_is_steered_there(house: House) -> None:
    call_id = await stored_call(house, "in-progress", "node-2/2")

    answer = await control(house, call_id)

    assert (answer.status_code, answer.json()["message"]) == (
        409,
        "The call goes on at another node: ask there.",
    )


async def test_a_call_says_why_it_does_not_take_a_message(house: House) -> None:
    call_id = await live(house)
    house.live.refusal = "The assistant is muted."

    answer = await control(house, call_id)

    assert (answer.status_code, answer.json()["message"]) == (409, "The assistant is muted.")


async def test_a_call_plane_that_is_away_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise ConnectionError

    call_id = await live(house)
    with monkeypatch.context() as broken:
        broken.setattr(house.live, "control", away)
        assert (await control(house, call_id)).status_code == 503
    monkeypatch.setattr(house.live, "monitored", away)
    assert (await control(house, call_id)).status_code == 503


@pytest.mark.parametrize(
    "message",
    [
        {"type": "shout"},
        {"content": "no type"},
        {"type": "say"},
        {"type": "say", "content": " "},
        {"type": "say", "content": 5},
        {"type": "say", "content": "x", "loudly": True},
        {"type": "add-message"},
        {"type": "add-message", "message": {"role": "king", "content": "x"}},
        {"type": "add-message", "message": {"role": "tool", "content": "nobody called"}},
        {"type": "control", "control": "explode"},
        {"type": "transfer"},
        {"type": "transfer", "destination": {"type": "assistant", "assistantName": "Ann"}},
        {"type": "transfer", "destination": {"type": "number", "number": "1"}},
        {"type": "transfer", "destination": {
            "type": "sip", "sipUri": "sip:a@b",
            "transferPlan": {"mode": "blind-transfer", "holdAudioUrl": "http://127.0.0.1/x"},
        }},
        {"type": "handoff", "destination": {"type": "assistant"}},
        {"type": "handoff", "destination": {"type": "assistant", "assistantId": "nobody"}},
        {"type": "handoff", "destination": {
            "type": "assistant", "assistant": {"server": {"url": "http://127.0.0.1/x"}},
        }},
        {"type": "send-transport-message", "message": {"transport": "vapi.sip", "sipVerb": "BYE"}},
    ],
)  # fmt: skip
async def test_what_is_wrong_reaches_no_call(house: House, message: dict[str, Any]) -> None:
    call_id = await live(house)

    answer = await control(house, call_id, **message)

    assert answer.status_code == 400, answer.text
    assert house.live.controlled == []


@pytest.mark.parametrize(
    "message",
    [
        {"type": "say", "content": "x", "endCallAfterSpoken": True, "interruptionsEnabled": False,
         "interruptAssistantEnabled": True},
        {"type": "say", "endCallAfterSpoken": True},
        {"type": "add-message", "message": {"role": "system", "content": "x"},
         "triggerResponseEnabled": False},
        *({"type": "control", "control": control} for control in (
            "mute-assistant", "unmute-assistant", "mute-customer", "unmute-customer", "say-first-message",
        )),
        {"type": "end-call"},
        {"type": "transfer", "destination": {"type": "number", "number": "+15550100"}, "content": "x"},
        {"type": "transfer", "destination": {"type": "sip", "sipUri": "sip:a@b.example.org"}},
        {"type": "handoff", "destination": {"type": "assistant", "assistantName": "Ann",
         "contextEngineeringPlan": {"type": "none"}}, "content": "x"},
        {"type": "handoff", "destination": {"type": "assistant", "assistant": {"name": "Ann"}}},
        {"type": "send-transport-message", "message": {"transport": "vapi.sip", "sipVerb": "INFO",
         "headers": {"X-A": "b"}, "body": "c"}},
    ],
)  # fmt: skip
async def test_all_that_is_right_reaches_the_call_as_it_is(house: House, message: dict[str, Any]) -> None:
    call_id = await live(house)

    answer = await control(house, call_id, **message)

    assert answer.status_code == 200, answer.text
    assert house.live.controlled == [(call_id, message)]


async def test_a_call_is_ended_and_kept(house: House, client: httpx2.AsyncClient) -> None:
    call_id = await live(house)

    answer = await client.post(f"/call/{call_id}/end")

    assert (answer.status_code, answer.json()["id"]) == (200, call_id)
    assert house.live.ended == [call_id]
    assert (await client.get(f"/call/{call_id}")).status_code == 200


async def test_another_nodes_call_is_ended_there(house: House, client: httpx2.AsyncClient) -> None:
    call_id = await stored_call(house, "in-progress", "node-2")
    async with house.services.database.transaction() as tx:
        await tx.nodes.enter("node-2")

    assert (await client.post(f"/call/{call_id}/end")).status_code == 503
    assert house.live.ended == []
    assert (await client.post(f"/call/{await stored_call(house)}/end")).status_code == 200


async def test_calls_are_listed_by_status(house: House, client: httpx2.AsyncClient) -> None:
    going_on, over = await stored_call(house, "in-progress"), await stored_call(house)

    assert [one["id"] for one in (await client.get("/call?status=in-progress")).json()] == [going_on]
    assert [one["id"] for one in (await client.get("/call?status=ended")).json()] == [over]
    assert (await client.get("/call?status=sleeping")).status_code == 400
