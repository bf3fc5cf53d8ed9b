"""Floods: what they cost, and that ordinary callers do not notice them."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from offhook.network import Address
from offhook.sip import Invitation, Request, Response
from offhook.sip import limits as sip_limits
from offhook.sip.messages.message import Message
from offhook.sip.messages.parser import parse_message
from tests.sip.agents import Desk, House, house, silent, talking
from tests.virtual import run_virtual, story
from tests.wire import ScriptedCall, ScriptedPhone

pytestmark = pytest.mark.slow

_hosts = itertools.count(1)


def refusing(desk: Desk) -> Callable[[Invitation], None]:
    return lambda invitation: invitation.reject(486)


@contextmanager
def reading() -> Iterator[list[bytes]]:
    """The messages that the user agent parses."""
    read: list[bytes] = []

    def parse(data: bytes) -> Request | Response:
        read.append(data)
        return parse_message(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("offhook.sip.user_agent.parse_message", parse)
        yield read


async def another(h: House, host: str) -> ScriptedPhone:
    return await ScriptedPhone.open(h.wire.open, host, h.agent._transports.addresses[0], 5060)


async def gets_through(h: House) -> None:
    """Somebody new calls, is answered and hangs up."""
    phone = await another(h, f"10.1.0.{next(_hosts)}")
    call = phone.call()
    await call.connected()
    call.bye()
    await phone.response(200)
    phone.close()


async def infos(call: ScriptedCall, seconds: int, per_second: int = 3000) -> None:
    for _ in range(seconds * 100):
        for _ in range(per_second // 100):
            call.request("INFO", b"Signal=1\r\n", [("Content-Type", "application/dtmf-relay")])
        await asyncio.sleep(0.01)


@story
async def test_three_thousand_infos_a_second_cost_little_and_keep_nobody_out() -> None:
    async with talking() as (h, call):
        flooding = asyncio.create_task(infos(call, 3))
        for _ in range(3):
            await asyncio.sleep(0.9)
            assert h.agent.transactions <= 150
            await gets_through(h)
        neighbour = await ScriptedPhone.open(h.wire.open, "10.0.0.1", h.phone.server, 5070)
        again = neighbour.call()
        await again.connected()
        again.bye()
        await neighbour.response(200, within=1)
        neighbour.close()
        await flooding
        heard = sum(isinstance(one, tuple) and one[0] == "INFO" for one in h.events)
        assert 20 <= heard <= 60 + 4 * 20
        await asyncio.sleep(4)
        await gets_through(h)
        call.bye()
        await h.phone.response(200)
        await h.settle()


@story
async def test_a_flood_in_one_dialog_does_not_keep_another_call_of_its_source_from_ending() -> None:
    async with talking() as (h, call):
        other = h.phone.call()
        await other.connected()
        flooding = asyncio.create_task(infos(call, 2))
        await asyncio.sleep(1)
        h.phone.heard.clear()
        other.bye()
        await asyncio.sleep(0.1)
        assert h.phone.count(200, "BYE") == 1
        call.cseq += 100_000  # the flood's own call, too
        call.bye()
        await asyncio.sleep(0.1)
        assert h.phone.count(200, "BYE") == 2
        await flooding
        await h.settle()


@story
async def test_keys_as_fast_as_a_phone_sends_them_are_all_heard() -> None:
    async with talking() as (h, call):
        for _ in range(300):
            call.request("INFO", b"Signal=1\r\n", [("Content-Type", "application/dtmf-relay")])
            await asyncio.sleep(0.06)
        assert sum(one[0] == "INFO" for one in h.events) == 300
        assert h.phone.count(200, "INFO") == 300


def noting(read: list[bytes]) -> Callable[[bytes], Message]:
    """`parse_message`, with what it was given noted in `read`."""

    def parsed(data: bytes) -> Message:
        read.append(data)
        return parse_message(data)

    return parsed


@story
async def test_a_request_that_is_repeated_all_the_time_is_answered_now_and_then_and_not_read() -> None:
    async with house(refusing) as h:
        again = h.phone.call().invite()
        await h.phone.response(486)
        read: list[bytes] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("offhook.sip.user_agent.parse_message", noting(read))
            for _ in range(2000):
                h.phone.send(again)
                await asyncio.sleep(0.001)
        assert read == []
        assert h.phone.count(486) <= 2000 * 0.001 / 0.02 + 20
        assert h.agent.transactions == 1
        await h.settle()


@story
async def test_the_same_octets_from_elsewhere_are_no_repetition() -> None:
    async with house(silent) as h:
        again = h.phone.call().invite()
        await h.phone.response(100)
        other = await another(h, "10.0.0.8")
        other.send(again.replace(b"branch=z9hG4bK", b"branch=z9hG4bKother"))
        await asyncio.sleep(0.1)
        assert other.count(482) == 1  # merged (RFC 3261 §8.2.2.2)
        other.close()


@story
async def test_one_source_is_answered_without_a_transaction_so_often_and_no_more() -> None:
    async with house() as h:
        call = h.phone.call()
        for _ in range(900):
            call.request("OPTIONS")
            await asyncio.sleep(1 / 300)
        assert 300 <= h.phone.count(200) <= 300 + 4 * 100
        other = await another(h, "10.0.0.8")
        other.call().request("OPTIONS")
        await other.response(200, within=1)
        other.close()
        await asyncio.sleep(5)
        h.phone.heard.clear()
        call.request("OPTIONS")
        await asyncio.sleep(0.1)
        assert h.phone.count(200) == 1


@story
async def test_what_one_source_sends_beyond_all_measure_is_not_read() -> None:
    async with house() as h:
        read: list[bytes] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("offhook.sip.user_agent.parse_message", noting(read))
            call = h.phone.call()
            for _ in range(500):
                for _ in range(20):
                    call.request("OPTIONS")
                await asyncio.sleep(0.001)
            assert 2000 <= len(read) <= 3000
            # Others are read, and so is what ends this one's calls.
            await gets_through(h)
            call.bye()
            call.ack()
            await asyncio.sleep(0.1)
            assert [data.split()[0] for data in read[-2:]] == [b"BYE", b"ACK"]


@story
async def test_one_source_may_have_so_many_invites_open_and_others_some_more() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sip_limits, "MAX_TRANSACTIONS", 80)
        patch.setattr(sip_limits, "OF_ONE_SOURCE", 50)
        async with house(refusing) as h:
            for _ in range(100):
                h.phone.call().invite()
            await asyncio.sleep(0.1)
            assert h.phone.count(486) == 50
            assert h.phone.count(503) == 50
            assert h.agent.transactions == 50
            other = await another(h, "10.0.0.8")
            other.call().invite()
            await other.response(486, within=1)
            other.close()
            await h.settle()
            h.phone.heard.clear()
            h.phone.call().invite()
            await h.phone.response(486, within=1)
            await h.settle()


@story
async def test_floods_leave_no_memory_behind() -> None:
    async with house(refusing) as h:
        for _ in range(300):
            h.phone.call().invite()
            h.phone.call().request("OPTIONS")
            h.phone.send(b"nonsense\r\n\r\n")
            await asyncio.sleep(0.005)
        for sender in range(300):
            data = h.phone.call().make("OPTIONS", 1, h.phone.branch())
            h.wire.carry(data, Address(f"10.9.{sender >> 8}.{sender & 255}", 5060), h.phone.server)
        await h.settle()
        gc.collect()
        assert h.agent._core.layer._by_mark == {}
        assert h.agent._limits._invites.held == h.agent._limits._within.held == 0
        assert not h.agent._limits._invites._of


def test_lines_about_strangers_are_few(caplog: pytest.LogCaptureFixture) -> None:
    async def strangers() -> None:
        async with house() as h:
            rng = random.Random(1)
            for number in range(2000):
                call = h.phone.call("x" * 200)
                call.call_id = f"{number}" + "y" * 200
                call.to += ";tag=unknown"
                call.request(rng.choice(("INVITE", "BYE", "SUBSCRIBE", "z" * 900, "OPTIONS")), cseq=number)
                await asyncio.sleep(0.01)

    with caplog.at_level(logging.INFO):
        run_virtual(strangers())
    assert 20 <= len(caplog.messages) <= 66
    assert sum(len(line) for line in caplog.messages) < 16 * 1024


def test_what_a_strangers_message_breaks_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def strangers() -> None:
        async with house() as h:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("offhook.sip.user_agent.screen", lambda *given, **named: 1 / 0)
                for _ in range(500):
                    h.phone.call().request("OPTIONS")
                    await asyncio.sleep(0.01)

    run_virtual(strangers())
    assert 1 <= sum("could not be handled" in line for line in caplog.messages) <= 20
    assert "ZeroDivisionError" in caplog.text
