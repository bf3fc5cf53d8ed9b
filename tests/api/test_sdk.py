"""Vapi's own Python SDK, unmodified, against the API over HTTP.

It never complains: what it cannot place silently becomes None. So values are compared, all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

import httpx
import httpx2
import pytest
import vapi
from vapi import AsyncVapi, Vapi
from vapi.core.api_error import ApiError

from tests.api.conftest import KEY, OTHER_KEY, Served
from tests.machine import PATIENCE

pytestmark = pytest.mark.slow

T = TypeVar("T")


@contextlib.contextmanager
def client(served: Served, key: str) -> Iterator[Vapi]:
    with httpx.Client(timeout=PATIENCE, follow_redirects=True) as web:
        yield Vapi(token=key, base_url=served.url, httpx_client=web)


@pytest.fixture
def sdk(served: Served) -> Iterator[Vapi]:
    with client(served, KEY) as opened:
        yield opened


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


def test_the_life_of_a_tool(sdk: Vapi) -> None:
    made = sdk.tools.create(
        request=vapi.CreateToolsRequest_Function(
            function=vapi.OpenAiFunction(
                name="book",
                description="Book a table",
                parameters=vapi.OpenAiFunctionParameters(
                    type="object", properties={"people": vapi.JsonSchema(type="integer")}, required=["people"]
                ),
            ),
            server=vapi.Server(url="https://example.org/book", timeout_seconds=7),
            messages=[{"type": "request-start", "content": "One moment", "blocking": True}],
        )
    )
    changed = sdk.tools.update(
        made.id,
        request=vapi.UpdateToolsRequestBody_Function(function=vapi.OpenAiFunction(name="book_table")),
    )

    assert (made.type, made.function.name, made.function.description) == ("function", "book", "Book a table")
    assert made.function.parameters.properties["people"].type == "integer"
    assert made.function.parameters.required == ["people"]
    assert (made.server.url, made.server.timeout_seconds) == ("https://example.org/book", 7)
    assert (made.messages[0].type, made.messages[0].content) == ("request-start", "One moment")
    assert (changed.function.name, changed.server) == ("book_table", made.server)
    assert plain(sdk.tools.get(made.id)) == plain(changed)
    assert [plain(tool) for tool in sdk.tools.list(limit=5)] == [plain(changed)]
    assert plain(sdk.tools.delete(made.id)) == plain(changed)
    assert sdk.tools.list() == []


def test_the_life_of_a_squad(sdk: Vapi) -> None:
    ann = sdk.assistants.create(name="Ann")
    made = sdk.squads.create(
        name="Desk",
        members=[
            vapi.SquadMemberDto(
                assistant_id=ann.id,
                assistant_overrides=vapi.AssistantOverrides(first_message="Hi", variable_values={"a": 1}),
                assistant_destinations=[
                    {"type": "assistant", "assistantName": "Bob", "message": "I hand you over"}
                ],
            ),
            vapi.SquadMemberDto(assistant=vapi.CreateAssistantDto(name="Bob", first_message="Bob here")),
        ],
        members_overrides=vapi.AssistantOverrides(max_duration_seconds=60),
    )
    other = sdk.squads.create(members=[])
    changed = sdk.squads.update(made.id, name="Front desk", members=[made.members[1]])

    first, second = made.members
    assert (first.assistant_id, first.assistant_overrides.first_message) == (ann.id, "Hi")
    assert first.assistant_overrides.variable_values == {"a": 1}
    assert first.assistant_destinations[0].assistant_name == "Bob"
    assert (second.assistant.name, second.assistant.first_message) == ("Bob", "Bob here")
    assert made.members_overrides.max_duration_seconds == 60
    assert (changed.name, changed.members) == ("Front desk", [second])
    assert changed.members_overrides == made.members_overrides
    assert sdk.squads.get(made.id) == changed
    assert sdk.squads.list() == [other, changed]
    assert sdk.squads.list(id_any=[made.id]) == sdk.squads.list(id_any=made.id) == [changed]
    assert sdk.squads.delete(made.id) == changed
    assert sdk.squads.list() == [other]


def test_what_is_served_and_what_the_sdk_has_is_the_same(sdk: Vapi) -> None:
    """A method that comes with a later SDK is to be looked at."""
    unserved = {
        "assistants": {"assistant_controller_validate_background_sound_url"},
        "calls": {
            "call_artifact_controller_call_logs_download",
            "call_artifact_controller_pcap_download",
            "call_artifact_controller_video_recording_download",
        },
    }
    five = {"create", "delete", "get", "list", "update"}
    served = {
        "assistants": five,
        "phone_numbers": five | {"phone_number_controller_find_all_paginated"},
        "squads": five,
        "tools": five,
        "calls": five
        | {
            f"call_artifact_controller_{kind}_recording_download"
            for kind in ("mono", "stereo", "customer", "assistant")
        },
    }

    for name, methods in served.items():
        client = getattr(sdk, name)
        had = {method for method in dir(client) if not method.startswith("_")} - {"with_raw_response"}
        assert had == methods | unserved.get(name, set()), name


@pytest.fixture
async def async_sdk(served: Served) -> AsyncIterator[AsyncVapi]:
    async with httpx.AsyncClient(timeout=PATIENCE) as web:
        yield AsyncVapi(token=KEY, base_url=served.url, httpx_client=web)


async def test_the_asynchronous_client(async_sdk: AsyncVapi) -> None:
    sdk = async_sdk

    made = await sdk.assistants.create(name="Ann", first_message="Hello")
    number = await sdk.phone_numbers.create(
        request=vapi.CreatePhoneNumbersRequest_Vapi(name="Desk", assistant_id=made.id)
    )
    with pytest.raises(ApiError) as missing:
        await sdk.phone_numbers.get(made.id)

    assert await sdk.assistants.get(made.id) == made
    assert [plain(one) for one in await sdk.phone_numbers.list()] == [plain(number)]
    assert (missing.value.status_code, missing.value.body["error"]) == (404, "Not Found")


def test_the_raw_response_is_there_too(sdk: Vapi) -> None:
    made = sdk.assistants.create(name="Ann")

    raw = sdk.assistants.with_raw_response.get(made.id)

    assert raw.data == made
    assert raw.headers["content-type"] == "application/json"
    assert len(raw.headers["x-request-id"]) == 16


def test_pages_by_their_cursor(sdk: Vapi) -> None:
    for name in ("a", "b", "c"):
        sdk.phone_numbers.create(request=vapi.CreatePhoneNumbersRequest_Vapi(name=name))
    first = sdk.phone_numbers.phone_number_controller_find_all_paginated(limit=2)
    cursor = {"additional_query_parameters": {"cursor": first.metadata.next_cursor}}
    second = sdk.phone_numbers.phone_number_controller_find_all_paginated(limit=2, request_options=cursor)

    assert [number.name for number in first.results] == ["c", "b"]
    assert [number.name for number in second.results] == ["a"]
    assert (second.metadata.has_next_page, second.metadata.next_cursor) == (False, None)


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

    with client(served, "wrong") as unknown, pytest.raises(ApiError) as key:
        unknown.assistants.list()
    with pytest.raises(ApiError) as name:
        sdk.assistants.create(name="n" * 41)
    with client(served, OTHER_KEY) as other, pytest.raises(ApiError) as foreign:
        other.assistants.get(made.id)

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


def test_lists_of_what_is_not_served_are_read(sdk: Vapi) -> None:
    of_provider = sdk.provider_resources.provider_resource_controller_get_provider_resources_paginated
    pages: list[Any] = [sdk.chats.list(), sdk.sessions.list(), sdk.eval.eval_controller_get_paginated()]
    pages += [sdk.structured_outputs.structured_output_controller_find_all()]
    pages += [of_provider("11labs", "pronunciation-dictionary")]
    assert [page.results for page in pages] == [[]] * 5
    assert sdk.files.list() == sdk.knowledge_bases_v_2.knowledge_base_v_2_controller_find_all() == []
