"""Vapi's own Python SDK, unmodified, against the API over HTTP.

It never complains: what it cannot place silently becomes None. So values are compared, all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

import httpx2
import pytest
import vapi
from vapi import Vapi
from vapi.core.api_error import ApiError

from .conftest import KEY, OTHER_KEY, Served

T = TypeVar("T")


@pytest.fixture
def sdk(served: Served) -> Vapi:
    return Vapi(token=KEY, base_url=served.url)


def plain(model: Any) -> dict[str, Any]:
    """The SDK has one class per resource and operation; what they hold can be compared."""
    return model.model_dump()


def inside(served: Served, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, served.loop).result(30)


def test_the_life_of_a_number(sdk: Vapi, served: Served) -> None:
    assistant = sdk.assistants.create(name="Ann")
    made = sdk.phone_numbers.create(
        request=vapi.CreatePhoneNumbersRequest_Vapi(
            sip_uri="sip:desk@phones.example.org",
            name="Desk",
            assistant_id=assistant.id,
            server=vapi.Server(url="https://example.org/hook", timeout_seconds=12),
            fallback_destination={"type": "sip", "sipUri": "sip:human@example.org"},
            authentication={"username": "u" * 20, "password": "p" * 20, "realm": "here"},
        )
    )
    read = sdk.phone_numbers.get(made.id)
    changed = sdk.phone_numbers.update(
        made.id, request=vapi.UpdatePhoneNumbersRequestBody_Vapi(name="Front desk", assistant_id=None)
    )
    listed = sdk.phone_numbers.list(limit=10.0)
    deleted = sdk.phone_numbers.delete(made.id)

    assert made.provider == "vapi"
    assert made.sip_uri == "sip:desk@phones.example.org"
    assert made.org_id == served.house.org_id
    assert made.status == "active"
    assert made.server.url == "https://example.org/hook"
    assert made.server.timeout_seconds == 12
    assert made.fallback_destination.type == "sip"
    assert made.fallback_destination.sip_uri == "sip:human@example.org"
    assert made.authentication.username == "u" * 20
    assert made.assistant_id == assistant.id
    assert isinstance(made.created_at, datetime)
    assert plain(read) == plain(made)
    assert changed.name == "Front desk"
    assert changed.assistant_id is None
    assert changed.server == made.server
    assert changed.updated_at > made.updated_at
    assert [plain(number) for number in listed] == [plain(changed)]
    assert plain(deleted) == plain(changed)
    assert sdk.phone_numbers.list() == []


def test_numbers_by_page_and_date(sdk: Vapi) -> None:
    made = [
        sdk.phone_numbers.create(request=vapi.CreatePhoneNumbersRequest_Vapi(name=f"n{index}"))
        for index in range(5)
    ]

    page = sdk.phone_numbers.phone_number_controller_find_all_paginated(page=2, limit=2, sort_order="ASC")
    later = sdk.phone_numbers.list(created_at_gt=made[2].created_at)
    none = sdk.phone_numbers.list(created_at_gt=made[4].created_at + timedelta(days=1))
    eastern = timezone(timedelta(hours=5))
    also_later = sdk.phone_numbers.list(created_at_gt=made[2].created_at.astimezone(eastern))

    assert [number.name for number in page.results] == ["n2", "n3"]
    assert page.metadata.total_items == 5
    assert page.metadata.current_page == 2
    assert page.metadata.items_per_page == 2
    assert page.metadata.has_next_page is True
    assert [number.name for number in later] == ["n4", "n3"]
    assert also_later == later
    assert none == []


def test_the_life_of_an_assistant(sdk: Vapi) -> None:
    made = sdk.assistants.create(
        name="Receptionist",
        first_message="Hello",
        first_message_mode="assistant-speaks-first",
        model={
            "provider": "custom-llm",
            "url": "https://llm.example/v1",
            "model": "any",
            "messages": [{"role": "system", "content": "Be brief."}],
        },
        voice={"provider": "vapi", "voiceId": "Elliot"},
        transcriber={"provider": "deepgram", "model": "nova-3"},
        start_speaking_plan={"waitSeconds": 0.8},
        end_call_phrases=["goodbye"],
        server_messages=["status-update", "end-of-call-report"],
        metadata={"customer": 42},
    )
    changed = sdk.assistants.update(made.id, first_message="Good morning", end_call_phrases=[])

    assert made.name == "Receptionist"
    assert made.model.provider == "custom-llm"
    assert made.model.url == "https://llm.example/v1"
    assert made.model.messages[0].content == "Be brief."
    assert made.voice.provider == "vapi"
    assert made.voice.voice_id == "Elliot"
    assert made.transcriber.provider == "deepgram"
    assert made.start_speaking_plan.wait_seconds == 0.8
    assert made.server_messages == ["status-update", "end-of-call-report"]
    assert made.metadata == {"customer": 42}
    assert (changed.first_message, changed.end_call_phrases) == ("Good morning", [])
    assert changed.model == made.model
    assert sdk.assistants.get(made.id) == changed
    assert sdk.assistants.list() == [changed]
    assert sdk.assistants.delete(made.id).id == made.id
    assert sdk.assistants.list() == []


def test_tools_and_squads(sdk: Vapi) -> None:
    tool = sdk.tools.create(
        request={"type": "function", "function": {"name": "book", "description": "Book a table"}}
    )
    assistant = sdk.assistants.create(name="Ann", model={"provider": "vapi", "toolIds": [tool.id]})
    squad = sdk.squads.create(name="Desk", members=[{"assistantId": assistant.id}])

    assert (tool.type, tool.function.name) == ("function", "book")
    assert plain(sdk.tools.get(tool.id)) == plain(tool)
    assert squad.members[0].assistant_id == assistant.id
    assert sdk.squads.list() == [squad]


def test_calls_are_read_and_erased(sdk: Vapi, served: Served) -> None:
    document = {
        "type": "inboundPhoneCall",
        "status": "ended",
        "endedReason": "customer-ended-call",
        "phoneCallProvider": "vapi",
        "phoneCallTransport": "sip",
        "assistantId": "a",
        "phoneNumberId": "n",
        "startedAt": "2026-09-21T14:13:20.000Z",
        "endedAt": "2026-09-21T14:14:20.500Z",
        "customer": {"number": "+15551230000", "name": "Ann"},
        "transport": {"provider": "vapi.sip", "callSid": "c", "sbcCallSid": "s"},
        "artifact": {
            "transcript": "AI: Hello\nUser: Hi\n",
            "messages": [
                {"role": "bot", "message": "Hello", "time": 1.0, "endTime": 2.0, "secondsFromStart": 0.5},
                {"role": "user", "message": "Hi", "time": 3.0, "endTime": 4.0, "secondsFromStart": 2.5},
            ],
        },
        "costs": [{"type": "transport", "provider": "vapi", "minutes": 1.0, "cost": 0}],
        "cost": 0,
    }

    async def store() -> str:
        async with served.house.services.database.transaction() as tx:
            record = await tx.calls.begin(served.house.org_id, document, status="ended")
        return record.id

    call_id = inside(served, store())

    call = sdk.calls.get(call_id)

    assert (call.status, call.type, call.ended_reason) == (
        "ended",
        "inboundPhoneCall",
        "customer-ended-call",
    )
    assert call.started_at == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
    assert call.customer.number == "+15551230000"
    assert call.transport.provider == "vapi.sip"
    assert [message.role for message in call.artifact.messages] == ["bot", "user"]
    assert call.artifact.messages[1].message == "Hi"
    assert call.costs[0].type == "transport"
    assert sdk.calls.list(assistant_id="a", phone_number_id="n") == [call]
    assert sdk.calls.list(assistant_id="b") == []
    assert sdk.calls.update(call_id, name="Named").name == "Named"
    assert sdk.calls.delete(call_id).id == call_id
    assert sdk.calls.list() == []


def test_a_recording_is_downloaded_through_the_sdks_own_redirect(sdk: Vapi, served: Served) -> None:
    async def store() -> str:
        async with served.house.services.database.transaction() as tx:
            record = await tx.calls.begin(served.house.org_id, {"status": "ended"}, status="ended")
        return record.id

    call_id, unrecorded = inside(served, store()), inside(served, store())
    folder = served.house.services.recordings
    folder.mkdir(parents=True)
    for kind in ("mono", "stereo"):
        (folder / f"{call_id}-{kind}.wav").write_bytes(f"RIFF {kind}".encode())

    sdk.calls.call_artifact_controller_mono_recording_download(call_id)
    url = served.house.services.links.lasting(call_id)["mono"]

    assert httpx2.get(url).content == b"RIFF mono"
    with pytest.raises(ApiError) as missing:
        sdk.calls.call_artifact_controller_stereo_recording_download(unrecorded)
    assert missing.value.status_code == 404


def test_errors_reach_the_sdk_with_their_body(sdk: Vapi, served: Served) -> None:
    made = sdk.assistants.create(name="Ann")

    with pytest.raises(ApiError) as key:
        Vapi(token="wrong", base_url=served.url).assistants.list()
    with pytest.raises(ApiError) as name:
        sdk.assistants.create(name="n" * 41)
    with pytest.raises(ApiError) as foreign:
        Vapi(token=OTHER_KEY, base_url=served.url).assistants.get(made.id)

    assert key.value.status_code == 401
    assert key.value.body["message"].startswith("Invalid Key.")
    assert name.value.status_code == 400
    assert name.value.body == {
        "message": ["name must be shorter than or equal to 40 characters"],
        "error": "Bad Request",
        "statusCode": 400,
    }
    assert foreign.value.status_code == 404


def test_a_number_does_not_call_out(sdk: Vapi) -> None:
    number = sdk.phone_numbers.create(request=vapi.CreatePhoneNumbersRequest_Vapi(name="Desk"))

    with pytest.raises(ApiError) as refused:
        sdk.calls.create(phone_number_id=number.id, customer={"number": "+15551230000"})
    (call,) = sdk.calls.list()

    assert refused.value.status_code == 400
    assert refused.value.body["message"] == "Vapi Numbers Can't Dial Outbound Yet."
    assert (call.type, call.status) == ("outboundPhoneCall", "ended")
    assert call.ended_reason == "call.start.error-get-transport"
    assert call.phone_number_id == number.id
