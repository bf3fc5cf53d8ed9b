"""SIPp with scenarios of our own: each step of the protocol as a phone sees it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from offhook.rtp.codecs import PCMU
from tests.end_to_end.conftest import MakeNumber
from tests.end_to_end.node import Node, Number, assistant, new_number
from tests.end_to_end.peers import LOOPBACK, Peer
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.sound import quiet, read, words
from tests.machine import PATIENCE, installed
from tests.ports import free_port
from tests.speech.clips import clip

SCENARIOS = Path(__file__).parent / "sipp"
BOTH = pytest.mark.parametrize("transport", ["udp", "tcp"])
TRANSPORTS = {"udp": "u1", "tcp": "t1"}


class Run(NamedTuple):
    """A scenario that is under way."""

    peer: Peer
    seconds: float

    def passes(self) -> None:
        """It ends, and every answer was the expected one."""
        try:
            status = self.peer.wait(self.seconds)
        finally:
            self.peer.stop()
        errors = sorted(self.peer.folder.glob("*_errors.log"))
        told = "\n".join(file.read_text(errors="replace") for file in errors)
        assert status == 0, f"{told}\n{self.peer.text[-3000:]}"


def start(
    scenario: Path,
    folder: Path,
    user: str,
    port: int,
    *options: str,
    transport: str = "udp",
    host: str = LOOPBACK,
    seconds: float = PATIENCE,
) -> Run:
    program = installed("sipp", "sip-tester")
    folder.mkdir(exist_ok=True)
    remote = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    own = f"[{host}]" if ":" in host else host
    command = (
        program, remote, "-sf", str(scenario), "-s", user, "-t", TRANSPORTS[transport],
        "-i", own, "-p", str(free_port(host)), "-mp", str(free_port(host, 4)),
        "-m", "1", "-nostdin", "-timeout", f"{seconds:.0f}s", "-timeout_error", "-trace_err", *options,
    )  # fmt: skip
    return Run(Peer(*command, folder=folder, name="sipp"), seconds + 5)


def run(name: str, folder: Path, number: Number, *options: str, **how: Any) -> None:
    start(SCENARIOS / f"{name}.xml", folder, number.user, number.node.sip_port, *options, **how).passes()


@pytest.fixture(scope="module", autouse=True)
def without_ack(service: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Number]]:
    """Takes 64*T1 = 32 s, so it goes on beside the other tests."""
    desk = new_number(service, answered_by=assistant())
    folder = tmp_path_factory.mktemp("no_ack")
    running = start(SCENARIOS / "no_ack.xml", folder, desk.user, service.sip_port, "-trace_msg")
    yield running, desk
    running.peer.stop()


@BOTH
def test_a_call_with_audio_both_ways_and_variables(
    transport: str, number: MakeNumber, tmp_path: Path, sink: WebhookSink
) -> None:
    desk = number(firstMessage="Hello {{first_name}}, welcome.")
    (tmp_path / "hours.ulaw").write_bytes(PCMU.encode(clip("hours") + quiet(6)))
    run("talk", tmp_path, desk, transport=transport)
    call = desk.call()
    stereo = read(service_file(call))

    assert call["endedReason"] == "customer-ended-call"
    assert call["assistantOverrides"]["variableValues"] == {"first_name": "John", "our-call-id": "4711"}
    assert "hello john welcome" in words(stereo.track(1))
    assert "opening hours" in words(stereo.track(0))
    assert "opening hours" in call["artifact"]["transcript"].lower()
    assert "eight to six" in call["artifact"]["transcript"].lower()
    assert call["customer"]["name"] == "Sue"


def service_file(call: Mapping[str, Any]) -> bytes:
    return httpx.get(call["artifact"]["stereoRecordingUrl"], timeout=PATIENCE).content


@BOTH
@pytest.mark.parametrize(
    "scenario", ["bye_after_ack", "cancel_too_late", "late_offer", "hold", "inside", "wrong", "merged"]
)
def test_a_call_by_the_scenario(scenario: str, transport: str, number: MakeNumber, tmp_path: Path) -> None:
    desk = number()
    run(scenario, tmp_path, desk, transport=transport)

    assert desk.call()["endedReason"] == "customer-ended-call"


def test_a_call_over_ipv6(number: MakeNumber, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this kernel has no IPv6")
    desk = number()
    run("bye_after_ack", tmp_path, desk, host="::1")
    call = desk.call()

    assert call["endedReason"] == "customer-ended-call"
    assert "::1" in call["customer"]["sipUri"]


@BOTH
def test_a_call_that_is_cancelled_while_it_rings(
    transport: str, service: Node, sink: WebhookSink, tmp_path: Path
) -> None:
    cancelled = threading.Event()

    def too_late(message: Mapping[str, Any]) -> tuple[int, Any]:
        if message["type"] == "assistant-request":
            cancelled.wait(PATIENCE)
        return 200, {}

    sink.answer = too_late
    desk = new_number(service, answered_by=None, server={"url": sink.url})
    run("cancel", tmp_path, desk, transport=transport)
    cancelled.set()

    assert desk.call()["endedReason"] == "call.ringing.sip-inbound-caller-hungup-before-call-connect"


LOGIN = {"username": "a-user-of-twenty-chars", "password": "a-password-of-twenty-one"}


@pytest.fixture
def guarded(service: Node) -> Number:
    return new_number(service, answered_by=assistant(), authentication=LOGIN)


@BOTH
def test_the_right_password_is_let_in(transport: str, guarded: Number, tmp_path: Path) -> None:
    keys = ("-au", LOGIN["username"], "-ap", LOGIN["password"])
    run("signs_in", tmp_path, guarded, *keys, transport=transport)

    assert guarded.call()["endedReason"] == "customer-ended-call"


def test_a_wrong_password_is_not(guarded: Number, tmp_path: Path) -> None:
    keys = ("-au", LOGIN["username"], "-ap", "not-" + LOGIN["password"])
    run("is_not_let_in", tmp_path, guarded, *keys)

    assert guarded.node.get(f"/call?phoneNumberId={guarded.id}") == []


class Refusal(NamedTuple):
    """What is sent beyond the ordinary, and what must come back."""

    status: int
    says: str
    method: str = "INVITE"
    header: str = "Subject: a test"
    hops: str = "70"
    payload: str = "0"


REFUSALS = {
    "only-g729": Refusal(488, "SIP/2.0 488", payload="18"),
    "unknown-extension": Refusal(420, "Unsupported: foobar", header="Require: foobar"),
    "no-hops-left": Refusal(483, "SIP/2.0 483", hops="0"),
    "unknown-method": Refusal(501, "Allow: INVITE", method="CHARGE"),
    "register": Refusal(405, "Allow: INVITE", method="REGISTER"),
    "subscribe": Refusal(405, "Allow: INVITE", method="SUBSCRIBE", header="Event: presence"),
    "bye-to-nobody": Refusal(481, "SIP/2.0 481", method="BYE"),
    "info-to-nobody": Refusal(481, "SIP/2.0 481", method="INFO"),
    "update-to-nobody": Refusal(481, "SIP/2.0 481", method="UPDATE"),
    "options": Refusal(200, "Accept: application/sdp", method="OPTIONS"),
}


@BOTH
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_one_request_and_its_answer(
    refusal: Refusal, transport: str, plain_number: Number, tmp_path: Path
) -> None:
    scenario = scenario_of(refusal, tmp_path)
    start(scenario, tmp_path, plain_number.user, plain_number.node.sip_port, transport=transport).passes()


@BOTH
def test_nobody_has_this_number(transport: str, service: Node, tmp_path: Path) -> None:
    scenario = scenario_of(Refusal(404, "SIP/2.0 404"), tmp_path)
    start(scenario, tmp_path, "nobody", service.sip_port, transport=transport).passes()


@pytest.fixture(scope="module")
def plain_number(service: Node) -> Number:
    return new_number(service, answered_by=assistant())


def scenario_of(refusal: Refusal, folder: Path) -> Path:
    text = (SCENARIOS / "refused.xml").read_text()
    for name, value in refusal._asdict().items():
        text = text.replace(f"@{name.upper()}@", str(value))
    path = folder / "refused.xml"
    path.write_text(text)
    return path


def test_a_caller_who_never_acknowledges_is_hung_up_on(without_ack: tuple[Run, Number]) -> None:
    running, desk = without_ack
    running.passes()
    call = desk.call()

    (log,) = running.peer.folder.glob("*_messages.log")

    assert log.read_text().count("SIP/2.0 200 OK") > 5
    assert call["endedReason"] == "call.ringing.error-sip-inbound-call-failed-to-connect"
    assert call["startedAt"] is None
