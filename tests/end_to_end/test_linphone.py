"""A third stack of its own (belle-sip, mediastreamer): linphonec calls, speaks, listens and hangs up."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import MakeNumber
from tests.end_to_end.linphone import Linphone
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.sound import read, says, words
from tests.machine import PATIENCE

BOTH = pytest.mark.parametrize("transport", ["udp", "tcp"])


@BOTH
def test_a_conversation_that_the_assistant_ends(
    transport: str, number: MakeNumber, sink: WebhookSink, tmp_path: Path
) -> None:
    desk = number()
    with Linphone(tmp_path / "phone") as phone:
        phone.dial(f"{desk.uri()};transport={transport}")
        sink.wait_for("speech-update", status="stopped", role="assistant")
        phone.play(says("price", tmp_path))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=1)
        phone.play(says("goodbye", tmp_path))
        phone.wait_for_the_end()
    call = desk.call()
    stereo = read(httpx.get(call["artifact"]["stereoRecordingUrl"], timeout=PATIENCE).content)

    assert call["endedReason"] == "assistant-ended-call"
    assert call["customer"]["number"] == "lin"
    assert "ninety dollars" in call["artifact"]["transcript"].lower()
    assert "cleaning cost" in words(stereo.track(0))
    assert "dollars" in words(read(phone.heard).track(0)) or "90" in words(read(phone.heard).track(0))


@BOTH
def test_the_caller_hangs_up(transport: str, number: MakeNumber, sink: WebhookSink, tmp_path: Path) -> None:
    desk = number()
    with Linphone(tmp_path / "phone") as phone:
        phone.dial(f"{desk.uri()};transport={transport}")
        sink.wait_for("speech-update", status="stopped", role="assistant")
        phone.hang_up()
        phone.wait_for_the_end()

    assert desk.call()["endedReason"] == "customer-ended-call"
