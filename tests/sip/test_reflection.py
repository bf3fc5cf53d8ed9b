"""Whom a forged INVITE names is not shot at: by no answer, no repetition, no request in its dialog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from offhook.network import Address
from offhook.sip import Invitation
from offhook.sip.messages.message import respond
from tests.sip.agents import Desk, House, answered, calling, house, talking
from tests.virtual import story
from tests.wire import OFFER, ScriptedPhone

VICTIM = "10.0.0.66"


def sent_to(h: House, host: str) -> list[bytes]:
    return [one.data for one in h.wire.seen if one.source.host == "10.0.0.2" and one.to.host == host]


def rung_and_answered(desk: Desk) -> Callable[[Invitation], None]:
    def answer(invitation: Invitation) -> None:
        invitation.provisional(180)
        desk.accept(invitation)

    return answer


def refused(status: int) -> Callable[[Desk], Callable[[Invitation], None]]:
    def of_desk(desk: Desk) -> Callable[[Invitation], None]:
        def refuse(invitation: Invitation) -> None:
            invitation.provisional(180)
            invitation.reject(status, headers=[("X-Long", "x" * 200)])

        return refuse

    return of_desk


HEADERS = {
    "nothing of it": [],
    "its Contact": [("Contact", f"<sip:v@{VICTIM}:4000>")],
    "its Record-Route": [("Record-Route", f"<sip:{VICTIM}:4000;lr>")],
    "both": [("Contact", f"<sip:v@{VICTIM}>"), ("Record-Route", f"<sip:{VICTIM};lr>")],
    "maddr": [("Contact", f"<sip:v@10.0.0.1;maddr={VICTIM}>")],
}


@pytest.mark.parametrize("answering", [rung_and_answered, refused(486), refused(603)])
@pytest.mark.parametrize("named", HEADERS)
@pytest.mark.parametrize("body", [OFFER, b""])
@story
async def test_a_forged_invite_brings_less_than_ten_times_its_octets(
    answering: Callable[[Desk], Callable[[Invitation], None]], named: str, body: bytes
) -> None:
    async with house(answering) as h:
        invite = h.phone.call().make("INVITE", 1, h.phone.branch(), body, HEADERS[named])
        h.wire.carry(invite, Address(VICTIM, 5060), h.phone.server)
        await h.settle()
        heard = sent_to(h, VICTIM)
        assert len(heard) >= 3
        assert sum(len(data) for data in heard) < 10 * len(invite)
        assert all(one.to.host == VICTIM for one in h.wire.seen if one.source.host == "10.0.0.2")


@pytest.mark.parametrize("named", ["its Contact", "its Record-Route", "both", "maddr"])
@story
async def test_who_is_named_by_an_invite_that_nobody_acknowledges_hears_nothing(named: str) -> None:
    async with answered(headers=HEADERS[named]) as (h, _):
        await h.settle()
        assert sent_to(h, VICTIM) == []
        # Who sent it is told, as far as it goes.
        assert [line for line in h.wire.start_lines("10.0.0.2") if line.startswith("BYE")]


@pytest.mark.parametrize("named", ["its Contact", "its Record-Route", "both"])
@story
async def test_who_is_named_in_a_genuine_call_hears_a_short_start(named: str) -> None:
    async with talking(headers=HEADERS[named]) as (h, _):
        h.session.bye()
        await h.settle()
        heard = sent_to(h, VICTIM)
        assert 1 <= len(heard) <= 4
        assert all(data.startswith(b"BYE ") for data in heard)
        assert sum(map(len, heard)) <= 1300


@story
async def test_who_responds_there_is_treated_as_any_peer() -> None:
    async with talking(headers=[("Contact", f"<sip:v@{VICTIM}>")]) as (h, _):
        there = await ScriptedPhone.open(h.wire.open, VICTIM, h.phone.server, 5060)
        for _ in range(20):
            asked = asyncio.create_task(h.session.request("INFO", body=b"x" * 300, content_type="text/plain"))
            there.reply(await there.request("INFO"), 200)
            assert (await asked).status == 200
        h.session.bye()
        await asyncio.sleep(20)
        assert there.count("BYE") >= 7
        there.reply(await there.request("BYE"), 200)
        there.close()
        await h.settle()


@story
async def test_an_invite_that_is_repeated_is_answered_again() -> None:
    async with house(rung_and_answered) as h:
        invite = h.phone.call().invite()
        for _ in range(5):
            await asyncio.sleep(1)
            h.phone.send(invite)
        await asyncio.sleep(40)
        assert sum(map(len, sent_to(h, "10.0.0.1"))) < 10 * 6 * len(invite)
        await h.settle()


@story
async def test_a_phone_that_loses_some_answers_still_gets_one() -> None:
    async with answered() as (h, call):
        await asyncio.sleep(3)
        assert h.phone.count(200) >= 3
        call.ack()
        await asyncio.sleep(1)
        before = h.phone.count(200)
        await asyncio.sleep(20)
        assert h.phone.count(200) == before
        await h.hangs_up()


@story
async def test_a_phone_that_hears_nothing_for_a_while_gets_its_answer_late() -> None:
    async with house(rung_and_answered) as h:
        invited = h.phone.call().invite()
        h.wire.lose = lambda one: (one.to == h.phone.socket.local and one.at < 14) or None
        await asyncio.sleep(40)
        assert sum(map(len, sent_to(h, "10.0.0.1"))) < 10 * len(invited)
        assert h.phone.count(200) >= 1
        await h.settle()


@story
async def test_a_phone_whose_acks_are_lost_gets_as_many_answers_as_ever_once_it_is_heard() -> None:
    async with answered() as (h, call):
        h.desk.recorder.heard = 8000
        await asyncio.sleep(30)
        assert h.phone.count(200) >= 9
        call.ack()
        await h.hangs_up()


@story
async def test_a_phone_that_knows_the_dialog_gets_as_many_answers_as_ever() -> None:
    async with answered() as (h, call):
        h.phone.send(call.make("INFO", 2, h.phone.branch()))
        await asyncio.sleep(30)
        assert h.phone.count(200, "INVITE") >= 9
        call.ack()
        await h.hangs_up()


@story
async def test_a_reinvite_within_a_call_is_answered_until_its_ack() -> None:
    async with talking() as (h, call):
        h.phone.send(call.make("INVITE", 2, h.phone.branch(), b""))
        await asyncio.sleep(30)
        assert sum(one.cseq.number == 2 and one.cseq.method == "INVITE" for one in h.phone.heard) >= 9
        await h.settle()


@story
async def test_a_callee_that_names_somebody_else_does_not_aim_us_either() -> None:
    async with calling() as (h, call, invite):
        headers = [("Contact", f"<sip:v@{VICTIM}>"), ("Content-Type", "application/sdp")]
        success = respond(invite, 200, to_tag="callee", headers=headers, body=OFFER).to_bytes()
        h.phone.send(success)
        session = await call.wait()
        for _ in range(20):
            h.phone.send(success)
            await asyncio.sleep(0.5)
        session.bye()
        await h.settle()
        heard = sent_to(h, VICTIM)
        assert {data.split()[0] for data in heard} == {b"ACK", b"BYE"}
        assert sum(map(len, heard)) <= 2000
