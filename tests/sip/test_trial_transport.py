"""A transport that nobody has: one file and one line in the table, and a whole call goes over it.

It is what the WebSocket transports are to the rest of the house: connections of its own making, its own
framing, another port, and a promise that nobody reads along."""

from __future__ import annotations

import ast
import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from offhook.network import Address
from offhook.sip import ConnectionLimits, NameAddr, SipError, Transports, Uri, UserAgent
from offhook.sip.messages.message import MessageError
from offhook.sip.transports.framer import Framer, StreamFramingError
from offhook.sip.transports.table import TRANSPORTS, transport_of
from offhook.sip.transports.tcp import TCP, TcpEndpoint
from offhook.sip.transports.tls import TLS
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.udp import UDP
from tests.machine import PATIENCE
from tests.sip.agents import ANSWER, Desk, Recorder
from tests.wire import OFFER

ME = NameAddr.parse("<sip:me@127.0.0.1>")
KEY = 0x55
MOST = 65_535


def scrambled(data: bytes) -> bytes:
    return bytes(octet ^ KEY for octet in data)


class TrialFramer:
    """Two octets of length, and the message with every octet turned; one of no length wants one back."""

    def __init__(self) -> None:
        self._buffer = b""
        self._pings = 0

    @property
    def inside_message(self) -> bool:
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        messages: list[bytes] = []
        while len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if length == MOST:
                raise StreamFramingError(MessageError(513, "Too Large"), messages)
            if len(self._buffer) < 2 + length:
                break
            if length:
                messages.append(scrambled(self._buffer[2 : 2 + length]))
            else:
                self._pings += 1
            self._buffer = self._buffer[2 + length :]
        return messages

    def take_answers(self) -> bytes:
        pings, self._pings = self._pings, 0
        return b"\0\0" * pings

    def wrap(self, message: bytes) -> bytes:
        return len(message).to_bytes(2, "big") + scrambled(message)


class TrialEndpoint(TcpEndpoint):
    def framer(self) -> Framer:  # type: ignore[override]
        return TrialFramer()


TRIAL = Transport(
    "trial", reliable=True, secure=True, default_port=5099, kind=socket.SOCK_STREAM, open=TrialEndpoint
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSPORTS, TRIAL.name, TRIAL)


@asynccontextmanager
async def agent(
    limits: ConnectionLimits | None = None,
) -> AsyncIterator[tuple[UserAgent, Desk, Transports, Address]]:
    desk, transports = Desk(), Transports(limits=limits)
    one = UserAgent(desk, transports=transports, rng=random.Random(5))
    address = await transports.listen("127.0.0.1", 0, over=(TRIAL,))
    try:
        async with asyncio.timeout(PATIENCE):
            yield one, desk, transports, address
    finally:
        await one.close()
        assert (one.dialogs, one.transactions, one.tasks, transports.connections) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "uri", ["sip:a@{};transport=trial", "sip:a@{};transport=TRIAL", "sips:a@{};transport=trial"]
)
async def test_a_whole_call_goes_over_it(uri: str) -> None:
    async with agent() as (_, desk, theirs, address), agent() as (caller, _, ours, here):
        recorder = Recorder()
        target = Uri.parse(uri.format(address))
        session = await caller.invite(target, from_=ME, body=OFFER, handler=recorder).wait()
        (invitation,) = desk.invitations

        assert invitation.transport is TRIAL
        assert invitation.request.via.protocol == "TRIAL"
        assert (invitation.request.via.host, invitation.request.via.port) == tuple(here)
        assert invitation.request.contact is not None
        asked = None if target.scheme == "sips" else "trial"
        assert invitation.request.contact.uri.scheme == target.scheme
        assert invitation.request.contact.uri.param("transport") == asked
        assert session.dialog.target.param("transport") == asked

        assert (await session.reinvite(OFFER)).body == ANSWER
        assert (
            await desk.sessions[0].request("INFO", body=b"Signal=5", content_type="application/dtmf-relay")
        ).status
        desk.sessions[0].bye()
        await session.closed.wait()

        assert recorder.events == [("INFO", b"Signal=5"), "hung up"]
        assert (theirs.connections, ours.connections) == (1, 1)


async def test_its_connections_are_others_than_those_of_tcp_to_the_same_place() -> None:
    limits = ConnectionLimits(connections=2)
    async with agent() as (_, _, _, address), agent(limits) as (_, _, ours, _):
        over_trial = await ours.connect(TRIAL, address)
        over_tcp = await ours.connect(TCP, address)

        assert over_trial.far_end != over_tcp.far_end
        assert ours.is_open(over_trial)
        assert ours.is_open(over_tcp)
        assert ours.connections == 2  # and they share their places
        await ours.connect(TCP, Address("127.0.0.1", (await ours.listen("127.0.0.1", 0, over=(TCP,))).port))
        assert not ours.is_open(over_trial)


async def test_what_it_answers_at_once_and_what_it_cannot_read_are_its_own() -> None:
    async with agent() as (_, _, _, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"\0\0\0\0")
        assert await reader.readexactly(4) == b"\0\0\0\0"
        writer.write(b"\xff\xff")
        assert await reader.read() == b""
        writer.close()


def test_a_uri_that_asks_for_secrecy_goes_over_a_transport_that_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert transport_of(Uri.parse("sips:a@example.org")) is TLS
    assert transport_of(Uri.parse("sips:a@example.org;transport=tcp")) is TLS
    assert transport_of(Uri.parse("sip:a@example.org")) is UDP
    assert transport_of(Uri.parse("sip:a@example.org;transport=tcp")) is TCP
    monkeypatch.delitem(TRANSPORTS, TLS.name)
    assert transport_of(Uri.parse("sips:a@example.org")) is TRIAL
    with pytest.raises(SipError, match="416"):
        transport_of(Uri.parse("sips:a@example.org;transport=tcp"))

    monkeypatch.delitem(TRANSPORTS, TRIAL.name)
    for refused in ("sips:a@example.org", "sip:a@example.org;transport=trial", "tel:+14155550123"):
        with pytest.raises(SipError, match="416"):
            transport_of(Uri.parse(refused))


WIRE_WORDS = {
    "schema/sip_trunk.py": "outboundProtocol of a gateway is the API's own word",
    "conversation/text/numbers.py": "a word that is read out letter by letter",
    "network/outside.py": "what HTTPS and sockets of engines trust, an attribute",
    "webhooks/failures.py": "a kind of failure of HTTP",
    "calls/world/asked_again.py": "the same kind",
}


def test_no_other_file_knows_a_transport_by_its_name() -> None:
    source = Path(__file__).parents[2] / "src" / "offhook"
    names = {UDP.name, TCP.name, TLS.name}
    found = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in names
    }

    assert found - WIRE_WORDS.keys() == {f"sip/transports/{one}.py" for one in names}
