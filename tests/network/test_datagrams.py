from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from offhook.network import Address, Datagrams, open_datagrams
from offhook.network.datagrams import UdpDatagrams
from tests.machine import PATIENCE, needs_ipv6

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


def on(loop_factory: Callable[[], asyncio.AbstractEventLoop], story: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(asyncio.wait_for(story(), PATIENCE))


class Inbox:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()

    def __call__(self, data: bytes, source: Address) -> None:
        self.queue.put_nowait((data, source))


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_datagram_arrives_with_its_sender(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], host: str
) -> None:
    async def story() -> None:
        alice, bob = Inbox(), Inbox()
        a: Datagrams = await open_datagrams(host, 0, alice)
        b: Datagrams = await open_datagrams(host, 0, bob)
        a.send(b"hello", b.local)
        assert await bob.queue.get() == (b"hello", a.local)
        b.send(b"x" * 1472, a.local)
        assert await alice.queue.get() == (b"x" * 1472, b.local)
        a.close()
        b.close()

    on(loop_factory, story)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_senders_in_turn_are_told_apart(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        inbox = Inbox()
        here = await open_datagrams("127.0.0.1", 0, inbox)
        alice = await open_datagrams("127.0.0.1", 0, Inbox())
        bob = await open_datagrams("127.0.0.1", 0, Inbox())
        for sender in (alice, alice, bob, alice, bob, bob):
            sender.send(b"x", here.local)
            assert await inbox.queue.get() == (b"x", sender.local)
        for one in (here, alice, bob):
            one.close()

    on(loop_factory, story)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_sending_never_raises(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        inbox = Inbox()
        a = await open_datagrams("127.0.0.1", 0, inbox)
        for to in [
            Address("example.com", 5060),  # a name: would have to be looked up
            Address("127.0.0.1", 70000),
            Address("127.0.0.1", -1),
            Address("::1", 5060),  # the other family
            Address("", 5060),
        ]:
            a.send(b"x", to)
        a.send(b"x" * 70000, a.local)  # larger than any datagram
        a.send(b"still alive", a.local)
        assert (await inbox.queue.get())[0] == b"still alive"
        assert a.unsent + a.errors == 6
        a.close()
        a.send(b"x", a.local)
        a.close()

    on(loop_factory, story)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_receiver_that_raises_does_not_lose_the_socket(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        done = asyncio.Event()

        def receive(data: bytes, source: Address) -> None:
            if data == b"end":
                done.set()
            else:
                raise ValueError("hostile")

        a = await open_datagrams("127.0.0.1", 0, receive)
        for _ in range(9):
            a.send(b"bad", a.local)
        a.send(b"end", a.local)
        await done.wait()
        assert isinstance(a, UdpDatagrams)
        assert a.errors == 9
        a.close()

    on(loop_factory, story)
    assert len(caplog.records) == 4  # the 1st, 2nd, 4th and 8th


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_taken_port_is_an_oserror(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        a = await open_datagrams("127.0.0.1", 0, Inbox())
        with pytest.raises(OSError, match="in use"):
            await open_datagrams("127.0.0.1", a.local.port, Inbox())
        a.close()

    on(loop_factory, story)


def test_an_address_is_written_with_brackets_for_ipv6() -> None:
    assert str(Address("127.0.0.1", 5060)) == "127.0.0.1:5060"
    assert str(Address("2001:db8::1", 5060)) == "[2001:db8::1]:5060"
