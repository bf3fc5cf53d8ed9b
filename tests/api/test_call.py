"""Calls and their recordings over HTTP (vapi-wire §8)."""

from __future__ import annotations

import asyncio
import io
import wave
from pathlib import Path
from typing import Any

import httpx2
import pytest

from offhook.api.resources.recording_routes import recording_file
from offhook.api.resources.resource import FIRST_SLICE, SLICE_BYTES
from offhook.media.recorded import mono_path, stereo_path
from offhook.media.recording import Recorder
from tests.api.conftest import KEY, NODE, PUBLIC_KEY, House, client_of
from tests.api.test_phone_number import refused
from tests.media.inline_writer import InlineWriter

WAV = b"RIFF" + bytes(range(200)) * 4


async def stored_call(house: House, status: str = "ended", node: str | None = None, **document: Any) -> str:
    kept = {"type": "inboundPhoneCall", "status": status, **document}
    async with house.services.database.transaction() as tx:
        record = await tx.calls.begin(house.org_id, kept, status=status, node=node)
    return record.id


def recorded(house: House, call_id: str, *kinds: str) -> list[Path]:
    folder = house.services.recordings
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{call_id}-{kind}.wav" for kind in kinds]
    for file in files:
        file.write_bytes(WAV)
    return files


async def test_a_call_is_shown_as_it_is_stored(client: httpx2.AsyncClient, house: House) -> None:
    document: dict[str, Any] = {
        "endedReason": "customer-ended-call",
        "startedAt": "2026-09-21T14:13:20.000Z",
        "artifact": {"transcript": "AI: Hello\n", "messages": [{"role": "bot", "message": "Hello"}]},
    }
    call_id = await stored_call(house, **document)

    body = (await client.get(f"/call/{call_id}")).json()

    assert {name: body[name] for name in document} == document
    assert (body["id"], body["orgId"], body["status"]) == (call_id, house.org_id, "ended")


async def test_keys_that_an_assistant_brought_are_not_shown(client: httpx2.AsyncClient, house: House) -> None:
    ann = {"name": "Ann", "credentials": [{"provider": "openai", "apiKey": "sk-hush"}]}
    call_id = await stored_call(house, assistant=ann, squad={"members": [{"assistant": ann}]})

    shown = [await client.get(f"/call/{call_id}"), await client.get("/call")]

    for answer in (*shown, await client.patch(f"/call/{call_id}", json={"name": "x"})):
        assert "hush" not in answer.text
    assert shown[0].json()["assistant"] == {"name": "Ann", "credentials": [{"provider": "openai"}]}
    assert shown[0].json()["squad"]["members"][0]["assistant"]["name"] == "Ann"


async def test_a_list_is_whole_although_it_is_read_in_slices(
    client: httpx2.AsyncClient, house: House
) -> None:
    # So much in each that slices become as small as one, and the list is of several.
    made = [await stored_call(house, transcript="x" * SLICE_BYTES * 2) for _ in range(FIRST_SLICE + 3)][::-1]

    async def ids(limit: int) -> list[str]:
        return [call["id"] for call in (await client.get(f"/call?limit={limit}")).json()]

    assert await ids(1000) == made
    for limit in (FIRST_SLICE - 1, FIRST_SLICE, FIRST_SLICE + 1, FIRST_SLICE + 3):
        assert await ids(limit) == made[:limit]


async def test_the_list_is_filtered(client: httpx2.AsyncClient, house: House) -> None:
    first = await stored_call(house, assistantId="a", phoneNumberId="n")
    second = await stored_call(house, assistantId="b", phoneNumberId="n")

    async def ids(**query: str) -> list[str]:
        return [call["id"] for call in (await client.get("/call", params=query)).json()]

    assert await ids() == [second, first]
    assert await ids(assistantId="a") == [first]
    assert await ids(phoneNumberId="n", limit="1") == [second]
    assert await ids(id=first) == [first]
    assert await ids(assistantId="a", phoneNumberId="other") == []


async def test_a_call_is_named_once_it_has_ended(client: httpx2.AsyncClient, house: House) -> None:
    ended = await stored_call(house, transcript="AI: Hello")
    going_on = await stored_call(house, "in-progress")

    named = await client.patch(f"/call/{ended}", json={"name": "Good one"})
    early = await client.patch(f"/call/{going_on}", json={"name": "Too early"})
    other = await client.patch(f"/call/{ended}", json={"status": "ringing"})

    assert (named.json()["name"], named.json()["transcript"]) == ("Good one", "AI: Hello")
    assert "once it has ended" in str(await refused(early))
    assert await refused(other) == ["property status should not exist"]


@pytest.mark.parametrize("kind", ["mono", "stereo"])
async def test_a_recording_is_behind_a_redirect_that_needs_no_key(
    client: httpx2.AsyncClient, house: House, kind: str
) -> None:
    call_id = await stored_call(house)
    recorded(house, call_id, "mono", "stereo")

    redirect = await client.get(f"/call/{call_id}/{kind}-recording")
    async with client_of(house, None) as anyone:
        whole = await anyone.get(redirect.headers["location"])
        part = await anyone.get(redirect.headers["location"], headers={"Range": "bytes=4-7"})
        head = await anyone.head(redirect.headers["location"])

    assert redirect.status_code == 302
    assert (whole.status_code, whole.content) == (200, WAV)
    assert whole.headers["content-type"] == "audio/wav"
    assert (part.status_code, part.content) == (206, WAV[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(WAV)}"
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(WAV))


def pcm_of(answer: httpx2.Response) -> bytes:
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 8000)
        return file.readframes(file.getnframes())


async def test_each_side_alone_is_made_when_somebody_asks_for_it(
    client: httpx2.AsyncClient, house: House
) -> None:
    call_id = await stored_call(house)
    folder = house.services.recordings
    recorder = Recorder(folder, call_id, InlineWriter())
    recorder.exchanged(b"\x01\x02" * 160, b"\x03\x04" * 160)
    recorder.close()

    async def side(kind: str) -> bytes:
        redirect = await client.get(f"/call/{call_id}/{kind}-recording")
        return pcm_of(await client.get(redirect.headers["location"]))

    assert not (folder / f"{call_id}-customer.wav").exists()
    assert await side("customer") == b"\x01\x02" * 160
    assert await side("assistant") == b"\x03\x04" * 160

    await client.delete(f"/call/{call_id}")
    assert list(folder.iterdir()) == []


async def test_a_side_that_cannot_be_written_is_not_a_lost_one(
    client: httpx2.AsyncClient, house: House
) -> None:
    call_id = await stored_call(house)
    (stereo,) = recorded(house, call_id, "stereo")
    blocked = stereo.with_name(f"{call_id}-customer.part")
    blocked.mkdir()
    redirect = await client.get(f"/call/{call_id}/customer-recording")

    assert (await client.get(redirect.headers["location"])).status_code == 503
    blocked.rmdir()
    assert (await client.get(redirect.headers["location"])).status_code == 200


async def test_a_redirect_expires_and_cannot_be_turned_to_another_file(
    client: httpx2.AsyncClient, house: House
) -> None:
    call_id = await stored_call(house)
    recorded(house, call_id, "mono", "stereo")
    location = (await client.get(f"/call/{call_id}/mono-recording")).headers["location"]

    turned = await client.get(location.replace("/mono?", "/stereo?"))
    in_time = await client.get(location)
    house.clock.seconds += 301
    late = await client.get(location)

    assert in_time.status_code == 200
    for answer in (turned, late):
        assert await refused(answer, 404) == "This link is not valid any more."


async def test_a_lasting_link_works_for_months_unless_the_call_is_erased(
    client: httpx2.AsyncClient, house: House
) -> None:
    call_id = await stored_call(house)
    recorded(house, call_id, "mono", "stereo")
    url = house.services.links.lasting(call_id)["stereo"]
    path = url.removeprefix(house.services.settings.base_url)
    house.clock.seconds += 10_000_000

    before = await client.get(path)
    await client.delete(f"/call/{call_id}")
    after = await client.get(path)

    assert before.content == WAV
    assert after.status_code == 404


@pytest.mark.parametrize(
    "spelling",
    [
        "{path}?{query}&download=1",
        "{path}/?{query}",
        "{path}?expires=00&{signed}",
        "{path}?{signed}",
        "{path}",
    ],
)
async def test_a_link_that_was_not_made_here(client: httpx2.AsyncClient, house: House, spelling: str) -> None:
    call_id = await stored_call(house)
    recorded(house, call_id, "mono")
    path, _, query = house.services.links.brief(call_id, "mono").partition("?")
    link = spelling.format(path=path, query=query, signed=query.partition("&")[2])

    assert (await client.get(f"{path}?{query}")).status_code == 200
    assert await refused(await client.get(link), 404) == "This link is not valid any more."


def test_files_are_looked_for_where_calls_write_them(tmp_path: Path) -> None:
    for path_of, kind in ((mono_path, "mono"), (stereo_path, "stereo")):
        path_of(tmp_path, "call-1").write_bytes(WAV)

        assert recording_file(tmp_path, "call-1", kind) == path_of(tmp_path, "call-1")
    assert recording_file(tmp_path, "../call-1", "mono") is None


async def test_no_recording_and_not_yet(client: httpx2.AsyncClient, house: House) -> None:
    unrecorded = await stored_call(house)
    going_on = await stored_call(house, "in-progress")
    recorded(house, going_on, "mono")

    none = await client.get(f"/call/{unrecorded}/mono-recording")
    not_yet = await client.get(f"/call/{going_on}/mono-recording")
    early = await client.get(house.services.links.brief(going_on, "mono"))

    assert await refused(none, 404) == "This call has no mono recording."
    assert await refused(not_yet, 404) == "The recording is there once the call has ended."
    assert early.status_code == 404


async def test_a_recording_that_another_node_has_is_said_to_be_there(
    client: httpx2.AsyncClient, house: House
) -> None:
    ids = []
    async with house.services.database.transaction() as tx:
        for node in ("node-2", NODE):
            call = await tx.calls.begin(house.org_id, {"status": "ended"}, status="ended", node=node)
            ids.append(call.id)
    theirs, ours = ids

    asked = await client.get(f"/call/{theirs}/mono-recording")
    linked = await client.get(house.services.links.brief(theirs, "stereo"))
    nowhere = await client.get(f"/call/{ours}/mono-recording")

    for answer in (asked, linked):
        assert "The recording is with the node node-2, which took the call: ask there" in str(
            await refused(answer, 404)
        )
    assert await refused(nowhere, 404) == "This call has no mono recording."


async def test_erasing_a_call_hangs_up_and_leaves_no_audio(client: httpx2.AsyncClient, house: House) -> None:
    call_id = await stored_call(house)
    other = await stored_call(house)
    files = recorded(house, call_id, "mono", "stereo")
    kept = recorded(house, other, "mono")

    answer = await client.request("DELETE", f"/call/{call_id}", json={})

    assert answer.status_code == 200
    assert answer.json()["id"] == call_id
    assert house.live.ended == [call_id]
    assert [file.exists() for file in files] == [False, False]
    assert [file.exists() for file in kept] == [True]
    assert (await client.get(f"/call/{call_id}")).status_code == 404


async def test_an_erased_call_takes_its_messages_with_it(client: httpx2.AsyncClient, house: House) -> None:
    call_id, other = await stored_call(house), await stored_call(house)
    message: dict[str, Any] = {
        "org_id": house.org_id,
        "type": "end-of-call-report",
        "host": "h",
        "receiver": {"url": "u"},
    }
    async with house.services.database.transaction() as tx:
        ids = [
            await tx.outbox.put(call_id=one, body='{"message":{}}', **message)
            for one in (call_id, call_id, other)
        ]
        await tx.outbox.delivered(ids[:1], status=200)

    await client.delete(f"/call/{call_id}")

    assert [(await client.get(f"/webhook/{one}")).status_code for one in ids] == [404, 404, 200]
    assert (await client.post(f"/webhook/{ids[0]}/replay")).status_code == 404
    assert house.forgotten == [call_id]


async def test_what_is_erased_is_in_no_file(client: httpx2.AsyncClient, house: House, tmp_path: Path) -> None:
    call_id = await stored_call(house, transcript="AI: a canary\n")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(b"a canary" in file.read_bytes() for file in files)

    await client.delete(f"/call/{call_id}")

    assert [file.name for file in files if file.exists() and b"a canary" in file.read_bytes()] == []


async def test_what_another_node_has_is_erased_there(client: httpx2.AsyncClient, house: House) -> None:
    link = "http://node-2/recording"
    recorded_there = await stored_call(house, node="node-2", recordingUrl=link)
    going_on_there = await stored_call(house, "in-progress", node="node-2")
    unrecorded = await stored_call(house, node="node-2")
    async with house.services.database.transaction() as tx:
        await tx.nodes.enter("node-2")

    for call_id in (recorded_there, going_on_there):
        assert "with the node node-2" in str(await refused(await client.delete(f"/call/{call_id}"), 503))
        assert (await client.get(f"/call/{call_id}")).status_code == 200
    assert (await client.delete(f"/call/{unrecorded}")).status_code == 200


async def test_what_a_node_has_left_that_is_gone_is_erased_anywhere(
    client: httpx2.AsyncClient, house: House
) -> None:
    call_id = await stored_call(house, node="node-2", recordingUrl="http://node-2/recording")

    assert (await client.delete(f"/call/{call_id}")).status_code == 200


async def test_many_at_once_are_not_erased(client: httpx2.AsyncClient, house: House) -> None:
    call_id = await stored_call(house)

    answer = await client.request("DELETE", f"/call/{call_id}", json={"ids": [call_id]})

    assert "not served" in str(await refused(answer))
    assert (await client.get(f"/call/{call_id}")).status_code == 200


async def test_a_recording_that_cannot_be_erased_keeps_the_call(
    client: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = await stored_call(house)
    recorded(house, call_id, "mono")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "unlink", refuse)
    answer = await client.delete(f"/call/{call_id}")

    assert "try again" in str(await refused(answer, 503))
    assert (await client.get(f"/call/{call_id}")).status_code == 200


async def test_a_call_that_does_not_end_is_not_erased(
    client: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = await stored_call(house, "in-progress")

    async def hang(_: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(house.live, "end_call", hang)
    monkeypatch.setattr("offhook.api.resources.call_routes.HANG_UP_SECONDS", 0.01)
    answer = await client.delete(f"/call/{call_id}")

    assert "nothing was erased" in str(await refused(answer, 503))
    assert (await client.get(f"/call/{call_id}")).status_code == 200


async def number_of(client: httpx2.AsyncClient) -> str:
    answer = await client.post("/phone-number", json={"provider": "vapi"})
    identity: str = answer.json()["id"]
    return identity


@pytest.mark.parametrize("path", ["/call", "/call/phone"])
async def test_a_sip_number_does_not_call_out_and_the_call_says_why(
    client: httpx2.AsyncClient, path: str
) -> None:
    number = await number_of(client)
    customer = {"number": "+15551230000", "assistantOverrides": {"firstMessage": "Hi"}}
    body = {
        "phoneNumberId": number,
        "customer": customer,
        "assistant": {"server": {"url": "https://example.org", "secret": "s3cret"}},
        "name": "Try",
    }

    answer = await client.post(path, json=body)

    assert await refused(answer) == "Vapi Numbers Can't Dial Outbound Yet."
    (call,) = (await client.get("/call")).json()
    assert (call["type"], call["status"], call["name"]) == ("outboundPhoneCall", "ended", "Try")
    assert call["endedReason"] == "call.start.error-get-transport"
    assert call["endedMessage"] == "Vapi Numbers Can't Dial Outbound Yet."
    assert (call["phoneNumberId"], call["customer"]) == (number, {"number": "+15551230000"})
    assert "s3cret" not in str(call)


async def test_what_is_wrong_with_a_call_is_said_first_and_no_call_is_kept(
    client: httpx2.AsyncClient,
) -> None:
    own = await number_of(client)

    async def said(**body: Any) -> object:
        return await refused(await client.post("/call", json=body))

    needed = "Couldn't Get Phone Number. Need Either `phoneNumberId` Or `phoneNumber`."
    assert await said() == needed
    assert await said(phoneNumberId=None, assistantId="a") == needed
    assert await said(phoneNumberId=own, colour="red") == ["property colour should not exist"]
    assert await said(name="x" * 41, customer={"extension": "1" * 11}) == [
        "customer.extension must be shorter than or equal to 10 characters",
        "name must be shorter than or equal to 40 characters",
    ]
    assert "not served" in str(await said(phoneNumber={"twilioPhoneNumber": "+1", "twilioAccountSid": "s"}))
    assert "vapi.websocket is not served" in str(await said(transport={"provider": "vapi.websocket"}))
    assert (await client.get("/call")).json() == []


@pytest.mark.parametrize(("key", "status"), [(KEY, 400), (PUBLIC_KEY, 400), ("another", 401)])
async def test_there_are_no_web_calls(house: House, key: str, status: int) -> None:
    async with client_of(house, key) as client:
        answer = await client.post("/call/web", json={"assistantId": "a"})
        assert "not served" in str(await refused(answer, status)) or status == 401


async def test_a_public_key_cannot_call(house: House) -> None:
    async with client_of(house, PUBLIC_KEY) as client:
        assert (await client.post("/call", json={})).status_code == 401
