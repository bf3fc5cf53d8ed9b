"""A connection of one process that goes for a newer one of another."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from offhook.planes import room
from offhook.planes.handing import HandedKind
from offhook.planes.room import Room
from offhook.planes.siblings import Siblings
from offhook.sip.transports.places import ConnectionLimits, Places
from offhook.sip.transports.tcp import TCP
from tests.planes.pair import KEY, far_end, node, until
from tests.sip.test_transport import Line
from tests.wire import OFFER

FULL = pytest.mark.parametrize(
    "limits",
    [ConnectionLimits(connections=8, per_source=1), ConnectionLimits(connections=1, per_source=8)],
    ids=["of a source", "in all"],
)


@FULL
async def test_connections_are_counted_over_both(limits: ConnectionLimits) -> None:
    """Where a call needs the one there is, a newer one has to go."""
    async with node(limits=limits) as on, far_end() as address:
        first, second = on
        needed = await Line.to(on.address)
        needed.send(needed.request("INVITE", 1, OFFER, call=on.call_id(1)))
        needed.send(needed.request("ACK", 1, to=str((await needed.status(200)).to), call=on.call_id(1)))
        with contextlib.suppress(OSError):
            await second.dispatch.connect(TCP, address)
        await until(lambda: not second.transports.connections)
        assert first.transports.connections == 1
        needed.close()


@FULL
async def test_an_idle_connection_goes_for_one_of_the_other_process(limits: ConnectionLimits) -> None:
    async with node(limits=limits) as on, far_end() as address:
        first, second = on
        idle = await Line.to(on.address)
        await until(lambda: first.transports.connections == 1)
        flow = await second.dispatch.connect(TCP, address)
        assert await idle.ended()
        await until(lambda: not first.transports.connections)
        assert second.dispatch.is_open(flow)
        idle.close()


async def test_a_connection_goes_if_nobody_says_that_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ANSWER_SECONDS", 0.01)
    async with node(limits=ConnectionLimits(connections=1)) as on, far_end() as address:
        first, second = on
        line = await Line.to(on.address)
        await until(lambda: first.transports.connections == 1)
        assert first.siblings.inbox is not None
        asyncio.get_running_loop().remove_reader(first.siblings.inbox.fileno())
        with contextlib.suppress(OSError):
            await second.dispatch.connect(TCP, address)
        await until(lambda: not second.transports.connections)
        line.close()


def test_several_are_asked_one_after_the_other_until_one_has_room() -> None:
    """And who asks is told, whoever that is."""
    rooms: dict[int, Room] = {}
    told: list[tuple[int, int, HandedKind]] = []
    closed: list[tuple[int, str]] = []

    def of_process(number: int, idle: bool) -> Places:
        def hand(to: int, kind: HandedKind, data: bytes) -> None:
            told.append((number, to, kind))
            (rooms[to].asked if kind is HandedKind.MAKE_ROOM else rooms[to].answered)(data)

        def close_idle(whose: str) -> bool:
            closed.append((number, whose))
            return idle

        places = Places(ConnectionLimits())
        places.close_idle = close_idle  # type: ignore[method-assign]
        rooms[number] = Room(places, Siblings(number, 4, KEY), hand)
        return places

    async def ask(places: Places) -> list[str]:
        gone: list[str] = []
        newcomer = type("Newcomer", (), {"give_way": lambda self: gone.append("gone")})()
        assert places.ask_others("192.0.2.1", newcomer)
        return gone

    for number in (1, 2, 3):
        of_process(number, idle=number == 2)
    asking = of_process(4, idle=False)
    assert asyncio.run(ask(asking)) == []
    assert closed == [(1, "192.0.2.1"), (2, "192.0.2.1")]
    assert told[-1] == (2, 4, HandedKind.MADE_ROOM)
    asking = of_process(3, idle=False)
    of_process(2, idle=False)
    assert asyncio.run(ask(asking)) == ["gone"]
    assert closed[2:] == [(4, "192.0.2.1"), (1, "192.0.2.1"), (2, "192.0.2.1")]
