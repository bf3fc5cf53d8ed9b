"""A phone that others wrote: baresip calls, speaks, listens, presses keys, holds and hangs up."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.baresip import Baresip
from tests.end_to_end.conftest import MakeNumber
from tests.end_to_end.node import Node, new_number
from tests.end_to_end.peers import soon
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.sound import loud_seconds, read, says, words
from tests.machine import PATIENCE

BOTH = pytest.mark.parametrize("transport", ["udp", "tcp"])


def stereo_of(call: Mapping[str, Any]) -> Any:
    return read(httpx.get(call["artifact"]["stereoRecordingUrl"], timeout=PATIENCE).content)


@BOTH
def test_a_conversation_that_the_assistant_ends(
    transport: str, number: MakeNumber, sink: WebhookSink, tmp_path: Path
) -> None:
    desk = number()
    with Baresip(tmp_path / "phone", transport) as phone:
        phone.dial(desk.uri())
        sink.wait_for("speech-update", status="stopped", role="assistant")
        phone.play(says("hours", tmp_path))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=1)
        phone.play(says("goodbye", tmp_path))
        phone.wait_for("CALL_CLOSED")
        call_id = phone.call_id
    call = desk.call()
    heard = words(read(phone.heard()).track(0))
    stereo = stereo_of(call)

    assert call["endedReason"] == "assistant-ended-call"
    assert call["transport"]["sbcCallSid"] == call_id
    assert (call["customer"]["number"], call["customer"]["name"]) == ("ann", "Ann Caller")
    assert "harbor shop" in heard
    assert "monday to friday" in heard
    assert "goodbye" in heard
    assert "opening hours" in words(stereo.track(0))
    assert "monday to friday" in words(stereo.track(1))
    assert "opening hours" in call["artifact"]["transcript"].lower()
    assert [one["role"] for one in call["artifact"]["messages"] if one["role"] in ("bot", "user")] == [
        "bot", "user", "bot", "user", "bot",
    ]  # fmt: skip


@BOTH
def test_the_caller_hangs_up(transport: str, number: MakeNumber, sink: WebhookSink, tmp_path: Path) -> None:
    desk = number()
    with Baresip(tmp_path / "phone", transport, codec="PCMA") as phone:
        phone.dial(desk.uri())
        sink.wait_for("speech-update", status="stopped", role="assistant")
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
    report = sink.wait_for("end-of-call-report")
    heard = read(phone.heard())
    stereo = stereo_of(report)

    assert report["endedReason"] == "customer-ended-call"
    assert loud_seconds(heard.track(0)) > 0.8
    assert abs(loud_seconds(heard.track(0)) - loud_seconds(stereo.track(1))) < 0.2
    assert loud_seconds(stereo.track(0)) == 0
    assert abs(stereo.seconds - report["durationSeconds"]) < 0.2


@BOTH
def test_the_caller_gives_up_while_it_rings(
    transport: str, service: Node, sink: WebhookSink, tmp_path: Path
) -> None:
    asked, closed = threading.Event(), threading.Event()

    def too_late(message: Mapping[str, Any]) -> tuple[int, Any]:
        if message["type"] == "assistant-request":
            asked.set()
            closed.wait(PATIENCE)
        return 200, {}

    sink.answer = too_late
    desk = new_number(service, answered_by=None, server={"url": sink.url})
    with Baresip(tmp_path / "phone", transport) as phone:
        phone.dial(desk.uri())
        phone.wait_for("CALL_RINGING")
        assert asked.wait(PATIENCE)
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
        closed.set()
        call = desk.call()

    assert call["endedReason"] == "call.ringing.sip-inbound-caller-hungup-before-call-connect"
    assert call["startedAt"] is None
    assert [one["type"] for one in phone.events if one["type"] == "CALL_ESTABLISHED"] == []


def test_a_call_that_is_held_goes_on_when_it_is_resumed(
    number: MakeNumber, sink: WebhookSink, tmp_path: Path
) -> None:
    desk = number()
    with Baresip(tmp_path / "phone") as phone:
        phone.dial(desk.uri())
        sink.wait_for("speech-update", status="stopped", role="assistant")
        phone.do("hold")
        soon(lambda: len([1 for one in phone.events if one["type"] == "CALL_REMOTE_SDP"]) == 2)
        time.sleep(1)
        phone.do("resume")
        soon(lambda: len([1 for one in phone.events if one["type"] == "CALL_REMOTE_SDP"]) == 3)
        phone.play(says("price", tmp_path))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=1)
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
    report = sink.wait_for("end-of-call-report")

    assert report["endedReason"] == "customer-ended-call"
    assert "ninety dollars" in report["artifact"]["transcript"].lower()


def test_keys_are_told_to_the_assistant(number: MakeNumber, sink: WebhookSink, tmp_path: Path) -> None:
    def told() -> list[str]:
        updates = sink.taken("conversation-update")
        return [one["message"] for update in updates for one in update.message["messages"]]

    desk = number(keypadInputPlan={"enabled": True, "timeoutSeconds": 2, "delimiters": "#"})
    with Baresip(tmp_path / "phone") as phone:
        phone.dial(desk.uri())
        sink.wait_for("speech-update", status="stopped", role="assistant")
        for key in "42#":
            phone.do("sndcode", key)
            time.sleep(0.25)
            phone.do("sndcode", "\x04")
            time.sleep(0.1)
        soon(lambda: "User's Keypad Entry: 42" in told(), why="no entry came")
        phone.do("hangup")
