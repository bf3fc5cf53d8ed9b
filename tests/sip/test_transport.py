"""Real sockets on loopback: UDP and TCP, IPv4 and IPv6, and foreign tools that call us."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from offhook.network import Address, open_datagrams
from offhook.network.routes import source_towards
from offhook.network.sources import Sources
from offhook.sip import ConnectionLimits, Flow, NameAddr, Transports, Uri, UserAgent
from offhook.sip.messages.message import respond
from offhook.sip.messages.parser import parse_message
from offhook.sip.transports import transports as transports_module
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.udp import UDP
from tests.listening import listening
from tests.machine import PATIENCE, has_ipv6, installed, needs_ipv6
from tests.ports import free_port
from tests.sip.agents import ANSWER, Desk, Recorder, refusal
from tests.wire import OFFER, ScriptedPhone

ME = NameAddr.parse("<sip:me@127.0.0.1>")


@asynccontextmanager
async def agent_on(
    host: str = "127.0.0.1",
    *,
    limits: ConnectionLimits | None = None,
    desk: Desk | None = None,
    sources: Sources | None = None,
    **options: Any,
) -> AsyncIterator[tuple[UserAgent, Desk, Address, Transports]]:
    desk = desk or Desk()
    transports = Transports(limits=limits, sources=sources)
    agent = UserAgent(desk, transports=transports, rng=random.Random(3), **options)
    address = await transports.listen(host, 0)
    try:
        async with asyncio.timeout(PATIENCE):
            yield agent, desk, address, transports
    finally:
        await agent.close()
        assert (agent.dialogs, agent.transactions, agent.tasks) == (0, 0, 0)
        assert transports.connections == 0


class Line:
    """A TCP client that reads whole messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.local = Address(*writer.get_extra_info("sockname")[:2])

    @classmethod
    async def to(cls, address: Address) -> Line:
        return cls(*await asyncio.open_connection(*address))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def message(self) -> Any:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = parse_message(head.replace(b"Content-Length: ", b"X: ")).headers.get("X")
        return parse_message(head + await self.reader.readexactly(int(length or 0)))

    async def status(self, status: int) -> Any:
        """The next response but the 100 and 180 on the way to it."""
        while True:
            message = await self.message()
            if message.status >= 200 or message.status == status:
                assert message.status == status
                return message

    async def trickle(self, data: bytes) -> None:
        """Send octet by octet, then wait for an answer."""
        for octet in data:
            self.send(bytes([octet]))
            await self.writer.drain()
            await asyncio.sleep(0.01)
        await self.reader.readexactly(1)

    async def ping_for_ever(self) -> None:
        while True:
            self.send(b"\r\n\r\n")
            await self.reader.readexactly(2)
            await asyncio.sleep(0.01)

    async def ended(self) -> bool:
        return await self.reader.read() == b""

    def close(self) -> None:
        self.writer.close()

    def request(
        self, method: str, cseq: int, body: bytes = b"", to: str = "<sip:a@127.0.0.1>", call: str = "c"
    ) -> bytes:
        lines = [
            f"{method} sip:a@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/TCP {self.local};branch=z9hG4bK{call}{cseq}{method}",
            "Max-Forwards: 70",
            f"From: <sip:b@127.0.0.1>;tag={call}",
            f"To: {to}",
            f"Call-ID: {call}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:b@{self.local};transport=tcp>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


async def test_a_call_over_udp() -> None:
    async with agent_on() as (agent, desk, address, _):
        phone = await ScriptedPhone.open(open_datagrams, "127.0.0.1", address)
        call = phone.call()
        await call.connected()
        call.bye()
        await phone.response(200)
        phone.close()
        assert desk.recorder.events == [("acknowledged", b""), "hung up"]
        assert agent.dialogs == 0


@needs_ipv6
async def test_the_wildcard_serves_both_families_with_addresses_of_each() -> None:
    async with agent_on("::") as (_, _, address, transports):
        assert {one.host for one in transports.addresses} == {"::", "0.0.0.0"}
        for host in ("127.0.0.1", "::1"):
            phone = await ScriptedPhone.open(open_datagrams, host, Address(host, address.port))
            call = phone.call()
            response = await call.connected()
            assert response.contact is not None
            assert (response.contact.uri.host, response.contact.uri.port) == (host, address.port)
            call.bye()
            await phone.response(200)
            phone.close()


async def test_a_call_over_tcp_is_answered_and_hung_up_on_its_connection() -> None:
    async with agent_on() as (_, desk, address, transports):
        line = await Line.to(address)
        line.send(line.request("INVITE", 1, OFFER))
        answered = await line.status(200)
        assert answered.contact.uri.param("transport") == "tcp"
        assert answered.body == ANSWER
        line.send(line.request("ACK", 1, to=str(answered.to)))
        while not desk.recorder.events:
            await asyncio.sleep(0.01)
        desk.sessions[-1].bye()
        bye = await line.message()
        assert bye.method == "BYE"
        assert bye.via.protocol == "TCP"
        assert transports.connections == 1
        line.close()


async def test_messages_in_pieces_and_several_at_once() -> None:
    async with agent_on() as (_, _, address, _):
        line = await Line.to(address)
        first, second, third = (line.request("OPTIONS", n, call=f"p{n}") for n in (1, 2, 3))
        for at in range(0, len(first), 50):
            line.send(first[at : at + 50])
            await asyncio.sleep(0)
        line.send(b"\r\n" + second + third)
        assert [(await line.status(200)).cseq.number for _ in range(3)] == [1, 2, 3]
        line.close()


async def test_a_ping_gets_its_pong() -> None:
    async with agent_on() as (_, _, address, _):
        line = await Line.to(address)
        line.send(b"\r\n\r\n")
        assert await line.reader.readexactly(2) == b"\r\n"
        line.close()


async def test_a_stream_without_lengths_is_answered_and_closed() -> None:
    async with agent_on() as (_, _, address, _):
        line = await Line.to(address)
        line.send(line.request("OPTIONS", 1).replace(b"Content-Length: 0\r\n", b""))
        await line.status(400)
        assert await line.ended()
        line.close()


@pytest.mark.parametrize("sent", [b"", b"OPTIONS sip:a@b SIP/2.0\r\nVia: "])
async def test_who_brings_no_whole_message_in_time_is_cut_off(sent: bytes) -> None:
    async with agent_on(limits=ConnectionLimits(first=0.1, message=0.1)) as (_, _, address, _):
        line = await Line.to(address)
        line.send(sent)
        assert await line.ended()
        line.close()


async def test_pings_alone_keep_no_connection() -> None:
    async with agent_on(limits=ConnectionLimits(first=0.3)) as (_, _, address, _):
        line = await Line.to(address)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await line.ping_for_ever()
        line.close()


async def test_whom_we_call_may_think_longer_than_a_stranger() -> None:
    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        request = await line.message()
        await asyncio.sleep(0.5)
        line.send(respond(request, 486, to_tag="late").to_bytes())

    async with (
        listening(answer_late) as port,
        agent_on(limits=ConnectionLimits(first=0.1)) as (caller, _, _, _),
    ):
        uri = Uri.parse(f"sip:a@127.0.0.1:{port};transport=tcp")
        assert await refusal(caller.invite(uri, from_=ME, body=OFFER, handler=Recorder()).wait()) == 486


async def test_a_connection_that_is_closed_as_soon_as_it_is_made_loses_what_waited_for_it() -> None:
    there, lost = Address("127.0.0.1", 5060), list[Flow]()
    transports = Transports()
    transports.attach(lambda *_: None, lost.append, lambda *_: None)
    pool: Any = transports.endpoints[TCP]
    made = asyncio.create_task(asyncio.sleep(0, Flow(TCP, there)))
    pool._pending[there], pool._waiting[there] = made, [b"a response"]
    pool._dialled[there] = there.host
    await made
    pool._connected(there, made)
    assert lost == [Flow(TCP, there)]
    assert not pool._pending
    assert not pool._dialled


async def test_a_trickle_does_not_prolong_a_message() -> None:
    async with agent_on(limits=ConnectionLimits(message=0.2)) as (_, _, address, _):
        line = await Line.to(address)
        line.send(line.request("OPTIONS", 1))
        await line.status(200)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await line.trickle(line.request("OPTIONS", 2))
        line.close()


async def test_an_idle_connection_is_closed() -> None:
    async with agent_on(limits=ConnectionLimits(first=0.2, idle=0.2)) as (_, _, address, _):
        line = await Line.to(address)
        line.send(line.request("OPTIONS", 1))
        await line.status(200)
        assert await line.ended()
        line.close()


async def test_one_source_gets_so_many_connections_and_no_more() -> None:
    async with agent_on(limits=ConnectionLimits(per_source=2)) as (_, _, address, transports):
        lines = [await Line.to(address) for _ in range(3)]
        for line in lines[1:]:
            line.send(line.request("OPTIONS", 1))
            await line.status(200)
        assert await lines[0].ended()
        assert transports.connections == 2
        for line in lines:
            line.close()


async def test_what_was_too_much_is_forgotten_with_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else somebody who sends too much by ever new connections would have all of it wait."""
    async with agent_on(limits=ConnectionLimits(per_source=1)) as (_, _, address, transports):
        monkeypatch.setattr(transports._context.arrivals, "admits", lambda data, peer: False)
        first = await Line.to(address)
        first.send(first.request("OPTIONS", 1))
        held = transports.endpoints[TCP]._connections  # type: ignore[attr-defined]
        while first.local not in held or not held[first.local]._arrived:
            await asyncio.sleep(0.01)
        connection = held[first.local]
        second = await Line.to(address)
        assert await first.ended()
        while connection._arrived:
            await asyncio.sleep(0.01)
        first.close()
        second.close()


async def test_we_call_over_tcp_when_the_uri_says_so() -> None:
    async with agent_on() as (_, desk, address, _), agent_on() as (caller, _, _, transports):
        uri = Uri.parse(f"sip:a@{address};transport=tcp")
        session = await caller.invite(uri, from_=ME, body=OFFER, handler=Recorder()).wait()
        assert desk.invitations[0].transport is TCP
        assert transports.connections == 1
        session.bye()
        await session.closed.wait()
        assert desk.recorder.events == [("acknowledged", b""), "hung up"]


async def test_a_large_request_goes_over_tcp_when_the_peer_takes_it() -> None:
    async with agent_on() as (_, desk, address, _), agent_on() as (caller, _, _, _):
        headers = [("X-Long", "x" * 1300)]
        uri = Uri.parse(f"sip:a@{address}")
        session = await caller.invite(uri, from_=ME, body=OFFER, handler=Recorder(), headers=headers).wait()
        assert desk.invitations[0].transport is TCP
        session.bye()
        await session.closed.wait()


async def test_a_large_request_goes_over_udp_when_it_does_not() -> None:
    desk = Desk()
    transports = Transports()
    callee = UserAgent(desk, transports=transports, rng=random.Random(4))
    address = await transports.listen("127.0.0.1", 0, over=(UDP,))
    async with agent_on() as (caller, _, _, _):
        headers = [("X-Long", "x" * 1300)]
        uri = Uri.parse(f"sip:a@{address}")
        session = await caller.invite(uri, from_=ME, body=OFFER, handler=Recorder(), headers=headers).wait()
        assert desk.invitations[0].transport is UDP
        session.bye()
        await session.closed.wait()
    await callee.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_name_is_looked_up(transport: str) -> None:
    host = "::" if has_ipv6() else "127.0.0.1"
    async with agent_on(host) as (_, _, address, _), agent_on(host) as (caller, _, _, _):
        uri = Uri.parse(f"sip:a@localhost:{address.port};transport={transport}")
        session = await caller.invite(uri, from_=ME, body=OFFER, handler=Recorder()).wait()
        session.bye()
        await session.closed.wait()


async def test_a_refused_connection_is_a_503() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with agent_on() as (caller, _, _, _):
            uri = Uri.parse(f"sip:a@127.0.0.1:{port};transport=tcp")
            assert await refusal(caller.invite(uri, from_=ME, body=OFFER, handler=Recorder()).wait()) == 503


async def test_a_connection_that_breaks_fails_the_request_at_once() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with listening(hang_up) as port, agent_on() as (caller, _, _, _):
        uri = Uri.parse(f"sip:a@127.0.0.1:{port};transport=tcp")
        assert await refusal(caller.invite(uri, from_=ME, body=OFFER, handler=Recorder()).wait()) == 503


async def test_a_caller_whose_connection_breaks_has_gone() -> None:
    desk = Desk()
    desk._answering = desk.later
    async with agent_on(desk=desk) as (_, _, address, _):
        line = await Line.to(address)
        line.send(line.request("INVITE", 1, OFFER))
        await line.status(100)
        line.writer.transport.abort()
        while not desk.cancelled:
            await asyncio.sleep(0.01)
        assert desk.invitations[0].finished


async def test_a_taken_port_is_an_error_and_nothing_stays_bound() -> None:
    async with agent_on() as (_, _, address, _):
        other = Transports()
        with pytest.raises(OSError, match="ddress"):
            await other.listen("127.0.0.1", address.port)
        assert other.addresses == ()
        await other.close()


async def test_a_response_waits_for_the_connection_that_brings_it() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        heard.append(await reader.readuntil(b"\r\n\r\n"))

    heard: list[bytes] = []
    async with listening(listen) as port, agent_on() as (_, _, _, transports):
        there = Address("127.0.0.1", port)
        for number in (b"1", b"2"):
            transports.send(number + b"\r\n\r\n", Flow(TCP, there))
        while len(heard) < 2:
            await asyncio.sleep(0.01)
        assert heard == [b"1\r\n\r\n", b"2\r\n\r\n"]
        assert transports.connections <= 1


async def test_a_peer_that_does_not_read_is_dropped() -> None:
    async with agent_on(limits=ConnectionLimits(unsent=1000)) as (_, _, address, transports):
        line = await Line.to(address)
        line.send(line.request("OPTIONS", 1))
        await line.status(200)
        flow = Flow(TCP, line.local)
        while transports.connections:
            transports.send(b"x" * 100_000, flow)
            await asyncio.sleep(0)
        line.close()


def test_the_same_on_uvloop() -> None:
    async def story() -> None:
        async with agent_on() as (_, desk, address, _), agent_on() as (caller, _, _, _):
            for transport in ("udp", "tcp"):
                uri = Uri.parse(f"sip:a@{address};transport={transport}")
                session = await caller.invite(uri, from_=ME, body=OFFER, handler=Recorder()).wait()
                session.bye()
                await session.closed.wait()
            assert [one.transport for one in desk.invitations] == [UDP, TCP]

    uvloop.run(story())


# Foreign tools


async def run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace")


@pytest.mark.foreign
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_places_calls(transport: str, tmp_path: Any) -> None:
    sipp = installed("sipp", "sip-tester")
    async with agent_on() as (agent, desk, address, _):
        status, output = await run(
            sipp, "-sn", "uac", "-t", transport, "-m", "20", "-r", "50", "-d", "50", "-nostdin",
            "-i", "127.0.0.1", "-mp", str(free_port()), "-timeout", f"{PATIENCE:.0f}", "-timeout_error",
            "-trace_err", "-error_file", str(tmp_path / "errors"), str(address),
        )  # fmt: skip
        assert status == 0, output[-2000:]
        assert desk.recorder.events.count("hung up") == 20
        assert len(desk.invitations) == 20
        assert agent.dialogs == 0


@pytest.mark.foreign
async def test_sipp_takes_our_calls(tmp_path: Any) -> None:
    sipp = installed("sipp", "sip-tester")
    port = free_port()
    calls = asyncio.create_task(
        run(
            sipp, "-sn", "uas", "-m", "10", "-nostdin", "-i", "127.0.0.1", "-p", str(port),
            "-mp", str(free_port()), "-timeout", f"{PATIENCE:.0f}", "-trace_err",
            "-error_file", str(tmp_path / "errors"),
        )
    )  # fmt: skip
    async with agent_on() as (caller, _, _, _):
        for _ in range(10):
            uri = Uri.parse(f"sip:a@127.0.0.1:{port}")
            session = await caller.invite(uri, from_=ME, body=OFFER, handler=Recorder()).wait()
            session.bye()
            await session.closed.wait()
    status, output = await calls
    assert status == 0, output[-2000:]


@pytest.mark.foreign
async def test_sipsak_asks_for_options() -> None:
    async with agent_on() as (_, _, address, _):
        status, output = await run(installed("sipsak", "sipsak"), "-v", "-s", f"sip:a@{address}")
        assert status == 0, output
        assert "200 OK" in output


def test_our_address_is_asked_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine gets its network late, or another one: what was once told is not told for ever."""
    addresses: list[str | None] = [None, "192.168.1.5", "10.9.9.9"]

    class Probe(socket.socket):
        def connect(self, address: Any) -> None:
            if addresses[0] is None:
                addresses.pop(0)
                raise OSError(101, "Network is unreachable")

        def getsockname(self) -> Any:
            return addresses.pop(0), 4711

    monkeypatch.setattr(socket, "socket", Probe)

    with pytest.raises(OSError, match="unreachable"):
        source_towards("203.0.113.1")
    assert source_towards("203.0.113.1") == "192.168.1.5"
    assert source_towards("203.0.113.1") == "10.9.9.9"


async def test_a_way_that_is_gone_ends_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(host: str) -> str:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(transports_module, "source_towards", no_route)
    async with agent_on("0.0.0.0") as (_, _, address, transports):
        assert transports.local_for(Flow(UDP, Address("203.0.113.1", 5060))) == address
