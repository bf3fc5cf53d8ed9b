"""A node that cannot start says in one line what to do; one that runs is not disturbed by strangers."""

from __future__ import annotations

import random
import re
import socket
import sys
from pathlib import Path

import pytest

from tests.end_to_end.baresip import Baresip
from tests.end_to_end.conftest import MakeNumber
from tests.end_to_end.node import Node
from tests.end_to_end.peers import LOOPBACK, Peer
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.sound import says
from tests.machine import PATIENCE


def refusal(node: Node) -> str:
    """What a node that cannot start says, and that it is one line and no success."""
    peer = node.launch()
    try:
        status = peer.wait(PATIENCE)
    finally:
        peer.stop()
    assert status not in (0, None)
    assert "Traceback" not in peer.text
    said = [line for line in peer.text.splitlines() if line and not line.startswith("Starting")]
    assert len(said) == 1, peer.text
    return said[0]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_a_taken_sip_port(kind: socket.SocketKind, tmp_path: Path) -> None:
    node = Node(tmp_path)
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((LOOPBACK, node.sip_port))
        if kind is socket.SOCK_STREAM:
            other.listen()
        said = refusal(node)

    assert f"{LOOPBACK}:{node.sip_port}" in said
    assert "OFFHOOK_SIP" in said


def test_a_taken_http_port(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind((LOOPBACK, node.http_port))
        other.listen()
        said = refusal(node)

    assert f"{LOOPBACK}:{node.http_port}" in said
    assert "OFFHOOK_HTTP" in said


def test_a_file_where_the_data_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    assert "OFFHOOK_DATA" in refusal(Node(tmp_path))


def test_a_data_folder_that_nobody_may_write_to(tmp_path: Path) -> None:
    # /proc takes no folders, not even root's.
    said = refusal(Node(tmp_path, OFFHOOK_DATA="/proc/offhook"))

    assert "/proc/offhook" in said
    assert "OFFHOOK_DATA" in said


def test_a_full_disk(tmp_path: Path) -> None:
    # A limit on the size of files fails a write as a full disk does, without privileges.
    program = Path(sys.executable).with_name("offhook")
    limited = tmp_path / "limited"
    limited.write_text(f'#!/bin/sh\nulimit -f 1\nexec "{program}" serve\n')
    limited.chmod(0o755)
    settings = {"OFFHOOK_HTTP": f"{LOOPBACK}:0", "OFFHOOK_SIP": f"{LOOPBACK}:0"}
    with Peer(
        str(limited), folder=tmp_path, name="full", OFFHOOK_DATA=str(tmp_path / "data"), **settings
    ) as peer:
        status = peer.wait(PATIENCE)
    said = [line for line in peer.text.splitlines() if line and not line.startswith("Starting")]

    assert status not in (0, None)
    assert len(said) == 1, peer.text
    assert "OFFHOOK_DATA" in said[0]


def test_a_model_that_is_missing(tmp_path: Path) -> None:
    """A package of the same name without its files stands before the real one."""
    (tmp_path / "moonshine_voice").mkdir()
    (tmp_path / "moonshine_voice" / "__init__.py").write_text("")

    said = refusal(Node(tmp_path, PYTHONPATH=str(tmp_path)))

    assert "moonshine_voice/assets" in said
    assert "pip install --force-reinstall moonshine-voice" in said


def hostile(rng: random.Random) -> list[bytes]:
    """What scanners, fuzzers and broken phones send."""
    invite = (
        b"INVITE sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKhostile\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: hostile\r\nCSeq: 1 INVITE\r\n"
        b"Contact: <sip:a@127.0.0.1:9>\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
    )
    noise = [rng.randbytes(rng.randrange(1, 1400)) for _ in range(100)]
    cut = [invite[: rng.randrange(len(invite))] for _ in range(50)]
    flipped = []
    for _ in range(100):
        damaged = bytearray(invite)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        flipped.append(bytes(damaged))
    rtp = [b"\x80\x00" + rng.randbytes(170) for _ in range(50)]
    rtcp = [bytes([0x81, kind]) + rng.randbytes(40) for kind in range(200, 207) for _ in range(5)]
    return [b"", b"\0" * 1200, b"\r\n\r\n", *noise, *cut, *flipped, *rtp, *rtcp]


def test_strangers_do_not_disturb_a_call(
    number: MakeNumber, sink: WebhookSink, service: Node, tmp_path: Path
) -> None:
    desk = number()
    datagrams = hostile(random.Random(4475))
    with (
        Baresip(tmp_path / "phone") as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        stranger.bind(("127.66.6.6", 0))
        phone.dial(desk.uri())
        sink.wait_for("speech-update", status="stopped", role="assistant")
        media = int(re.findall(r"starting RTCP with remote [\d.]+:(\d+)", phone.peer.text)[0]) - 1
        phone.play(says("price", tmp_path))
        for data in datagrams:
            for port in (service.sip_port, media, media + 1):
                stranger.sendto(data, (LOOPBACK, port))
        sink.wait_for("speech-update", status="stopped", role="assistant", turn=1)
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
    call = desk.call()

    assert call["endedReason"] == "customer-ended-call"
    assert "ninety dollars" in call["artifact"]["transcript"].lower()
    assert "Traceback" not in service.log
