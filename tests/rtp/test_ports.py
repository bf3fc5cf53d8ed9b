"""Media ports: pairs, unpredictable, given back and rested, and an exhausted pool that says so."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from offhook.network import Address, Datagrams, Receive, open_datagrams
from offhook.rtp.ports import PortPool, PortsExhausted
from tests.rtp.wire import Wire
from tests.virtual import run_virtual

HOST = "192.0.2.1"


def pool_on(wire: Wire, low: int = 40000, high: int = 40009, seed: int = 1, rest: float = 3.0) -> PortPool:
    return PortPool(HOST, low, high, wire.open, random.Random(seed), rest=rest)


def test_a_port_is_even_with_its_odd_one_above() -> None:
    async def story() -> None:
        pool = pool_on(Wire(), low=40001, high=40006)

        ports = [await pool.open() for _ in range(2)]

        assert sorted(port.local.port for port in ports) == [40002, 40004]
        assert all(port.rtcp.local == Address(HOST, port.local.port + 1) for port in ports)
        assert (pool.in_use, pool.size) == (2, 2)

    run_virtual(story())


def test_an_exhausted_pool_says_so_and_recovers_after_the_rest() -> None:
    async def story() -> None:
        pool = pool_on(Wire())
        ports = [await pool.open() for _ in range(5)]
        with pytest.raises(PortsExhausted, match="all 5 pairs"):
            await pool.open()

        ports[2].close()
        ports[2].close()
        assert pool.in_use == 4
        with pytest.raises(PortsExhausted):
            await pool.open()
        await asyncio.sleep(3.1)

        assert (await pool.open()).local == ports[2].local
        assert pool.in_use == 5

    run_virtual(story())


def test_the_order_cannot_be_foreseen() -> None:
    async def story() -> None:
        orders = set()
        for seed in range(10):
            pool = pool_on(Wire(), seed=seed)
            orders.add(tuple([(await pool.open()).local.port for _ in range(5)]))
        assert len(orders) >= 8

    run_virtual(story())


def test_pools_with_one_range_begin_with_pairs_of_their_own() -> None:
    """And lend each other what is left, so that none runs short before all do."""

    async def story() -> None:
        wire = Wire()
        pools = [PortPool(HOST, 40000, 40009, wire.open, random.Random(1), part=(one, 2)) for one in (1, 2)]
        own = [{(await pool.open()).local.port for _ in range(2)} for pool in pools]
        assert own[0] < {40000, 40004, 40008}
        assert own[1] == {40002, 40006}
        assert (await pools[1].open()).local.port in {40000, 40004, 40008} - own[0]
        assert pools[1].size == 5

    run_virtual(story())


def test_what_was_lent_goes_back_to_the_pairs_of_others() -> None:
    async def story() -> None:
        wire = Wire()
        pool = PortPool(HOST, 40000, 40005, wire.open, random.Random(1), part=(1, 3))
        own, lent = await pool.open(), await pool.open()
        assert (own.local.port, lent.local.port in {40002, 40004}) == (40000, True)
        lent.close()
        own.close()
        await asyncio.sleep(3.1)
        assert (await pool.open()).local.port == 40000

    run_virtual(story())


@pytest.mark.parametrize("taken", [{40000, 40002, 40006}, {40001, 40003, 40007}])
def test_ports_of_others_are_skipped(taken: set[int]) -> None:
    async def story() -> None:
        wire = Wire()
        wire.taken = taken
        pool = pool_on(wire)

        ports = [await pool.open() for _ in range(2)]

        assert sorted(port.local.port for port in ports) == [40004, 40008]
        assert len(wire.sockets) == 4
        with pytest.raises(PortsExhausted):
            await pool.open()
        assert pool.in_use == 2

    run_virtual(story())


def test_the_reason_is_told_when_nothing_can_be_bound() -> None:
    async def story() -> None:
        wire = Wire()
        wire.taken = set(range(40000, 40010))
        with pytest.raises(PortsExhausted, match=r"192\.0\.2\.1.*in use"):
            await pool_on(wire).open()

    run_virtual(story())


def test_an_opening_that_is_cancelled_leaks_nothing() -> None:
    async def story() -> None:
        wire = Wire()

        async def slow(host: str, port: int, receive: Receive) -> Datagrams:
            if port % 2:
                await asyncio.sleep(10)
            return await wire.open(host, port, receive)

        pool = PortPool(HOST, 40000, 40001, slow, random.Random(1))
        opening = asyncio.create_task(pool.open())
        await asyncio.sleep(1)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)

        assert pool.in_use == 0
        assert wire.sockets == {}

    run_virtual(story())


def test_after_closing_nothing_is_received() -> None:
    async def story() -> None:
        wire = Wire()
        port = await pool_on(wire).open()
        heard: list[bytes] = []
        peer = Address("192.0.2.2", 9)
        wire.carry(b"early", peer, port.local)
        port.listen(lambda data, _: heard.append(data), lambda data, _: heard.append(data))
        wire.carry(b"rtp", peer, port.local)
        wire.carry(b"rtcp", peer, port.rtcp.local)

        port.close()
        port.rtp_received(b"late", peer)

        assert heard == [b"rtp", b"rtcp"]

    run_virtual(story())


@pytest.mark.parametrize(("low", "high"), [(0, 10), (40001, 40002), (50000, 40000), (65535, 65536)])
def test_a_range_without_a_pair_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="no pair"):
        pool_on(Wire(), low, high)


async def test_real_sockets_a_taken_port_is_skipped_and_a_closed_one_is_free_again() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.9", 0))
        base = probe.getsockname()[1] // 2 * 2
        pool = PortPool("127.0.0.9", base, min(base + 3, 65535), open_datagrams, random.Random(3), rest=0.0)

        port = await pool.open()
        assert port.local == Address("127.0.0.9", base + 2)
        port.close()
        await asyncio.sleep(0)

    again = PortPool("127.0.0.9", base + 2, base + 3, open_datagrams, random.Random(3))
    second = await again.open()
    assert second.local.port == base + 2
    second.close()


def test_a_pool_on_every_address_gives_each_peer_sockets_of_its_own_family() -> None:
    async def story() -> None:
        pool = PortPool("::", 40000, 40009, Wire().open, random.Random(1))

        hosts = [(await pool.open(peer)).local.host for peer in ("192.0.2.7", "2001:db8::7", None)]

        assert hosts == ["0.0.0.0", "::", "::"]

    run_virtual(story())
