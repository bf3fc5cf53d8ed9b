"""The user agent as a whole on the virtual clock: bad lines, many calls, its end, hostile bytes."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.network import Address
from offhook.sip import Invitation, NameAddr, OutgoingCall, Session, Transports, Uri, UserAgent
from offhook.sip.dialogs.exchange import Exchange
from offhook.sip.transactions.layer import SipTransaction
from offhook.sip.transports.udp import UDP
from tests.sip.agents import SERVER, Desk, Recorder, house, leftovers, refusal, talking
from tests.sip.torture import MESSAGES, Torture
from tests.virtual import run_virtual, story
from tests.wire import OFFER, MemoryWire

# Two of us, on a bad line


class Switchboard:
    """A caller's and a called agent on one wire; whole calls between them."""

    def __init__(self, wire: MemoryWire, seed: int) -> None:
        self.wire = wire
        self.seed = seed
        self.desk = Desk()

    async def __aenter__(self) -> Switchboard:
        self.agents = []
        for host, desk in (("10.0.0.2", self.desk), ("10.0.0.3", Desk())):
            transports = Transports(opener=self.wire.open)
            await transports.listen(host, 5060, over=(UDP,))
            self.seed += 1
            self.agents.append(UserAgent(desk, transports=transports, rng=random.Random(self.seed)))
        return self

    async def __aexit__(self, *exc: object) -> None:
        for agent in self.agents:
            await agent.close()

    async def call(self, seconds: float, *, callee_hangs_up: bool) -> list[Any]:
        """One call; what the caller's handler heard."""
        recorder = Recorder()
        call = self.agents[1].invite(
            Uri.parse("sip:a@10.0.0.2"),
            from_=NameAddr.parse("<sip:b@10.0.0.3>"),
            body=OFFER,
            handler=recorder,
        )
        session = await call.wait()
        await asyncio.sleep(seconds)
        if callee_hangs_up:
            theirs = next(one for one in self.desk.sessions if one.dialog.call_id == call.call_id)
            theirs.bye()
        else:
            session.bye()
        async with asyncio.timeout(100):
            await session.closed.wait()
        return recorder.events


@pytest.mark.parametrize("seed", range(8))
@story
async def test_calls_on_a_line_that_loses_doubles_and_reorders(seed: int) -> None:
    wire = MemoryWire(random.Random(seed), delay=0.03, jitter=0.2, loss=0.2, duplication=0.1)
    async with Switchboard(wire, seed) as board:
        calls = [board.call(5, callee_hangs_up=index % 2 == 0) for index in range(20)]
        heard = await asyncio.gather(*calls)
        assert [events for events in heard if events not in ([], ["hung up"])] == []
        await asyncio.sleep(200)
        assert [leftovers(agent) for agent in board.agents] == [(0, 0, 0), (0, 0, 0)]


def _alive() -> list[object]:
    kinds = (Session, Invitation, OutgoingCall, SipTransaction, Exchange)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


@pytest.mark.slow
def test_thousands_of_calls_leave_nothing_behind() -> None:
    """What one call leaves is found after a hundred; they are alike, and each hundred is up at once."""
    gc.collect()
    of_others = {id(one): one for one in _alive()}  # a failed test's frames are kept until the end

    # The collector would go over the state of all calls alive again and again: half of the time.
    async def run() -> None:
        wire = MemoryWire(random.Random(1), keep=0)
        async with Switchboard(wire, 1) as board:
            for number in range(20):
                if number % 5 == 0:
                    gc.collect()
                await asyncio.gather(*[board.call(1, callee_hangs_up=index % 2 == 0) for index in range(100)])
                board.desk.sessions.clear()
                board.desk.invitations.clear()
                board.desk.recorder.events.clear()
            await asyncio.sleep(70)
            assert [leftovers(agent) for agent in board.agents] == [(0, 0, 0), (0, 0, 0)]
            gc.collect()
            loop: Any = asyncio.get_running_loop()
            assert [handle for handle in loop._scheduled if not handle.cancelled()] == []
            assert [one for one in _alive() if id(one) not in of_others] == []

    gc.disable()
    try:
        run_virtual(run())
    finally:
        gc.enable()


@story
async def test_closing_hangs_up_and_leaves_no_timer() -> None:
    async with house() as h:
        first, second = h.phone.call(), h.phone.call()
        await first.connected()
        second.invite()  # never acknowledged
        await asyncio.sleep(1)
        outgoing, _ = h.dial()
        await h.phone.request("INVITE")
        closing = asyncio.create_task(h.agent.close(2.0))
        h.phone.reply(await h.phone.request("BYE"), 200)
        await closing
        assert await refusal(outgoing.wait()) == 487
        await asyncio.sleep(0.1)
        loop: Any = asyncio.get_running_loop()
        assert [handle for handle in loop._scheduled if not handle.cancelled()] == []
        assert await refusal(h.dial()[0].wait()) == 503
        await asyncio.sleep(0)  # who counts the calls hears of it on the next turn of the loop


@story
async def test_while_closing_new_calls_get_503() -> None:
    async with talking() as (h, _):
        closing = asyncio.create_task(h.agent.close(5.0))
        await asyncio.sleep(0)
        h.phone.call().invite()
        assert "Retry-After" in (await h.phone.response(503)).headers
        h.phone.reply(await h.phone.request("BYE"), 200)
        await closing


# Hostile bytes


@pytest.mark.parametrize("torture", MESSAGES, ids=[message.name for message in MESSAGES])
@story
async def test_each_torture_message_gets_the_answer_of_its_rfc(torture: Torture) -> None:
    async with house() as h:
        h.wire.arrive(torture.data, Address("10.0.0.9", 5060), SERVER)
        lines = h.wire.start_lines("10.0.0.2")
        statuses = [int(line.split()[1]) for line in lines if "SIP/2.0 100" not in line]
        if torture.answers == ():
            assert lines == []
        elif torture.answers is None:
            assert len(statuses) == 1
            assert statuses[0] not in (400, 500)
        else:
            assert len(statuses) == 1
            assert statuses[0] in torture.answers


def seed(method: str) -> bytes:
    body = OFFER if method == "INVITE" else b""
    return (
        f"{method} sip:a@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKx;rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:b@10.0.0.7>;tag=1\r\nTo: <sip:a@10.0.0.2>\r\nCall-ID: x\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:b@10.0.0.7>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


SEEDS = [seed(method) for method in ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UPDATE")]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        data[at : at + draw(st.integers(0, 12))] = draw(st.binary(max_size=12))
    return bytes(data)


class Complaints(logging.Handler):
    """What was caught and logged as an error of ours."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.getMessage()} {record.exc_info}")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(mutated(), st.binary(max_size=200)), max_size=20))
def test_whatever_arrives_nothing_is_raised_and_little_is_sent(messages: list[bytes]) -> None:
    async def run() -> None:
        async with house() as h:
            for data in messages:
                sent = len(h.wire.seen)
                h.wire.arrive(data, Address("10.0.0.7", 5060), SERVER)
                assert len(h.wire.seen) - sent <= 2  # 100 and 200 at the most

    complaints = Complaints()
    log = logging.getLogger("offhook.sip")
    log.addHandler(complaints)
    try:
        run_virtual(run())
    finally:
        log.removeHandler(complaints)
    assert complaints.heard == []


def test_a_flood_of_refusals_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with house() as h:
            for _ in range(500):
                h.phone.call().request("REGISTER")
            await asyncio.sleep(11)
            h.phone.call().request("REGISTER")
            await asyncio.sleep(1)

    caplog.set_level("INFO", "offhook.sip.user_agent")
    run_virtual(run())
    lines = [record.getMessage() for record in caplog.records if record.name == "offhook.sip.user_agent"]
    assert len(lines) == 22
    assert "480 more" in lines[-2]
