"""SIP over TLS with a phone that others wrote, with OpenSSL's own client, and with several call planes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from offhook.phone import open_line
from tests.authority import Authority
from tests.end_to_end.baresip import Baresip
from tests.end_to_end.callers import Told, call
from tests.end_to_end.node import Node, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, soon
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.sound import read, says, words
from tests.end_to_end.test_processes import owner
from tests.machine import PATIENCE, installed
from tests.ports import free_port


class TlsNode(Node):
    """A node with a certificate for this machine, of an authority of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.authority = Authority(folder)
        self.certificate, self.key = self.authority.issue(LOOPBACK)
        self.tls_port = free_port()
        super().__init__(
            folder,
            OFFHOOK_SIP_TLS=f"{LOOPBACK}:{self.tls_port}",
            OFFHOOK_TLS_CERTIFICATE=str(self.certificate),
            OFFHOOK_TLS_KEY=str(self.key),
            OFFHOOK_TLS_AUTHORITIES=str(self.authority.file),
            **environment,
        )

    def shown(self) -> str:
        """The certificate that OpenSSL's client is shown, as PEM."""
        command = [installed("openssl", "openssl"), "s_client", "-connect", f"{LOOPBACK}:{self.tls_port}"]
        command += ["-CAfile", str(self.authority.file), "-verify_return_error"]
        done = subprocess.run(
            command, input="", capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert "Verify return code: 0 (ok)" in done.stdout, done.stderr
        return done.stdout.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsNode]:
    own = TlsNode(tmp_path_factory.mktemp("tls"), OFFHOOK_PROCESSES="2")
    own.start()
    yield own
    own.stop()
    assert "Traceback" not in own.log, own.log


def test_a_foreign_phone_talks_and_a_new_certificate_disturbs_nobody(
    node: TlsNode, sink: WebhookSink, tmp_path: Path
) -> None:
    desk = new_number(
        node,
        answered_by=assistant(server={"url": sink.url}, serverMessages=["speech-update"]),
    )
    with Baresip(tmp_path / "phone", "tls", authorities=node.authority.file) as phone:
        phone.dial(f"sip:{desk.user}@{LOOPBACK}:{node.tls_port};transport=tls")
        sink.wait_for("speech-update", status="stopped", role="assistant")
        first = node.shown()
        for file, new in zip((node.certificate, node.key), node.authority.issue(LOOPBACK), strict=True):
            file.write_bytes(new.read_bytes())
        os.kill(node.peer.process.pid, signal.SIGHUP)
        soon(lambda: node.shown() != first, why="the new certificate is not shown")
        phone.play(says("hours", tmp_path))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=1)
        phone.play(says("goodbye", tmp_path))
        phone.wait_for("CALL_CLOSED")
    told = desk.call()
    heard = words(read(phone.heard()).track(0))

    assert told["endedReason"] == "assistant-ended-call"
    assert "monday to friday" in heard
    assert node.log.count("the certificate was read again") == 2  # by each call plane


@pytest.mark.parametrize(("mediaenc", "protected"), [("srtp-mand", True), ("srtp", True), (None, False)])
def test_a_foreign_phone_with_protected_audio(
    node: TlsNode, sink: WebhookSink, tmp_path: Path, mediaenc: str | None, protected: bool
) -> None:
    """Held and resumed with keys again; its words arrive, and it hears ours."""
    answered_by = assistant(
        server={"url": sink.url},
        serverMessages=["speech-update", "conversation-update", "end-of-call-report"],
    )
    desk = new_number(node, answered_by=answered_by)
    trusted = node.authority.file
    with Baresip(tmp_path / "phone", "tls", authorities=trusted, mediaenc=mediaenc) as phone:

        def is_described(times: int) -> bool:
            return len([1 for one in phone.events if one["type"] == "CALL_REMOTE_SDP"]) == times

        phone.dial(f"sip:{desk.user}@{LOOPBACK}:{node.tls_port};transport=tls")
        sink.wait_for("speech-update", status="stopped", role="assistant")
        phone.play(says("hours", tmp_path))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=1)
        for number, command in enumerate(("hold", "resume"), 2):
            phone.do(command)
            soon(partial(is_described, number))
        phone.play(says("price", tmp_path))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=2)
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
    report = sink.wait_for("end-of-call-report")
    heard = words(read(phone.heard()).track(0))  # until it was held

    assert "monday to friday" in heard
    assert "opening hours" in report["artifact"]["transcript"].lower()
    assert "ninety dollars" in report["artifact"]["transcript"].lower()
    assert ("SRTP is Enabled" in phone.peer.text) is protected, phone.peer.text[-3000:]


def test_a_certificate_that_cannot_be_used_is_not_taken(node: TlsNode) -> None:
    first, kept = node.shown(), node.key.read_bytes()
    node.key.write_text("gone")
    os.kill(node.peer.process.pid, signal.SIGHUP)
    soon(lambda: "the certificate is not changed" in node.log, why="nothing was said of it")
    node.key.write_bytes(kept)

    assert node.shown() == first


def test_calls_over_one_connection_fall_to_both_planes(node: TlsNode) -> None:
    desk = new_number(node, answered_by=assistant())

    async def story() -> list[Told]:
        uri = f"sips:{desk.user}@{LOOPBACK}:{node.tls_port}"
        async with open_line(uri, authorities=node.authority.file) as line:
            return await asyncio.gather(*(call(line, uri, hang_up_after=0.5) for _ in range(8)))

    told = asyncio.run(story())

    assert {one.end for one in told} == {"hung up"}
    # All fall to one of two once in a hundred times: then the other one has only shaken hands.
    assert {owner(node, one.call_id) for one in told} <= {"call-1", "call-2"}
