"""After a crash: every call that nobody holds any more is ended with a reason and reported once."""

from __future__ import annotations

import json
import random
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from offhook.calls.ledger.recovery import WORKER_DIED, end_orphans
from offhook.media.recorded import stereo_path
from offhook.media.recording import Recorder
from offhook.schema.calls.call import Call
from offhook.store import CallRows, Database, IdMaker, Record
from offhook.webhooks.client import Client
from offhook.webhooks.outbox import Outbox
from tests.media.inline_writer import InlineWriter
from tests.schema.reasons import is_ended_reason
from tests.store.databases import make_newest

NODE = "node-1"
NOW = 1_790_000_000.0
MESSAGES = [
    {"role": "system", "message": "Be brief.", "time": 1.0, "secondsFromStart": 0},
    {"role": "bot", "message": "Hello.", "time": 2.0, "endTime": 3.0, "secondsFromStart": 1},
    {"role": "user", "message": "Hi.", "time": 4.0, "endTime": 5.0, "secondsFromStart": 3},
]


class Restarted:
    def __init__(self, database: Database, org_id: str, folder: Path) -> None:
        self.database = database
        self.org_id = org_id
        self.folder = folder
        self.outbox = Outbox(
            database, cast("Client", None), node=NODE, now=lambda: NOW + 60, rng=random.Random(1)
        )

    async def left(self, node: str = NODE, **document: Any) -> str:
        kept = {
            "type": "inboundPhoneCall",
            "status": "in-progress",
            "startedAt": "2026-09-21T14:13:10.000Z",
            "customer": {"number": "+15550100"},
            "transport": {"provider": "vapi.sip", "sbcCallSid": "sip-1"},
            "assistantOverrides": {},
            "messages": MESSAGES,
            **document,
        }
        async with self.database.transaction() as tx:
            row = await tx.calls.begin(self.org_id, kept, status=kept["status"], node=node)
        return row.id

    async def end(self) -> int:
        urls = lambda call_id: {"mono": f"m/{call_id}", "stereo": f"s/{call_id}"}  # noqa: E731
        return await end_orphans(self.database, self.outbox, NODE, lambda: NOW + 60, self.folder, urls)

    async def row(self, call_id: str) -> dict[str, Any]:
        async with self.database.reading() as tx:
            row = await tx.calls.get(self.org_id, call_id)
        assert row is not None
        return row.document

    async def said(self, call_id: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(type, message, receiver), in order."""
        async with self.database.reading() as tx:
            rows = await tx.outbox.list(self.org_id, call_id=call_id, limit=100)
            bodies = {one.id: json.loads(await tx.outbox.body(one.id) or "") for one in rows}
        return [
            (one.type, bodies[one.id]["message"], one.receiver)
            for one in sorted(rows, key=lambda one: one.position)
        ]


@pytest.fixture
async def restarted(tmp_path: Path) -> AsyncIterator[Restarted]:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org", "server": {"url": "http://org.test"}})
    yield Restarted(database, org.id, tmp_path)
    await database.close()


async def test_every_unfinished_call_of_this_node_is_ended_and_reported_once(restarted: Restarted) -> None:
    mine = [await restarted.left(status=status) for status in ("ringing", "in-progress", "forwarding")]
    others = await restarted.left(node="node-2")

    assert await restarted.end() == 3
    assert await restarted.end() == 0

    for call_id in mine:
        row = await restarted.row(call_id)
        assert (row["status"], row["endedReason"]) == ("ended", WORKER_DIED)
        assert is_ended_reason(row["endedReason"])
        Call.model_validate(
            {
                **row,
                "id": call_id,
                "orgId": restarted.org_id,
                "createdAt": "2026-09-21",
                "updatedAt": "2026-09-21",
            }
        )
        assert [kind for kind, _, _ in await restarted.said(call_id)] == [
            "status-update",
            "end-of-call-report",
        ]
    assert (await restarted.row(others))["status"] == "in-progress"


async def test_a_call_that_ended_meanwhile_is_left_alone(
    restarted: Restarted, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = await restarted.left()
    async with restarted.database.reading() as tx:
        seen = await tx.calls.unfinished(NODE)
    await restarted.end()

    async def as_before(self: CallRows, node: str) -> list[Record]:
        return seen

    monkeypatch.setattr(CallRows, "unfinished", as_before)
    await restarted.end()

    assert [kind for kind, _, _ in await restarted.said(call_id)] == ["status-update", "end-of-call-report"]


async def test_what_had_been_said_is_in_the_report(restarted: Restarted) -> None:
    call_id = await restarted.left()
    await restarted.end()
    report = (await restarted.said(call_id))[-1][1]

    assert report["transcript"] == "AI: Hello.\nUser: Hi.\n"
    assert report["artifact"]["messages"] == MESSAGES
    assert [one["role"] for one in report["artifact"]["messagesOpenAIFormatted"]] == [
        "system",
        "assistant",
        "user",
    ]
    assert report["durationSeconds"] == 10
    assert report["customer"] == {"number": "+15550100"}
    assert report["call"]["transport"]["sbcCallSid"] == "sip-1"


async def test_the_report_goes_to_the_assistant_s_server_with_its_credential(restarted: Restarted) -> None:
    plan = {"type": "bearer", "token": "hush"}
    async with restarted.database.transaction() as tx:
        credential = await tx.credentials.create(
            restarted.org_id, {"provider": "webhook", "authenticationPlan": plan}
        )
        server = {"url": "http://assistant.test", "credentialId": credential.id}
        assistant = await tx.assistants.create(
            restarted.org_id, {"name": "Desk", "server": server, "serverMessages": ["end-of-call-report"]}
        )
    call_id = await restarted.left(assistantId=assistant.id)
    await restarted.end()

    ((kind, message, receiver),) = await restarted.said(call_id)
    assert kind == "end-of-call-report"
    assert (receiver["url"], receiver["authentication"]) == ("http://assistant.test", plan)
    assert message["assistant"]["name"] == "Desk"
    assert message["call"]["assistantId"] == assistant.id
    assert "hush" not in json.dumps(message)


async def test_overrides_of_the_call_outlive_the_crash(restarted: Restarted) -> None:
    async with restarted.database.transaction() as tx:
        assistant = await tx.assistants.create(restarted.org_id, {"name": "Desk"})
    overrides = {"server": {"url": "http://override.test", "secret": "hush"}}
    call_id = await restarted.left(assistantId=assistant.id, assistantOverrides=overrides)
    transient = await restarted.left(assistant={"server": {"url": "http://transient.test", "secret": "hush"}})
    await restarted.end()

    for identity, url in ((call_id, "http://override.test"), (transient, "http://transient.test")):
        said = await restarted.said(identity)
        assert {receiver["url"] for _, _, receiver in said} == {url}
        assert {receiver["secret"] for _, _, receiver in said} == {"hush"}
        assert "hush" not in json.dumps([message for _, message, _ in said])


async def test_an_assistant_that_cannot_be_read_any_more_does_not_keep_the_node_down(
    restarted: Restarted,
) -> None:
    stale = await restarted.left(assistant={"firstMessage": 5})
    gone = await restarted.left(assistantId="deleted")

    assert await restarted.end() == 2
    for call_id in (stale, gone):
        assert (await restarted.said(call_id))[-1][0] == "end-of-call-report"


async def test_a_recording_that_was_under_way_is_told_of(restarted: Restarted) -> None:
    call_id = await restarted.left()
    recorder = Recorder(restarted.folder, call_id, InlineWriter())
    for _ in range(120):
        recorder.exchanged(bytes(320), bytes(320))
    # The process dies here: the last second was never handed over.
    silent = await restarted.left()
    await restarted.end()

    assert (await restarted.said(call_id))[-1][1]["recordingUrl"] == f"m/{call_id}"
    assert "recordingUrl" not in (await restarted.said(silent))[-1][1]
    with wave.open(str(stereo_path(restarted.folder, call_id))) as file:
        assert file.getnframes() == 16000
    recorder.close()


async def test_nobody_to_tell(restarted: Restarted) -> None:
    async with restarted.database.transaction() as tx:
        await tx.orgs.replace(restarted.org_id, {"name": "Quiet"})
    call_id = await restarted.left()

    assert await restarted.end() == 1
    assert await restarted.said(call_id) == []
    assert (await restarted.row(call_id))["status"] == "ended"


async def test_a_call_cut_off_while_it_rang_is_reported_to_the_assistant_that_its_number_names(
    restarted: Restarted,
) -> None:
    """Who answers is written down with the answer; until then only the number knows."""
    async with restarted.database.transaction() as tx:
        assistant = await tx.assistants.create(
            restarted.org_id, {"name": "Desk", "server": {"url": "http://assistant.test"}}
        )
        squad = await tx.squads.create(restarted.org_id, {"members": [{"assistantId": assistant.id}]})
        numbers = [
            await tx.phone_numbers.create(
                restarted.org_id, {"provider": "vapi", "sipUri": f"sip:{name}@offhook.test", name: bound}
            )
            for name, bound in (("assistantId", assistant.id), ("squadId", squad.id))
        ]

    ringing: dict[str, Any] = {"status": "ringing", "startedAt": None, "messages": []}
    calls = [await restarted.left(phoneNumberId=number.id, **ringing) for number in numbers]
    await restarted.end()

    for call_id in calls:
        assert [(kind, receiver["url"]) for kind, _, receiver in await restarted.said(call_id)] == [
            ("status-update", "http://assistant.test"),
            ("end-of-call-report", "http://assistant.test"),
        ]
        assert (await restarted.row(call_id))["assistantId"] == assistant.id


async def test_words_that_are_not_to_be_kept_are_kept_no_longer_than_they_wait(restarted: Restarted) -> None:
    assistant = {"firstMessage": "Hello.", "compliancePlan": {"hipaaEnabled": True}}
    call_id = await restarted.left(assistant=assistant)
    await restarted.end()
    report = (await restarted.said(call_id))[-1][1]
    async with restarted.database.transaction() as tx:
        waiting = await tx.outbox.list(restarted.org_id, call_id=call_id)
        await tx.outbox.delivered([one.id for one in waiting], status=200)
        delivered = [await tx.outbox.body(one.id) for one in waiting]

    assert report["transcript"] == "AI: Hello.\nUser: Hi.\n"
    assert (await restarted.row(call_id))["messages"] == []
    assert delivered == ["", ""]


async def test_a_row_that_cannot_be_read_keeps_no_other_call_from_its_report(restarted: Restarted) -> None:
    bad, good = await restarted.left(), await restarted.left()
    async with restarted.database.transaction() as tx:
        await tx.execute(sa.text("UPDATE calls SET document = '{no' WHERE id = :id").bindparams(id=bad))

    assert await restarted.end() == 2
    assert await restarted.end() == 0
    for call_id in (bad, good):
        assert [kind for kind, _, _ in await restarted.said(call_id)] == [
            "status-update",
            "end-of-call-report",
        ]
