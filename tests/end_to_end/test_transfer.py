"""Callers who are sent on to somebody else's telephone (SIPp), over real sockets."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.uri import Uri
from tests.end_to_end.baresip import Baresip
from tests.end_to_end.callers import Caller, exchange
from tests.end_to_end.node import Node, Number, new_number
from tests.end_to_end.peers import LOOPBACK, Peer, soon
from tests.end_to_end.sink import serving
from tests.end_to_end.sound import loud_seconds, quiet, read, says, words
from tests.end_to_end.test_sipp import SCENARIOS, TRANSPORTS, Run
from tests.machine import PATIENCE, installed
from tests.ports import free_port
from tests.speech.clips import clip

BOTH = pytest.mark.parametrize("transport", ["udp", "tcp"])
DIAL = {"mode": "blind-transfer", "sipVerb": "dial"}


def operator(
    scenario: str, folder: Path, transport: str = "udp", port: int | None = None, calls: int = 1
) -> tuple[Run, str]:
    """SIPp at a telephone of its own, and the URI it is called by. It sends back the audio that it gets, and
    waits for its calls for `PATIENCE`."""
    port = port or free_port()
    command = (
        installed("sipp", "sip-tester"), "-sf", str(SCENARIOS / f"{scenario}.xml"),
        "-t", TRANSPORTS[transport], "-i", LOOPBACK, "-p", str(port), "-mp",
        str(free_port(count=4)), "-rtp_echo",
        "-m", str(calls), "-nostdin", "-timeout", f"{PATIENCE:.0f}s", "-timeout_error", "-trace_err",
    )  # fmt: skip
    return Run(Peer(*command, folder=folder, name="operator"), PATIENCE + 5), telephone(port, transport)


def telephone(port: int, transport: str) -> str:
    suffix = "" if transport == "udp" else f";transport={transport}"
    return f"sip:operator@{LOOPBACK}:{port}{suffix}"


def sent_on(service: Node, uri: str, plan: dict[str, Any], **more: Any) -> Number:
    """A number whose callers are sent on at once."""
    destination = {"type": "sip", "sipUri": uri, "transferPlan": plan, **more}
    return new_number(service, answered_by=None, fallbackDestination=destination)


async def place(
    number: Number, *, says: bytes = b"", after: float = 0.0, echoed: bool = False, takes: int = 202
) -> Caller:
    """Call, wait so long, speak (until it is `echoed`), and stay until hung up on or until the last word has
    come back."""
    async with exchange(LOOPBACK, number.node.sip_port) as line:
        own = NameAddr("Ann", Uri("sip", user="+15551230000", host=LOOPBACK))
        line = replace(line, uri=Uri.parse(number.uri()), own=own)
        caller = Caller(line, takes)
        try:
            await caller.dial(line)
            if says:
                await asyncio.sleep(after)
                before = None
                while before is None or (echoed and loud_seconds(caller.ear.heard[before:]) < 1):
                    assert not caller.ended.is_set()
                    before = len(caller.ear.heard)
                    await caller.play(says)
                    await asyncio.sleep(1.0)
            else:
                async with asyncio.timeout(PATIENCE):
                    await caller.ended.wait()
        finally:
            await caller.hang_up()
            await asyncio.sleep(0.3)
    return caller


@BOTH
async def test_caller_and_operator_hear_each_other(transport: str, service: Node, tmp_path: Path) -> None:
    answering, uri = operator("operator", tmp_path, transport)
    number = await asyncio.to_thread(sent_on, service, uri, DIAL, message="", sipHeaders={"X-Ticket": "12"})
    caller = await place(number, says=clip("hours") + quiet(0.2), after=2.5, echoed=True)
    await asyncio.to_thread(answering.passes)
    call = await asyncio.to_thread(number.call)

    assert "opening hours" in words(caller.ear.heard[-16000 * 4 :])
    (entry,) = call["artifact"]["transfers"]
    assert (entry["status"], entry["mode"]) == ("completed", "blind-transfer")
    assert call["destination"]["sipUri"] == uri
    stereo = read(httpx.get(call["artifact"]["stereoRecordingUrl"], timeout=PATIENCE).content)
    assert "opening hours" in words(stereo.track(0))
    assert "opening hours" in words(stereo.track(1)[-16000 * 4 :])


async def test_the_verb_bye_hangs_up_and_dials_nobody(service: Node) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as operator_socket:
        operator_socket.bind((LOOPBACK, 0))
        operator_socket.setblocking(False)
        uri = f"sip:operator@{LOOPBACK}:{operator_socket.getsockname()[1]}"
        plan = {"mode": "blind-transfer", "sipVerb": "bye"}
        number = await asyncio.to_thread(sent_on, service, uri, plan, message="")
        caller = await place(number)
        call = await asyncio.to_thread(number.call)

        assert caller.end_reason == "the other side hung up"
        assert caller.refers == []
        assert call["destination"]["sipUri"] == uri
        with pytest.raises(BlockingIOError):
            operator_socket.recv(1)


async def test_the_operator_is_told_who_is_waiting(service: Node, tmp_path: Path) -> None:
    answering, uri = operator("operator", tmp_path)
    plan = {
        "mode": "warm-transfer-say-message",
        "message": "A caller has a question about the opening hours.",
    }
    number = await asyncio.to_thread(sent_on, service, uri, plan, message="", sipHeaders={"X-Ticket": "12"})
    caller = await place(number, says=clip("price") + quiet(0.2), after=10.0)
    await asyncio.to_thread(answering.passes)
    call = await asyncio.to_thread(number.call)

    stereo = read(httpx.get(call["artifact"]["stereoRecordingUrl"], timeout=PATIENCE).content)
    told = words(stereo.track(1)[16000:])
    assert "question about" in told
    assert "opening hours" in told
    assert "opening hours" not in words(caller.ear.heard[16000 * 4 :])
    assert loud_seconds(caller.ear.heard[-16000 * 4 :]) > 0.5
    (entry,) = call["artifact"]["transfers"]
    assert entry["status"] == "completed"
    assert entry["transcript"] == f"AI: {plan['message']}\n"


async def test_an_operator_who_hangs_up_ends_the_call(service: Node, tmp_path: Path) -> None:
    answering, uri = operator("operator_hangs_up", tmp_path)
    number = await asyncio.to_thread(sent_on, service, uri, DIAL, message="")
    caller = await place(number)
    await asyncio.to_thread(answering.passes)
    call = await asyncio.to_thread(number.call)

    assert caller.end_reason == "the other side hung up"
    assert loud_seconds(caller.ear.heard) == pytest.approx(1.5, abs=0.5)
    assert call["artifact"]["transfers"][0]["status"] == "completed"


async def test_a_busy_operator_is_told_to_the_caller(service: Node, tmp_path: Path) -> None:
    answering, uri = operator("operator_is_busy", tmp_path)
    plan = {**DIAL, "fallbackPlan": {"message": "Nobody can come to the telephone."}}
    number = await asyncio.to_thread(sent_on, service, uri, plan, message="")
    caller = await place(number)
    await asyncio.to_thread(answering.passes)
    call = await asyncio.to_thread(number.call)

    assert "come to the telephone" in words(caller.ear.heard)
    assert caller.end_reason == "the other side hung up"
    assert call["artifact"]["transfers"][0]["status"] == "busy"


async def test_a_phone_without_refer_is_joined_by_a_second_leg(service: Node, tmp_path: Path) -> None:
    answering, uri = operator("operator_hangs_up", tmp_path)
    number = await asyncio.to_thread(sent_on, service, uri, {"mode": "blind-transfer"}, message="")
    caller = await place(number, takes=405)
    await asyncio.to_thread(answering.passes)
    call = await asyncio.to_thread(number.call)

    assert [str(refer.headers.get("Refer-To")) for refer in caller.refers] == [f"<{uri}>"]
    assert caller.end_reason == "the other side hung up"
    assert call["artifact"]["transfers"][0]["status"] == "completed"


LOGIN = {"authUsername": "account", "authPassword": "trunk-secret"}


@pytest.mark.parametrize(("whose", "transport"), [("the node's", "udp"), ("the org's", "tcp")])
async def test_a_number_is_called_through_a_trunk_with_its_login(
    whose: str, transport: str, tmp_path: Path
) -> None:
    """The node's is at a private address, and nothing else of that kind may be called."""
    trunk_port = free_port()
    uri = telephone(trunk_port, transport)
    settings = {
        "OFFHOOK_TRUNK": uri.replace("sip:operator@", "sip:account@"),
        "OFFHOOK_TRUNK_PASSWORD": "trunk-secret",
        "OFFHOOK_TRUNK_PREFIXES": "+1,+4420",
        "OFFHOOK_ALLOW_PRIVATE_URLS": "",
    }
    node = await asyncio.to_thread(Node(tmp_path, **(settings if whose == "the node's" else {})).start)
    try:
        answering, _ = operator("trunk", tmp_path, transport, trunk_port)
        if whose == "the org's":
            gateway = {
                "ip": LOOPBACK,
                "port": trunk_port,
                "inboundEnabled": False,
                "outboundProtocol": transport,
            }
            credential = {
                "provider": "byo-sip-trunk",
                "gateways": [gateway],
                "outboundAuthenticationPlan": LOGIN,
                "outboundLeadingPlusEnabled": True,
            }
            await asyncio.to_thread(node.post, "/credential", credential)
        destination = {"type": "number", "number": "+14155550123", "message": "", "transferPlan": DIAL}
        number = await asyncio.to_thread(new_number, node, answered_by=None, fallbackDestination=destination)
        caller = await place(number)
        call = await asyncio.to_thread(number.call)
        await asyncio.to_thread(answering.passes)
    finally:
        await asyncio.to_thread(node.stop)

    assert caller.refers == []
    (entry,) = call["artifact"]["transfers"]
    assert entry["status"] == "completed"
    assert entry["statistics"]["codec"] == "PCMU"
    assert "trunk-secret" not in node.log
    assert "Traceback" not in node.log


MUSIC_HERTZ = 300


@pytest.fixture
def music() -> Iterator[str]:
    """The URL of an MP3, as people have it for their waiting callers: stereo, 44.1 kHz."""
    times = np.arange(3 * 44100) / 44100
    wave = np.repeat(0.3 * np.sin(2 * np.pi * MUSIC_HERTZ * times)[:, None], 2, axis=1)
    file = io.BytesIO()
    soundfile.write(file, wave, 44100, format="MP3", subtype="MPEG_LAYER_III")
    with serving(file.getvalue(), "audio/mpeg") as url:
        yield url


async def test_who_waits_hears_the_owners_mp3(service: Node, tmp_path: Path, music: str) -> None:
    answering, uri = operator("operator", tmp_path)
    plan = {
        "mode": "warm-transfer-experimental",
        "message": "A caller has a question about the opening hours of the shop. Please be kind and patient.",
        "holdAudioUrl": music,
    }
    number = await asyncio.to_thread(sent_on, service, uri, plan, message="", sipHeaders={"X-Ticket": "12"})
    caller = await place(number, says=clip("price") + quiet(0.2), after=11.0)
    await asyncio.to_thread(answering.passes)
    call = await asyncio.to_thread(number.call)

    heard = caller.ear.heard
    seconds = np.frombuffer(heard, "<i2")[: len(heard) // 16000 * 8000].reshape(-1, 8000)
    pitches = [int(np.abs(np.fft.rfft(second.astype(float))).argmax()) for second in seconds if second.any()]
    assert pitches.count(MUSIC_HERTZ) >= 2
    assert call["artifact"]["transfers"][0]["status"] == "completed"


# -- phones that others wrote -----------------------------------------------------------------------


def test_a_phone_takes_the_refer_and_tells_how_it_went(service: Node, tmp_path: Path) -> None:
    with Baresip(tmp_path / "desk", answers="auto") as desk, Baresip(tmp_path / "phone") as phone:
        number = sent_on(service, desk.uri, {"mode": "blind-transfer", "sipVerb": "refer"}, message="")
        phone.dial(number.uri())
        desk.wait_for("CALL_ESTABLISHED")
        call = number.call()
        desk.do("hangup")

    (entry,) = call["artifact"]["transfers"]
    assert entry["status"] == "completed"
    assert "statistics" not in entry


ENOUGH = 16000 * 4
"""Octets of what a phone has heard, in which all was said."""


def test_two_phones_with_codecs_of_their_own_hear_each_other(service: Node, tmp_path: Path) -> None:
    with (
        Baresip(tmp_path / "desk", codec="PCMA", answers="early") as desk,
        Baresip(tmp_path / "phone") as phone,
    ):
        number = sent_on(service, desk.uri, DIAL, message="")
        phone.dial(number.uri())
        soon(lambda: "stream start (active=0)" in desk.peer.text, why="the desk does not ring")
        desk.do("accept")
        desk.wait_for("CALL_ESTABLISHED")
        desk.play(says("price", tmp_path))
        phone.play(says("hours", tmp_path))
        before = desk.heard().stat().st_size, phone.heard().stat().st_size
        soon(
            lambda: all(
                one.heard().stat().st_size - size > ENOUGH
                for one, size in zip((desk, phone), before, strict=True)
            ),
            why="too little was heard",
        )
        desk.do("hangup")
        phone.wait_for("CALL_CLOSED")
        call = number.call()

    assert "cleaning cost" in words(read(phone.heard()).track(0))
    assert "opening hours" in words(read(desk.heard()).track(0))
    (entry,) = call["artifact"]["transfers"]
    assert (entry["status"], entry["statistics"]["codec"]) == ("completed", "PCMA")
