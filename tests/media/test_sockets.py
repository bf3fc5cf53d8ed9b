"""Audio sockets that are read at each tick, on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from offhook.log_context import CALL, working_for
from offhook.media import sockets as module
from offhook.media.sockets import LONGEST, ROUNDS, PolledDatagrams, Sockets
from offhook.network import Address

HOST = "127.0.0.1"


class Inbox:
    def __init__(self) -> None:
        self.got: list[tuple[bytes, Address, float]] = []
        self.sockets: Sockets
        self.breaks = False

    def __call__(self, data: bytes, source: Address) -> None:
        self.got.append((data, source, self.sockets.time()))
        if self.breaks:
            raise RuntimeError("a listener that fails")

    @property
    def data(self) -> list[bytes]:
        return [data for data, _, _ in self.got]


class Room:
    """Sockets with a clock that only notes who is on it."""

    def __init__(self) -> None:
        self.on: list[Sockets] = []
        self.sockets = Sockets(self.on.append, self.on.remove, asyncio.get_running_loop().time)
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((HOST, 0))

    async def open(self, host: str = HOST, port: int = 0) -> tuple[PolledDatagrams, Inbox]:
        inbox = Inbox()
        inbox.sockets = self.sockets
        return await self.sockets.open(host, port, inbox), inbox


@pytest.fixture
async def room(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(module, "READ_SECONDS", 60.0)  # a busy machine is no flood
    made = Room()
    yield made
    made.sockets.close()
    made.peer.close()


async def test_nothing_is_handed_on_before_the_tick_and_then_everything_in_order(room: Room) -> None:
    datagrams, inbox = await room.open()
    sent = [bytes((number,)) for number in range(5)]
    for data in sent:
        room.peer.sendto(data, datagrams.local)
    await asyncio.sleep(0.01)
    assert inbox.got == []
    room.sockets.tick()
    assert inbox.data == sent
    assert {source for _, source, _ in inbox.got} == {Address(*room.peer.getsockname())}


async def test_what_is_longer_than_any_packet_is_dropped_and_not_cut(room: Room) -> None:
    datagrams, inbox = await room.open()
    for size in (LONGEST + 1, LONGEST, 65_000, 172):
        room.peer.sendto(bytes(size), datagrams.local)
    room.sockets.tick()
    assert [len(data) for data in inbox.data] == [LONGEST, 172]
    assert datagrams.errors == 2


async def test_each_datagram_has_the_time_at_which_it_came(room: Room) -> None:
    """And not that of the tick."""
    datagrams, inbox = await room.open()
    loop = asyncio.get_running_loop()
    moments = [loop.time()]
    for _ in range(3):
        room.peer.sendto(b"x", datagrams.local)
        moments.append(loop.time())
    await asyncio.sleep(0.05)
    before_the_tick = loop.time()
    room.sockets.tick()
    for (_, _, came), begin, end in zip(inbox.got, moments, moments[1:], strict=False):
        assert begin - 0.001 <= came <= end + 0.001
    assert room.sockets.time() >= before_the_tick


async def test_who_is_flooded_waits_and_nobody_else(room: Room) -> None:
    flooded, much = await room.open()
    quiet, little = await room.open()
    for number in range(ROUNDS + 10):
        room.peer.sendto(bytes((number,)), flooded.local)
    room.peer.sendto(b"first", quiet.local)
    room.peer.sendto(b"second", quiet.local)
    room.sockets.tick()
    assert little.data == [b"first", b"second"]
    assert len(much.got) == ROUNDS
    room.sockets.tick()
    assert much.data == [bytes((number,)) for number in range(ROUNDS + 10)]


async def test_a_tick_reads_no_longer_than_it_may(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", -1.0)
    datagrams, inbox = await room.open()
    for data in (b"1", b"2"):
        room.peer.sendto(data, datagrams.local)
    room.sockets.tick()
    assert inbox.data == [b"1"]


async def test_a_listener_that_fails_loses_its_own_datagram_alone(room: Room) -> None:
    failing, broken = await room.open()
    other, inbox = await room.open()
    broken.breaks = True
    for to in (failing, failing, other):
        room.peer.sendto(b"x", to.local)
    room.sockets.tick()
    assert len(broken.got) == failing.errors == 2
    assert inbox.data == [b"x"]


async def test_what_is_logged_of_a_datagram_names_the_call_of_its_socket(room: Room) -> None:
    named: list[str | None] = []
    with working_for("call-1"):
        one, _ = await room.open()
    other, _ = await room.open()
    one.receive = other.receive = lambda data, source: named.append(CALL.get())
    for to in (one, other):
        room.peer.sendto(b"x", to.local)
    room.sockets.tick()
    assert sorted(named, key=str) == [None, "call-1"]
    assert CALL.get() is None


async def test_what_the_kernel_reports_of_a_peer_that_is_gone_harms_nothing(room: Room) -> None:
    datagrams, inbox = await room.open()
    assert datagrams.socket is not None
    gone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    gone.bind((HOST, 0))
    nowhere = Address(*gone.getsockname())
    gone.close()
    datagrams.send(b"x", nowhere)
    room.peer.sendto(b"here", datagrams.local)
    room.sockets.tick()
    assert inbox.data == [b"here"]


@pytest.mark.parametrize(
    ("data", "to"),
    [
        (b"x", Address(HOST, 0)),
        (b"x", Address(HOST, 65536)),
        (b"x", Address("::1", 4000)),
        (b"x", Address("a name", 4000)),
        (bytes(65508), Address(HOST, 4000)),
    ],
)
async def test_what_cannot_be_sent_is_counted(room: Room, data: bytes, to: Address) -> None:
    datagrams, _ = await room.open()
    datagrams.send(data, to)
    assert datagrams.unsent == 1


async def test_what_is_sent_arrives_and_after_the_end_nothing_is(room: Room) -> None:
    datagrams, _ = await room.open()
    datagrams.send(b"x", Address(*room.peer.getsockname()))
    assert room.peer.recvfrom(100) == (b"x", datagrams.local)
    datagrams.close()
    datagrams.close()
    datagrams.send(b"x", Address(*room.peer.getsockname()))
    assert datagrams.unsent == 1


async def test_a_socket_that_is_closed_by_what_another_hears_is_read_no_more(room: Room) -> None:
    one, other = await room.open(), await room.open()
    heard: list[bytes] = []

    def close_both(data: bytes, source: Address) -> None:
        heard.append(data)
        one[0].close()
        other[0].close()

    one[0].receive = other[0].receive = close_both
    for to in (one[0], other[0]):
        room.peer.sendto(b"x", to.local)
    room.sockets.tick()
    assert heard == [b"x"]


async def test_it_is_ticked_as_long_as_there_is_a_socket(room: Room) -> None:
    first, _ = await room.open()
    second, _ = await room.open()
    assert room.on == [room.sockets]
    first.close()
    assert room.on == [room.sockets]
    second.close()
    assert room.on == []
    await room.open()
    assert room.on == [room.sockets]


async def test_a_port_that_is_taken_and_an_address_that_is_not_ours_are_refused(room: Room) -> None:
    datagrams, _ = await room.open()
    with pytest.raises(OSError, match="in use"):
        await room.open(port=datagrams.local.port)
    with pytest.raises(OSError, match="assign"):
        await room.open("192.0.2.1")
    assert room.on == [room.sockets]
