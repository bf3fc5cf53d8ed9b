"""The official SDK, unmodified, before, during and after a real call. It turns what it cannot place into
None without a word, so values are compared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import vapi
from vapi.core.api_error import ApiError

from tests.end_to_end.baresip import Baresip
from tests.end_to_end.node import SHOP, Node, Number
from tests.end_to_end.peers import LOOPBACK
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.sound import read, says
from tests.machine import PATIENCE

# The SDK builds its models when they are first touched: half a minute of a core that has nothing else to do.
pytestmark = pytest.mark.timeout(900)


def test_numbers_and_assistants_from_their_making_to_their_end(service: Node) -> None:
    api = service.api
    uri = f"sip:sdk-life@{LOOPBACK}:{service.sip_port}"
    assistant = api.assistants.create(name="Ann", first_message="Hello")
    number = api.phone_numbers.create(
        request=vapi.CreatePhoneNumbersRequest_Vapi(sip_uri=uri, name="Desk", assistant_id=assistant.id)
    )
    renamed = api.assistants.update(assistant.id, name="Beth")
    moved = api.phone_numbers.update(
        number.id, request=vapi.UpdatePhoneNumbersRequestBody_Vapi(name="Front", assistant_id=None)
    )
    listed = {one.id: one for one in api.phone_numbers.list()}
    known = {one.id: one.name for one in api.assistants.list()}
    deleted = api.phone_numbers.delete(number.id)
    api.assistants.delete(assistant.id)

    assert (number.provider, number.sip_uri, number.status) == ("vapi", uri, "active")
    assert number.assistant_id == assistant.id
    assert (renamed.name, renamed.first_message) == ("Beth", "Hello")
    assert (moved.name, moved.assistant_id, moved.sip_uri) == ("Front", None, uri)
    assert listed[number.id].name == "Front"
    assert known[assistant.id] == "Beth"
    assert deleted.id == number.id
    with pytest.raises(ApiError) as gone:
        api.phone_numbers.get(number.id)
    assert gone.value.status_code == 404
    with pytest.raises(ApiError) as also_gone:
        api.assistants.get(assistant.id)
    assert also_gone.value.status_code == 404


def test_a_call_as_the_sdk_reads_it(service: Node, sink: WebhookSink, tmp_path: Path) -> None:
    api = service.api
    before = datetime.now(UTC)
    assistant = api.assistants.create(
        name="Harbor",
        first_message="Welcome to the Harbor shop.",
        model={"provider": "vapi", "messages": [{"role": "system", "content": SHOP}]},
        server=vapi.Server(url=sink.url),
        server_messages=["speech-update"],
    )
    uri = f"sip:sdk-call@{LOOPBACK}:{service.sip_port}"
    number = api.phone_numbers.create(
        request=vapi.CreatePhoneNumbersRequest_Vapi(sip_uri=uri, assistant_id=assistant.id)
    )
    # The SDK loads its types for seconds, at the first call of a list; the assistant would ask who is there.
    assert api.calls.list(phone_number_id=number.id) == []
    with Baresip(tmp_path / "phone") as phone:
        phone.dial(uri)
        sink.wait_for("speech-update", status="stopped", role="assistant")
        (during,) = api.calls.list(phone_number_id=number.id)
        phone.play(says("price", tmp_path))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=1)
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
        sip_call_id = phone.call_id
    service.call_of(_numbered(service, number.id))
    call = api.calls.get(during.id)
    (listed,) = api.calls.list(phone_number_id=number.id)
    artifact = call.artifact
    assert artifact is not None
    stereo = read(httpx.get(artifact.recording.stereo_url, timeout=PATIENCE).content)
    mono = read(httpx.get(artifact.recording.mono.combined_url, timeout=PATIENCE).content)

    assert (during.status, during.ended_at, during.ended_reason) == ("in-progress", None, None)
    assert (call.type, call.status, call.ended_reason) == (
        "inboundPhoneCall", "ended", "customer-ended-call",
    )  # fmt: skip
    assert (call.assistant_id, call.phone_number_id) == (assistant.id, number.id)
    assert call.org_id == number.org_id
    assert (call.customer.number, call.customer.name) == ("ann", "Ann Caller")
    assert call.customer.sip_uri == f"sip:ann@{LOOPBACK}"
    assert transport_of(service, call.id)["sbcCallSid"] == sip_call_id
    assert before < call.created_at <= call.started_at < call.ended_at <= datetime.now(UTC)
    assert [one.role for one in artifact.messages] == ["system", "bot", "user", "bot"]
    assert artifact.transcript.startswith("AI: Welcome to the Harbor shop.\nUser: ")
    assert "ninety dollars" in artifact.transcript
    assert artifact.messages[1].message == "Welcome to the Harbor shop."
    assert 0 <= artifact.messages[1].seconds_from_start < artifact.messages[2].seconds_from_start
    assert stereo.tracks.shape[0] == 2
    assert mono.tracks.shape[0] == 1
    assert mono.seconds == stereo.seconds
    assert abs(stereo.seconds - seconds_between(call)) < 0.25
    assert listed.model_dump() == call.model_dump()


def transport_of(service: Node, call_id: str) -> dict[str, str]:
    found: dict[str, str] = service.get(f"/call/{call_id}")["transport"]
    return found


def _numbered(service: Node, number_id: str) -> Number:
    return Number(service, service.get(f"/phone-number/{number_id}"))


def seconds_between(call: vapi.Call) -> float:
    """How long a call lasted, from its answer to its end."""
    assert call.started_at is not None
    assert call.ended_at is not None
    return (call.ended_at - call.started_at).total_seconds()
