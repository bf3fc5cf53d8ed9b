"""Who fills all TCP connections keeps nobody out: real sockets, and several hosts of loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from offhook.network import Address
from offhook.network.sources import Sources
from offhook.sip import ConnectionLimits, NameAddr, Transports, Uri
from offhook.sip.limits import ARRIVALS
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.transport import Flow
from tests.sip.test_transport import Line, agent_on
from tests.wire import OFFER


async def line_from(host: str, address: Address) -> Line:
    return Line(*await asyncio.open_connection(*address, local_addr=(host, 0)))


async def asks(line: Line, cseq: int = 1) -> None:
    """An OPTIONS and its answer."""
    line.send(line.request("OPTIONS", cseq, call=f"o{line.local.port}"))
    await line.status(200)


async def calls(line: Line) -> None:
    """A call that is answered and acknowledged."""
    line.send(line.request("INVITE", 1, OFFER, call=f"i{line.local.port}"))
    answered = await line.status(200)
    line.send(line.request("ACK", 1, to=str(answered.to), call=f"i{line.local.port}"))


@asynccontextmanager
async def crowd(address: Address, hosts: int, each: int) -> AsyncIterator[list[Line]]:
    """Connections that have said one OPTIONS each, and say no more."""
    lines = []
    try:
        for number in range(hosts * each):
            line = await line_from(f"127.0.9.{1 + number % hosts}", address)
            lines.append(line)
            await asks(line)
        yield lines
    finally:
        for line in lines:
            line.close()


async def open_ones(transports: Transports, lines: list[Line]) -> list[Line]:
    await asyncio.sleep(0.05)
    pool: Any = transports.endpoints[TCP]
    return [line for line in lines if line.local in pool._connections]


async def test_who_filled_every_place_makes_room_for_a_caller() -> None:
    limits = ConnectionLimits(connections=64, per_source=16)
    async with agent_on(limits=limits) as (_, _, address, transports), crowd(address, 8, 10) as lines:
        assert transports.connections <= 64
        callers = [await line_from(f"127.0.8.{number}", address) for number in range(1, 6)]
        for caller in callers:
            await calls(caller)
        assert len(await open_ones(transports, callers)) == 5
        assert transports.connections <= 64
        # Those that were idle for longest have gone.
        assert lines[0] not in await open_ones(transports, lines)
        assert lines[-1] in await open_ones(transports, lines)
        for caller in callers:
            caller.close()


async def test_one_source_may_go_on_with_new_connections_instead_of_its_oldest() -> None:
    limits = ConnectionLimits(connections=64, per_source=8)
    async with agent_on(limits=limits) as (_, _, address, transports), crowd(address, 1, 8) as lines:
        await asks(lines[0], 2)
        newest = await line_from("127.0.9.1", address)
        await asks(newest)
        kept = await open_ones(transports, lines)
        assert lines[0] in kept  # it has just been used
        assert lines[1] not in kept
        assert len(kept) == 7
        newest.close()


async def test_connections_of_calls_stay() -> None:
    async with agent_on(limits=ConnectionLimits(connections=64, per_source=4)) as (
        _,
        desk,
        address,
        transports,
    ):
        lines = [await line_from("127.0.9.1", address) for _ in range(4)]
        for line in lines:
            await calls(line)
        while len(desk.recorder.events) < 4:
            await asyncio.sleep(0.01)
        # All four are needed, so that a fifth has to wait elsewhere.
        fifth = await line_from("127.0.9.1", address)
        assert await fifth.ended()
        assert len(await open_ones(transports, lines)) == 4
        for session in desk.sessions:
            session.bye()
        for line in lines:
            assert (await line.message()).method == "BYE"
            line.close()
        fifth.close()


async def test_a_trusted_source_may_have_all_connections() -> None:
    trusted = Sources([ipaddress.ip_network("127.0.9.0/24")])
    async with (
        agent_on(limits=ConnectionLimits(connections=32, per_source=4), sources=trusted) as (
            _,
            _,
            address,
            transports,
        ),
        crowd(address, 1, 32),
    ):
        assert transports.connections == 32
        caller = await line_from("127.0.8.1", address)
        await calls(caller)
        caller.close()


async def test_a_heap_of_messages_is_handled_a_few_at_a_time() -> None:
    async with agent_on() as (_, _, address, transports):
        pool: Any = transports.endpoints[TCP]
        turns: list[int] = []
        whole, count = pool.context.received, [0]

        def received(data: bytes, flow: object) -> None:
            count[0] += 1
            whole(data, flow)

        pool.context.received = received
        line = await Line.to(address)
        line.send(b"".join(line.request("OPTIONS", number, call="many") for number in range(200)))

        async def watch() -> None:
            while count[0] < 200:
                turns.append(count[0])
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        assert [(await line.status(200)).cseq.number for _ in range(200)] == list(range(200))
        await watching
        assert max(after - before for before, after in itertools.pairwise(turns)) <= 16
        line.close()


async def test_a_flood_on_a_connection_is_read_no_faster_than_a_source_may_send() -> None:
    async with agent_on() as (_, _, address, transports):
        line = await Line.to(address)
        many = range(3 * ARRIVALS[1])
        line.send(b"".join(line.request("NONSENSE", number, call="many") for number in many))
        pool: Any = transports.endpoints[TCP]
        while not any(one._handling and len(one._arrived) > 16 for one in pool._connections.values()):
            await asyncio.sleep(0.001)
        # Another host is served meanwhile.
        other = await line_from("127.0.8.1", address)
        await asks(other)
        line.close()
        other.close()


async def test_no_more_than_so_many_connections_are_made_at_once() -> None:
    async with agent_on(limits=ConnectionLimits(connecting=2)) as (_, _, _, transports):
        asked = [transports.connect(TCP, Address("127.0.0.1", port)) for port in (1, 2, 3, 4)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert sum("being made" in str(one) for one in results) == 2


async def test_a_connection_is_kept_until_nobody_wants_it_any_more() -> None:
    async with agent_on() as (_, _, there, _), agent_on() as (agent, _, _, transports):
        flow = Flow(TCP, there)
        ours, to = NameAddr.parse("<sip:us@127.0.0.1>"), Uri.parse("sip:127.0.0.1")
        first, second = (agent.outside("OPTIONS", to, from_=ours, flow=flow) for _ in range(2))
        for one in (first, second, first):
            assert (await one.send()).status == 200
        while agent.transactions:
            await asyncio.sleep(0)
        first.release()
        first.release()
        assert flow.far_end in transports.places.in_use()
        second.release()
        assert flow.far_end not in transports.places.in_use()
