"""Offers within a session: re-INVITE and UPDATE from either side, and both sides at once (RFC 3261 §14)."""

from __future__ import annotations

import asyncio

import pytest

from offhook.sip import SipError
from tests.sip.agents import ANSWER, answered, house, refusal, talking
from tests.virtual import story
from tests.wire import OFFER, ScriptedCall

HELD = OFFER + b"a=sendonly\r\n"


# The peer offers


@story
async def test_hold_and_resume() -> None:
    async with talking() as (h, call):
        for body in (HELD, OFFER):
            call.invite(body)
            assert (await call.answered()).body == ANSWER
            call.ack()
            await asyncio.sleep(1)
        assert h.events == [("acknowledged", b""), ("reoffered", HELD), ("reoffered", OFFER)]


@story
async def test_a_refused_reinvite_leaves_the_call_as_it_was() -> None:
    async with talking() as (h, call):
        h.desk.recorder.refusal = SipError(488)
        call.invite(HELD)
        assert (await h.phone.response(488)).cseq.number == 2
        call.ack(branch=call.invite_branch)
        call.request("INFO")
        await h.phone.expect(200)
        assert not h.session.closed.is_set()


@story
async def test_a_reinvite_without_an_offer_gets_ours_and_its_ack_brings_the_answer() -> None:
    async with talking() as (h, call):
        call.invite(b"")
        assert (await call.answered()).body == ANSWER
        call.invite(HELD)  # too early: our offer waits for its answer
        busy = await h.phone.response(500)
        assert 0 <= int(busy.headers.get("Retry-After") or "-1") <= 10
        call.ack(branch=call.invite_branch)
        call.ack(OFFER, cseq=2)
        await asyncio.sleep(0.1)
        assert h.events == [("acknowledged", b""), ("reoffered", None), ("acknowledged", OFFER)]


@story
async def test_an_unacknowledged_reinvite_ends_the_call() -> None:
    async with talking() as (h, call):
        call.invite(HELD)
        await call.answered()
        h.phone.reply(await h.phone.request("BYE"), 200)
        assert h.events[-1] == "unacknowledged"
        await h.settle()


@story
async def test_the_ack_of_a_later_reinvite_ends_the_repetition_of_an_earlier_2xx() -> None:
    async with answered() as (h, call):  # the ACK is lost
        call.invite(HELD)
        await call.answered()
        call.ack()
        await asyncio.sleep(60)
        assert h.events == [("reoffered", HELD), ("acknowledged", b"")]
        assert not h.session.closed.is_set()


@story
async def test_update_with_and_without_an_offer() -> None:
    async with talking() as (h, call):
        call.request("UPDATE", HELD)
        assert (await h.phone.response(200)).body == ANSWER
        call.request("UPDATE", headers=[("Contact", "<sip:moved@10.0.0.1:5060>")])
        assert (await h.phone.response(200)).body == b""
        assert h.events == [("acknowledged", b""), ("reoffered", HELD)]
        assert str((await h.hangs_up()).uri) == "sip:moved@10.0.0.1:5060"


@story
async def test_an_update_while_the_offer_of_our_2xx_is_open_gets_491() -> None:
    async with answered(body=b"") as (h, call):
        call.request("UPDATE", HELD)
        await h.phone.expect(491)


# We offer


@story
async def test_our_reinvite_is_acknowledged_each_time_its_2xx_comes() -> None:
    async with talking() as (h, _):
        waiting, invite = await h.asking(h.session.reinvite(HELD), "INVITE")
        assert invite.body == HELD
        h.phone.reply(invite, 200, body=ANSWER)
        assert (await waiting).body == ANSWER
        ack = await h.phone.request("ACK")
        assert ack.cseq.number == invite.cseq.number
        h.phone.reply(invite, 200, body=ANSWER)
        assert (await h.phone.request("ACK")).to_bytes() == ack.to_bytes()


@story
async def test_two_reinvites_of_ours_go_one_after_the_other() -> None:
    async with talking() as (h, _):
        both = [asyncio.create_task(h.session.reinvite(body)) for body in (HELD, OFFER)]
        first = await h.phone.request("INVITE")
        await asyncio.sleep(0.2)
        assert h.phone.count("INVITE") == 1
        h.phone.reply(first, 200, body=ANSWER)
        second = await h.phone.request("INVITE")
        assert (first.body, second.body) == (HELD, OFFER)
        h.phone.reply(second, 200, body=ANSWER)
        assert [(await one).status for one in both] == [200, 200]


@story
async def test_our_update_moves_the_offer_and_the_target() -> None:
    async with talking() as (h, call):
        waiting, update = await h.asking(h.session.request("UPDATE", (), HELD, "application/sdp"), "UPDATE")
        assert update.contact is not None
        call.request("UPDATE", HELD)
        await h.phone.expect(491)
        assert await refusal(h.session.request("UPDATE", (), OFFER, "application/sdp")) == 491
        h.phone.reply(update, 200, body=ANSWER, headers=[("Contact", "<sip:ignored@10.0.0.1>")])
        assert (await waiting).body == ANSWER
        assert str(h.session.dialog.target) == "sip:phone@10.0.0.1:5060"


@pytest.mark.parametrize("impatient", [False, True], ids=["the peer thinks too long", "we lose patience"])
@story
async def test_a_reinvite_that_takes_too_long_is_cancelled(impatient: bool) -> None:
    async with talking() as (h, _):
        waiting, invite = await h.asking(h.session.reinvite(HELD), "INVITE")
        h.phone.reply(invite, 100)
        await asyncio.sleep(0.1)
        if impatient:
            waiting.cancel()
        h.phone.reply(await h.phone.request("CANCEL"), 200)
        h.phone.reply(invite, 487)
        if not impatient:
            assert (await waiting).status == 487
        await h.phone.request("ACK")
        assert not h.session.closed.is_set()


# Both at once


@story
async def test_a_reinvite_of_the_peer_that_crosses_ours_gets_491_and_ours_is_repeated() -> None:
    async with talking() as (h, call):
        waiting, first = await h.asking(h.session.reinvite(OFFER), "INVITE")
        call.invite(HELD)
        await h.phone.expect(491)
        call.ack(branch=call.invite_branch)
        call.request("UPDATE", HELD)
        await h.phone.expect(491)
        h.phone.reply(first, 491)
        await h.phone.request("ACK")
        second = await h.phone.request("INVITE", within=2.1)  # we do not own the Call-ID
        assert second.cseq.number == first.cseq.number + 1
        h.phone.reply(second, 200, body=ANSWER)
        assert (await waiting).status == 200
        assert ("reoffered", HELD) not in h.events


@story
async def test_in_a_call_that_we_placed_our_repeated_reinvite_waits_longer() -> None:
    async with house() as h:
        placed, recorder = h.dial()
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 200, body=ANSWER)
        session = await placed.wait()
        await h.phone.request("ACK")
        waiting, crossed = await h.asking(session.reinvite(HELD), "INVITE")
        h.phone.reply(crossed, 491)
        await h.phone.request("ACK")
        now = asyncio.get_running_loop().time()
        again = await h.phone.request("INVITE")
        assert 2.1 <= asyncio.get_running_loop().time() - now <= 4.1
        h.phone.reply(again, 200, body=ANSWER)
        assert (await waiting).status == 200
        callee = ScriptedCall.of(h.phone, invite)
        callee.invite(HELD)
        assert (await h.phone.response(200)).body == ANSWER
        callee.ack()
        assert recorder.events == [("reoffered", HELD)]


@story
async def test_our_reinvite_waits_until_the_peers_is_acknowledged() -> None:
    async with talking() as (h, call):
        call.invite(HELD)
        await call.answered()
        waiting = asyncio.create_task(h.session.reinvite(OFFER))
        await asyncio.sleep(3)
        assert h.phone.count("INVITE") == 0
        call.ack()
        h.phone.reply(await h.phone.request("INVITE", within=0.1), 200, body=ANSWER)
        assert (await waiting).status == 200


@story
async def test_a_reinvite_that_is_refused_with_491_for_ever_is_given_up() -> None:
    async with talking() as (h, _):
        waiting = asyncio.create_task(h.session.reinvite(HELD))
        for _ in range(4):
            h.phone.reply(await h.phone.request("INVITE"), 491)
        assert (await waiting).status == 491
        assert not h.session.closed.is_set()
