"""Every message of RFC 4475, sent to the running service: answered as labelled, or not at all."""

from __future__ import annotations

import random
import re
import socket
import uuid
from typing import NamedTuple

import pytest

from offhook.sip.messages.message import MessageError
from offhook.sip.transports.framer import StreamFramer
from tests.end_to_end.node import Node
from tests.machine import PATIENCE
from tests.sip.torture import MESSAGES, Torture

OWN = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
HERE = ((OWN, "127.0.0.1"), ("::1", "::1"))
"""Loopback addresses of ours and of the service: answers go to the port that a message's Via names, mostly
5060, which another program may have on all addresses of one family, and another run of these tests on its
own one."""

_VIA_PORT = re.compile(rb"(?i)^(?:via|v)\s*:[^;,]*?/[^;,]*?:(\d+)\s*[;,]", re.M)

GOOD = {"INVITE": (404, 481), "OPTIONS": (200,)}
"""What becomes of a good message: there is no such number, or no such call."""


def name(message: Torture) -> str:
    return f"{message.section}-{message.name}"


def expected(message: Torture) -> tuple[int, ...]:
    if message.answers is not None:
        return message.answers
    return GOOD[message.data.split(b" ", 1)[0].decode()]


def ping(reply_to: tuple[str, int], transport: str = "UDP") -> tuple[bytes, str]:
    """An ordinary OPTIONS, and its Call-ID."""
    call_id = uuid.uuid4().hex
    host, port = reply_to
    host = f"[{host}]" if ":" in host else host
    text = (
        "OPTIONS sip:service@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {host}:{port};branch=z9hG4bK{call_id}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:tester@{host}>;tag={call_id[:8]}\r\n"
        "To: <sip:service@127.0.0.1>\r\n"
        f"Call-ID: {call_id}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    return text.encode(), call_id


class Final(NamedTuple):
    """A final answer, read loosely: a refusal repeats what was broken in its request."""

    status: int
    data: bytes

    def line(self, name: str) -> bytes:
        """A header's first line, in full."""
        found = re.search(rb"(?im)^" + name.encode() + rb"\s*:.*(?:\r\n[ \t].*)*", self.data)
        return found[0].rstrip() if found else b""


class Ear:
    """Answers as they come, without the provisional ones."""

    def __init__(self) -> None:
        self.finals: list[Final] = []

    def take(self, data: bytes) -> None:
        start = re.match(rb"SIP/2\.0 (\d{3}) ", data)
        assert start is not None, data
        if int(start[1]) >= 200:
            self.finals.append(Final(int(start[1]), data))

    def others(self, call_id: str) -> list[int]:
        """The statuses of all but the one to our own ping."""
        return [one.status for one in self.finals if call_id.encode() not in one.line("Call-ID")]

    def has(self, call_id: str) -> bool:
        return any(one.status == 200 and call_id.encode() in one.line("Call-ID") for one in self.finals)


@pytest.mark.parametrize("message", MESSAGES, ids=name)
def test_over_udp(message: Torture, service: Node) -> None:
    found = _VIA_PORT.search(message.data)
    port = int(found[1]) if found else 5060
    ear = Ear()
    phone, host = bound(port)
    with phone:
        to = (host, service.sip_port)
        phone.sendto(message.data, to)
        # The service answers one after the other: what has not come before this one's answer will not come,
        # except for calls, whose number is looked up first.
        request, call_id = ping(phone.getsockname()[:2])
        phone.sendto(request, to)
        wanted = expected(message)
        while not ear.has(call_id) or (wanted and not ear.others(call_id)):
            ear.take(phone.recv(65535))
        acknowledge(phone, to, message, ear)

    statuses = ear.others(call_id)
    assert len(statuses) == (1 if wanted else 0)
    assert all(status in wanted for status in statuses), (statuses, wanted)


def acknowledge(phone: socket.socket, to: tuple[str, int], message: Torture, ear: Ear) -> None:
    """So that the refusal of an INVITE is not repeated to whoever has the port next."""
    for answer in ear.finals:
        if message.data.startswith(b"INVITE") and b"INVITE" in answer.line("CSeq"):
            lines = [b"ACK sip:service@127.0.0.1 SIP/2.0"]
            lines += [answer.line(name) for name in ("Via", "From", "To", "Call-ID")]
            lines += [answer.line("CSeq").replace(b"INVITE", b"ACK"), b"Content-Length: 0", b"", b""]
            phone.sendto(b"\r\n".join(lines), to)


def bound(port: int) -> tuple[socket.socket, str]:
    """A socket on this port, and where the service is for it."""
    for own, host in HERE:
        phone = socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET, socket.SOCK_DGRAM)
        phone.settimeout(PATIENCE)
        try:
            phone.bind((own, port))
        except OSError:
            phone.close()
            continue
        return phone, host
    raise AssertionError(f"port {port} is taken on every loopback address")


def whole(message: Torture) -> bool:
    """Whether a stream can tell where it ends: one message, as long as it says."""
    framer = StreamFramer()
    try:
        (one,) = framer.feed(message.data)
    except (MessageError, ValueError):
        return False
    return bytes(one) == message.data


def anew(data: bytes) -> bytes:
    """The message in a transaction of its own, lest it count as a repetition of what came over UDP."""
    return re.sub(
        rb"(?im)^((?:call-id|i)[ \t]*:\s*)", rb"\1tcp-", data.replace(b"z9hG4bK", b"z9hG4bKtcp", 1), count=1
    )


@pytest.mark.parametrize("message", [one for one in MESSAGES if whole(one)], ids=name)
def test_over_tcp(message: Torture, service: Node) -> None:
    framer, ear = StreamFramer(), Ear()
    wanted = expected(message)
    with socket.create_connection(("127.0.0.1", service.sip_port), timeout=PATIENCE) as phone:
        phone.sendall(anew(message.data))
        request, call_id = ping(phone.getsockname()[:2], "TCP")
        phone.sendall(request)
        while not ear.has(call_id) or (wanted and not ear.others(call_id)):
            data = phone.recv(65535)
            assert data, "the service closed the connection"
            for one in framer.feed(data):
                ear.take(bytes(one))

    statuses = ear.others(call_id)
    assert len(statuses) == (1 if wanted else 0)
    assert all(status in wanted for status in statuses), (statuses, wanted)


def test_they_are_all_there() -> None:
    assert len({message.name for message in MESSAGES}) == 50
    assert len([one for one in MESSAGES if whole(one)]) >= 25
