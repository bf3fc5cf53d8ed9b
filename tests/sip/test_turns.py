"""Messages that come all at once, over UDP and over TCP: a round of the loop reads a few of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from offhook.network import Address
from offhook.network.turns import ROUND
from offhook.sip import Transports
from offhook.sip.limits import WAITING, WAITING_LARGE, cost
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.transport import Flow
from offhook.sip.transports.udp import UDP
from tests.machine import PATIENCE
from tests.network.test_turns import Rounds

Run = Callable[[Coroutine[Any, Any, None]], None]
USUAL = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\nX: " + b"x" * 400 + b"\r\n\r\n"
LARGE = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"
BYE = USUAL.replace(b"OPTIONS", b"BYE")


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


async def listening(received: Callable[[bytes, Flow], None]) -> tuple[Transports, Address]:
    transports = Transports()
    transports.attach(received, lambda _: None, lambda *_: None)
    return transports, await transports.listen("127.0.0.1", 0)


def most_in_a_round(message: bytes) -> int:
    """What came at once and what waited may fall between two looks."""
    return 2 * (ROUND // cost(message) + 1)


@pytest.mark.parametrize("message", [USUAL, LARGE])
def test_datagrams_that_wait_are_read_a_few_at_a_time(run: Run, message: bytes) -> None:
    async def story() -> None:
        rounds = Rounds()
        transports, _ = await listening(lambda data, flow: rounds.note(data))
        receive = next(iter(transports.endpoints[UDP]._sockets.values()))._receive  # type: ignore[attr-defined]
        for _ in range(60):  # as many as a loop gives at once, and more
            receive(message, Address("10.0.0.9", 5060))
        await asyncio.wait_for(rounds.wait(60), PATIENCE)
        assert max(map(len, rounds.done)) <= most_in_a_round(message)
        await transports.close()

    run(story())


def test_what_belongs_to_calls_does_not_wait_for_a_flood(run: Run) -> None:
    async def story() -> None:
        seen: list[bytes] = []
        transports, _ = await listening(lambda data, flow: seen.append(data[:3]))
        receive = next(iter(transports.endpoints[UDP]._sockets.values()))._receive  # type: ignore[attr-defined]
        for _ in range(60):
            receive(LARGE, Address("10.0.0.9", 5060))
        receive(BYE, Address("10.0.0.1", 5060))
        while b"BYE" not in seen:
            await asyncio.sleep(0)
        assert len(seen) <= 2 * (ROUND // cost(LARGE)) + 6
        await transports.close()

    run(story())


def test_no_more_wait_than_there_is_reason_for(run: Run) -> None:
    async def story() -> None:
        seen: list[bytes] = []
        transports, _ = await listening(lambda data, flow: seen.append(data))
        receive = next(iter(transports.endpoints[UDP]._sockets.values()))._receive  # type: ignore[attr-defined]
        peers = [Address(f"10.0.{n // 200}.{n % 200}", 5060) for n in range(4000)]
        for peer in peers:
            receive(LARGE, peer)
        for peer in peers:
            receive(USUAL, peer)
        while len(seen) < WAITING_LARGE:
            await asyncio.sleep(0)
        for _ in range(3 * WAITING):
            await asyncio.sleep(0)
        at_once = ROUND // cost(USUAL) + 2
        assert seen.count(LARGE) <= WAITING_LARGE + at_once
        assert WAITING - WAITING_LARGE <= seen.count(USUAL) <= WAITING + at_once
        await transports.close()

    run(story())


@pytest.mark.parametrize("message", [USUAL, LARGE])
def test_messages_of_many_connections_are_read_a_few_at_a_time(run: Run, message: bytes) -> None:
    async def story() -> None:
        rounds = Rounds()
        transports, address = await listening(lambda data, flow: rounds.note(data))
        lines = [await asyncio.open_connection(*address) for _ in range(20)]
        for _, writer in lines:
            writer.write(message * 10)
        await asyncio.wait_for(rounds.wait(200), PATIENCE)
        assert max(map(len, rounds.done)) <= most_in_a_round(message)
        for _, writer in lines:
            writer.close()
        await transports.close()

    run(story())


def test_line_ends_without_an_end_are_taken_a_little_at_a_time(run: Run) -> None:
    async def story() -> None:
        transports, address = await listening(lambda data, flow: None)
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"\r\n" * 2)
        await reader.readexactly(2)
        pool: Any = transports.endpoints[TCP]
        (connection,) = pool._connections.values()
        fed: list[int] = []
        feed = connection._framer.feed

        class Framer:
            def __getattr__(self, name: str) -> object:
                return getattr(feed.__self__, name)

            def feed(self, data: bytes) -> list[bytes]:
                fed.append(len(data))
                return list(feed(data))

        connection._framer = Framer()
        writer.write(b"\r\n\r\n" * 500_000)
        pongs = b""
        while len(pongs) < 1_000_000:
            pongs += await reader.read(65_536)
        assert pongs == b"\r\n" * 500_000
        assert max(fed) <= 131_072
        writer.close()
        await transports.close()

    run(story())
