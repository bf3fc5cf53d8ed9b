"""VapiPhoneNumber as it was first written down: a test for each property and each sentence, on a real node.

Python names are those of the official client, so `fallback_destination` is asked for by that name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from vapi import (
    CreatePhoneNumbersRequest_Vapi,
    GetPhoneNumbersResponse_Vapi,
    UpdatePhoneNumbersRequestBody_Vapi,
)
from vapi.core.api_error import ApiError

from tests.end_to_end.answers import Receiver, receiving, says, sends
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.model import Models, Use
from tests.end_to_end.node import Node, Number, new_number
from tests.end_to_end.orgs import Org, another_org
from tests.end_to_end.peers import LOOPBACK
from tests.machine import PATIENCE

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DESK = {"type": "sip", "sipUri": f"sip:desk@{LOOPBACK}:5095", "message": ""}


def speaks_for(place: str, **more: Any) -> dict[str, Any]:
    return {"firstMessage": f"This is the {place} speaking.", **more}


@dataclass
class World:
    """A node, the test's own receiver, and what its callers went through."""

    node: Node
    receiver: Receiver
    org: Org
    told: Told = field(default_factory=Told)

    def url(self, name: str) -> str:
        return self.receiver.url(name)

    async def number(self, **fields: Any) -> Number:
        return await asyncio.to_thread(new_number, self.org, answered_by=None, **fields)

    async def assistant(self, place: str, **more: Any) -> str:
        made = await asyncio.to_thread(self.org.post, "/assistant", speaks_for(place, **more))
        return str(made["id"])

    async def call(self, number: Number, **how: Any) -> dict[str, Any]:
        """Call, and hear the other side out unless told otherwise; returns the call as the API has it."""
        async with exchange(LOOPBACK, self.node.sip_port) as line:
            self.told = await call(line, number.uri(), **{"listens": True, **how})
        return dict(await asyncio.to_thread(number.call))


@pytest.fixture
async def world(service: Node) -> AsyncIterator[World]:
    async with receiving() as receiver:
        yield World(service, receiver, Org(service))


def through_client(service: Node, **fields: Any) -> GetPhoneNumbersResponse_Vapi:
    """Made and read back with the official client."""
    made = service.api.phone_numbers.create(request=CreatePhoneNumbersRequest_Vapi(**fields))
    read = service.api.phone_numbers.get(made.id)
    assert isinstance(read, GetPhoneNumbersResponse_Vapi)
    return read


# -- fallback_destination ---------------------------------------------------------------------------


def test_fallback_destination(service: Node) -> None:
    """[optional]"""
    bare = through_client(service)
    number = service.api.phone_numbers.update(
        bare.id, request=UpdatePhoneNumbersRequestBody_Vapi(fallback_destination=DESK)
    )

    assert bare.fallback_destination is None
    assert number.fallback_destination.sip_uri == DESK["sipUri"]


async def test_fallback_destination_takes_the_caller_if_the_assistant_request_fails(world: World) -> None:
    """`assistantId` is not set, `squadId` is not set, and `assistant-request` to the `serverUrl` fails."""
    world.receiver.acts["down"] = sends(b"", "503 Unavailable")

    shown = await world.call(await world.number(serverUrl=world.url("down"), fallbackDestination=DESK))

    assert world.told.refer_to == f"<{DESK['sipUri']}>"
    assert (shown["endedReason"], shown["destination"]) == ("assistant-request-failed", DESK)
    assert len(world.receiver.of("down", "assistant-request")) == 1


@pytest.mark.parametrize("bound", ["assistantId", "squadId"])
async def test_fallback_destination_has_no_part_in_a_call_with(bound: str, world: World) -> None:
    answers = await world.assistant("library")
    if bound == "squadId":
        squad = {"members": [{"assistantId": answers}]}
        answers = (await asyncio.to_thread(world.org.post, "/squad", squad))["id"]
    world.receiver.acts["down"] = sends(b"", "503 Unavailable")

    fields = {bound: answers, "serverUrl": world.url("down"), "fallbackDestination": DESK}
    await world.call(await world.number(**fields))

    assert "library" in world.told.words
    assert world.told.refers == []


async def test_fallback_destination_not_set_the_call_is_hung_up_with_an_error_message(world: World) -> None:
    world.receiver.acts["down"] = sends(b"", "503 Unavailable")

    shown = await world.call(await world.number(serverUrl=world.url("down")), listens=False)

    assert "cannot take your call" in world.told.words
    assert world.told.hung_up_on
    assert shown["endedReason"] == "assistant-request-failed"


# -- what every number has --------------------------------------------------------------------------


def test_provider(service: Node) -> None:
    """This is to create free SIP phone numbers."""
    assert through_client(service).provider == "vapi"
    assert Org(service).refused("POST", "/phone-number", {})[0] == 400
    assert Org(service).refused("POST", "/phone-number", {"provider": "carrier-pigeon"})[0] == 400


def test_id_is_the_unique_identifier(service: Node) -> None:
    first, second = through_client(service), through_client(service)

    assert UUID.fullmatch(first.id)
    assert first.id != second.id
    assert service.api.phone_numbers.get(second.id).sip_uri == second.sip_uri


def test_org_id_is_the_org_that_the_number_belongs_to(service: Node) -> None:
    ours, theirs = Org(service), another_org(service)
    number = through_client(service)

    assert number.org_id == ours.get("/org")[0]["id"] != theirs.get("/org")[0]["id"]
    assert theirs.refused("GET", f"/phone-number/{number.id}")[0] == 404
    assert number.id not in [one["id"] for one in theirs.get("/phone-number")]


def test_created_at(service: Node) -> None:
    """ISO 8601 date-time, when the phone number was created."""
    number = through_client(service)

    assert abs(number.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    shown = service.get(f"/phone-number/{number.id}")["createdAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown)


def test_updated_at(service: Node) -> None:
    """ISO 8601 date-time, when the phone number was last updated."""
    number = through_client(service)
    changed = service.api.phone_numbers.update(
        number.id, request=UpdatePhoneNumbersRequestBody_Vapi(name="Front desk")
    )

    assert number.updated_at == number.created_at == changed.created_at
    assert changed.updated_at > number.updated_at


async def test_name_is_just_for_your_own_reference(world: World) -> None:
    """[optional]"""
    named = await asyncio.to_thread(through_client, world.node, name="Front desk")
    number = await world.number(assistantId=await world.assistant("library"), name="Front desk")

    await world.call(number)

    assert named.name == "Front desk"
    assert (await asyncio.to_thread(through_client, world.node)).name is None
    assert "library" in world.told.words


# -- assistant_id, squad_id -------------------------------------------------------------------------


async def test_assistant_id_is_used_for_incoming_calls_to_this_number(world: World) -> None:
    assistant_id = await world.assistant("library")

    shown = await world.call(await world.number(assistantId=assistant_id))

    assert "library" in world.told.words
    assert (shown["type"], shown["assistantId"]) == ("inboundPhoneCall", assistant_id)


async def test_assistant_id_changed_counts_from_the_next_call(world: World) -> None:
    number = await world.number(assistantId=await world.assistant("library"))
    await world.call(number)
    garden = await world.assistant("garden")

    await asyncio.to_thread(world.org.patch, f"/phone-number/{number.id}", {"assistantId": garden})
    await world.call(number)

    assert "garden" in world.told.words


async def test_squad_id_is_used_for_incoming_calls_to_this_number(world: World) -> None:
    members = [{"assistantId": await world.assistant("library")}, {"assistant": speaks_for("garden")}]
    squad = (await asyncio.to_thread(world.org.post, "/squad", {"members": members}))["id"]

    shown = await world.call(await world.number(squadId=squad))

    assert "library" in world.told.words
    assert shown["squadId"] == squad


async def test_assistant_id_nor_squad_id_set_assistant_request_is_sent_to_your_server_url(
    world: World,
) -> None:
    """`ServerMessage` and `ServerMessageResponse` have the shape of the message and of the response."""
    world.receiver.acts["ask"] = says({"assistant": speaks_for("museum")})
    number = await world.number(assistantId=await world.assistant("library"), serverUrl=world.url("ask"))
    unbound = {"assistantId": None}
    await asyncio.to_thread(world.org.patch, f"/phone-number/{number.id}", unbound)

    shown = await world.call(number)

    (asked,) = world.receiver.of("ask", "assistant-request")
    message = asked.message
    assert "museum" in world.told.words
    assert message["call"]["id"] == shown["id"]
    assert (message["call"]["type"], message["call"]["status"]) == ("inboundPhoneCall", "ringing")
    assert message["call"]["transport"]["provider"] == "vapi.sip"
    assert message["call"]["transport"]["sbcCallSid"] == world.told.call_id
    assert (message["phoneNumber"]["id"], message["phoneNumber"]["provider"]) == (number.id, "vapi")
    assert message["customer"]["number"] == "+15551230000"
    assert message["customer"]["sipUri"].startswith("sip:+15551230000@")
    assert abs(message["timestamp"] / 1000 - datetime.now(UTC).timestamp()) < 60


@pytest.mark.parametrize("name", ["assistant_id", "squad_id"])
def test_optional(name: str, service: Node) -> None:
    """[optional]"""
    assert getattr(through_client(service), name) is None
    nobody = "00000000-0000-7000-8000-000000000000"
    with pytest.raises(ApiError) as refused:
        through_client(service, **{name: nobody})
    assert refused.value.status_code == 400


# -- server_url, server_url_secret ------------------------------------------------------------------


async def test_server_url_is_where_messages_are_sent_for_calls_on_this_number(world: World) -> None:
    """This includes the `assistant-request` message."""
    world.receiver.acts["number"] = says({"assistant": speaks_for("museum")})
    number = await world.number(serverUrl=world.url("number"))

    await world.call(number)
    await world.receiver.wait_for("number", "end-of-call-report")

    kinds = [one.type for one in world.receiver.of("number")]
    assert kinds[0] == "assistant-request"
    assert kinds[-1] == "end-of-call-report"
    assert {"status-update", "conversation-update", "speech-update"} <= set(kinds)
    assert {one.message["phoneNumber"]["id"] for one in world.receiver.taken} == {number.id}
    assert (await asyncio.to_thread(world.org.get, f"/phone-number/{number.id}"))["serverUrl"] == world.url(
        "number"
    )


async def test_server_url_overrides_that_of_the_org(world: World) -> None:
    """tool.server.url > assistant.serverUrl > phoneNumber.serverUrl > org.serverUrl"""
    world.org = await asyncio.to_thread(another_org, world.node)
    org_id = (await asyncio.to_thread(world.org.get, "/org"))[0]["id"]
    await asyncio.to_thread(world.org.patch, f"/org/{org_id}", {"server": {"url": world.url("org")}})
    plain, own = await world.assistant("library"), {"url": world.url("assistant")}
    known = await world.assistant("garden", server=own)

    async def receivers(**fields: Any) -> set[str]:
        world.receiver.taken.clear()
        await world.call(await world.number(**fields), listens=False, hang_up_after=1.0)
        async with asyncio.timeout(PATIENCE):
            while "end-of-call-report" not in [one.type for one in world.receiver.taken]:
                await asyncio.sleep(0.05)
        return {one.path for one in world.receiver.taken}

    assert await receivers(assistantId=plain) == {"/org"}
    assert await receivers(assistantId=plain, serverUrl=world.url("number")) == {"/number"}
    assert await receivers(assistantId=known, serverUrl=world.url("number")) == {"/assistant"}


async def test_server_url_of_a_tool_comes_first(world: World) -> None:
    """tool.server.url > assistant.serverUrl: the model is asked to run it, and its server is."""
    models = Models()
    try:
        tool = {
            "type": "function",
            "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
            "server": {"url": world.url("tool")},
        }
        answered_by = {
            "firstMessageMode": "assistant-speaks-first-with-model-generated-message",
            "server": {"url": world.url("assistant")},
            "model": models.script("seed", [[Use("weather", {"city": "Bern"})]], tools=[tool]),
        }
        assistant_id = (await asyncio.to_thread(world.org.post, "/assistant", answered_by))["id"]
        await world.call(
            await world.number(assistantId=assistant_id, serverUrl=world.url("number")), listens=False
        )
        await world.receiver.wait_for("assistant", "end-of-call-report")
    finally:
        await asyncio.to_thread(models.close)

    assert {one.path for one in world.receiver.taken if one.type == "tool-calls"} == {"/tool"}
    assert {one.path for one in world.receiver.taken} == {"/tool", "/assistant"}


async def test_server_url_secret_is_sent_with_every_message_as_a_header_called_x_vapi_secret(
    world: World,
) -> None:
    world.receiver.acts["number"] = says({"assistant": speaks_for("museum")})

    await world.call(
        await world.number(serverUrl=world.url("number"), serverUrlSecret="open sesame"),
        listens=False,
        hang_up_after=1.0,
    )
    await world.receiver.wait_for("number", "end-of-call-report")

    assert len(world.receiver.taken) > 3
    assert {one.headers.get("x-vapi-secret") for one in world.receiver.taken} == {"open sesame"}


async def test_server_url_secret_has_the_same_precedence_logic_as_server_url(world: World) -> None:
    own = {"url": world.url("assistant"), "secret": "of the assistant"}
    known = await world.assistant("garden", server=own)
    unsigned = await world.assistant("library", server={"url": world.url("unsigned")})
    number = {"serverUrl": world.url("number"), "serverUrlSecret": "of the number"}

    await world.call(await world.number(assistantId=known, **number), listens=False, hang_up_after=1.0)
    await world.receiver.wait_for("assistant", "end-of-call-report")
    await world.call(await world.number(assistantId=unsigned, **number), listens=False, hang_up_after=1.0)
    await world.receiver.wait_for("unsigned", "end-of-call-report")

    secrets = {(one.path, one.headers.get("x-vapi-secret")) for one in world.receiver.taken}
    assert secrets == {("/assistant", "of the assistant"), ("/unsigned", None)}


# -- sip_uri ----------------------------------------------------------------------------------------


async def test_sip_uri_you_can_invite_and_the_assistant_attached_to_this_number_will_answer(
    world: World,
) -> None:
    number = await world.number(assistantId=await world.assistant("library"))

    shown = await world.call(number)

    assert number.document["sipUri"] == number.uri()
    assert world.told.refused is None
    assert "library" in world.told.words
    assert shown["phoneNumberId"] == number.id


def test_sip_uri_is_always_there(service: Node) -> None:
    assert re.fullmatch(r"sip:[^@]+@.+", str(through_client(service).sip_uri))
