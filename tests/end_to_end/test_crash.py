"""What was promised survives: a node that is killed in a call, and a receiver that is away for a while."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.baresip import Baresip
from tests.end_to_end.conftest import ALL_MESSAGES
from tests.end_to_end.node import Node, assistant, new_number
from tests.end_to_end.peers import soon
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.sound import loud_seconds, read
from tests.machine import PATIENCE

WORKER_DIED = "call.in-progress.error-vapifault-worker-died"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that the test may break."""
    own = Node(tmp_path)
    yield own.start()
    own.stop()


def test_a_call_that_a_crash_cut_off_is_reported_once(node: Node, sink: WebhookSink, tmp_path: Path) -> None:
    reports_to = {"server": {"url": sink.url}, "serverMessages": ALL_MESSAGES}
    desk = new_number(node, answered_by=assistant(**reports_to))
    with Baresip(tmp_path / "phone") as phone:
        phone.dial(desk.uri())
        sink.wait_for("speech-update", status="stopped", role="assistant")
        during = desk.call(status="in-progress")
        soon(lambda: sink.taken("conversation-update"))
        soon(lambda: node.get("/webhook?state=pending") == [])
        noted = {one["id"] for one in node.get("/webhook?state=delivered&limit=1000")}
        node.crash()
        node.start()
        call = desk.call()
        report = sink.wait_for("end-of-call-report")
        node.stop()
        node.start()
    recording = read(httpx.get(call["artifact"]["stereoRecordingUrl"], timeout=PATIENCE).content)
    reports = sink.taken("end-of-call-report", answered=False)
    ended = [one for one in sink.taken("status-update") if one.message["status"] == "ended"]

    assert call["id"] == during["id"]
    assert (call["status"], call["endedReason"]) == ("ended", WORKER_DIED)
    assert call["startedAt"] == during["startedAt"]
    assert (report["endedReason"], report["call"]["id"]) == (WORKER_DIED, call["id"])
    assert "harbor shop" in report["artifact"]["transcript"].lower()
    assert len(reports) == len(ended) == 1
    assert reports[0].headers["webhook-id"]
    assert loud_seconds(recording.track(1)) > 0.5
    # What the node had written down as delivered does not come again, not for the crash nor for any restart.
    came = Counter(one.headers["webhook-id"] for one in sink.taken(answered=False))
    assert noted
    assert [came[webhook_id] for webhook_id in noted] == [1] * len(noted)
    # What was taken in the last moment might: the same message, by its id.
    told = {one.headers["webhook-id"]: one.message for one in sink.taken()}
    assert all(told[one.headers["webhook-id"]] == one.message for one in sink.taken())


def test_workers_that_hang_leave_no_caller_in_silence(node: Node, sink: WebhookSink, tmp_path: Path) -> None:
    """All of them are stopped when the caller has been greeted: the next word comes regardless."""
    plan = {"idleMessages": ["There is one thing that was not said before."], "idleTimeoutSeconds": 5}
    reports_to = {"server": {"url": sink.url}, "serverMessages": ALL_MESSAGES}
    desk = new_number(node, answered_by=assistant(messagePlan=plan, **reports_to))

    def spoken() -> int:
        updates = [one.message for one in sink.taken("speech-update")]
        return sum(one["role"] == "assistant" and one["status"] == "started" for one in updates)

    with Baresip(tmp_path / "phone") as phone:
        phone.dial(desk.uri())
        sink.wait_for("speech-update", status="stopped", role="assistant")
        before = spoken()
        for pid in _workers_of(node.peer.process.pid):
            os.kill(pid, signal.SIGSTOP)
        soon(lambda: spoken() > before)
    assert "gives no sign of life" in node.log


def _workers_of(pid: int) -> list[int]:
    """Its children, and theirs, that are workers (proc(5))."""
    workers = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"speech.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
            workers.append(int(child))
        workers += _workers_of(int(child))
    return workers


def test_a_receiver_that_was_away_gets_all_in_order_even_over_a_restart(
    node: Node, sink: WebhookSink, tmp_path: Path
) -> None:
    plan = {"type": "fixed", "maxRetries": 10, "baseDelaySeconds": 1}
    server = {"url": sink.url, "backoffPlan": plan}
    desk = new_number(
        node,
        answered_by=assistant(server=server, serverMessages=["status-update", "end-of-call-report"]),
    )
    sink.down()
    with Baresip(tmp_path / "phone") as phone:
        phone.dial(desk.uri())
        desk.call(status="in-progress")
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
    call = desk.call()
    node.crash()
    node.start()
    sink.up()
    sink.wait_for("end-of-call-report")
    told = [(one.type, one.message.get("status")) for one in sink.taken()]

    assert call["endedReason"] == "customer-ended-call"
    assert told == [
        ("status-update", "in-progress"),
        ("status-update", "ended"),
        ("end-of-call-report", None),
    ]
    assert len({one.headers["webhook-id"] for one in sink.taken()}) == 3
