"""Being called: what an INVITE gets until its call is up, refused or taken back."""

from __future__ import annotations

import asyncio

import pytest

from offhook.network import Address
from offhook.sip import Invitation, SipError
from tests.sip.agents import house, inviting, leftovers, ringing, silent
from tests.virtual import story
from tests.wire import OFFER


@story
async def test_an_invite_gets_100_180_and_200_when_the_desk_says_so() -> None:
    async with house(silent) as h:
        call = h.phone.call()
        call.invite(headers=[("X-First-Name", "Ann")])
        assert (await h.phone.response(100)).to.tag is None
        h.desk.invitations[0].provisional(180)
        h.desk.invitations[0].trying()  # comes too late to be of use
        ringing_ = await h.phone.response(180)
        invitation = h.desk.invitations[0]
        assert invitation.offer == OFFER
        assert invitation.source == Address("10.0.0.1", 5060)
        assert invitation.call_id == call.call_id
        assert invitation.request.headers.get("x-first-name") == "Ann"
        h.desk.accept(invitation)
        answered = await call.answered()
        assert answered.to.tag == ringing_.to.tag
        assert str(answered.contact) == "<sip:assistant@10.0.0.2:5060>"


@story
async def test_100_comes_at_once_when_the_desk_says_so_and_once_only() -> None:
    async with house(silent) as h:
        h.phone.call().invite()
        await asyncio.sleep(0.01)
        assert h.phone.count(100) == 0
        h.desk.invitations[0].trying()
        await asyncio.sleep(5)
        assert h.phone.count(100) == 1


@story
async def test_who_is_dismissed_is_forgotten_and_told_the_same_again() -> None:
    async with house(lambda desk: lambda invitation: invitation.dismiss(404)) as h:
        call = h.phone.call()
        again = call.invite()
        first = await h.phone.response(404)
        assert leftovers(h.agent) == (0, 0, 0)
        await asyncio.sleep(40)
        assert h.phone.count(404) == 1
        h.phone.send(again)
        second = await h.phone.response(404)
        assert first.to.tag is not None
        assert second.to.tag == first.to.tag
        call.to = str(second.to)
        call.ack(branch=call.invite_branch)
        call.cancel()
        await h.phone.response(481)
        assert len(h.phone.heard) == 3


@story
async def test_a_dismissal_after_100_is_repeated_until_its_ack() -> None:
    async with inviting(silent) as (h, call):
        await h.phone.response(100)
        h.desk.invitations[0].dismiss(404)
        await asyncio.sleep(2)
        assert h.phone.count(404) == 3
        call.ack(branch=call.invite_branch)
        h.desk.invitations[0].dismiss(500)
        await h.settle()
        assert h.phone.count(404) == 3
        assert h.phone.count(500) == 0


@story
async def test_provisional_and_final_statuses_are_not_confused() -> None:
    async with inviting(silent) as (h, _):
        await h.phone.response(100)
        with pytest.raises(ValueError, match="200"):
            h.desk.invitations[0].provisional(200)
        with pytest.raises(ValueError, match="180"):
            h.desk.invitations[0].reject(180)


@story
async def test_a_repeated_invite_gets_the_last_response_and_disturbs_nobody() -> None:
    async with house(ringing) as h:
        call = h.phone.call()
        again = call.invite()
        await h.phone.response(180)
        h.phone.send(again)
        await h.phone.response(180)
        h.desk.accept(h.desk.invitations[0])
        await call.answered()
        h.phone.send(again)
        await asyncio.sleep(0.1)
        assert h.phone.count(200) == 1
        assert len(h.desk.invitations) == 1
        call.ack()
        h.phone.send(again)
        await asyncio.sleep(1)
        assert h.phone.count(200) == 1


@story
async def test_a_refused_invite_is_repeated_until_its_ack() -> None:
    async with inviting(lambda desk: lambda one: one.reject(486, headers=[("Retry-After", "5")])) as (
        h,
        call,
    ):
        assert (await h.phone.response(486)).headers.get("Retry-After") == "5"
        await h.phone.response(486)
        call.ack(branch=call.invite_branch)
        await h.settle()
        assert h.phone.count(486) == 2


@story
async def test_nobody_answers() -> None:
    async with inviting(ringing) as (h, call):
        assert (await h.phone.response(480, within=200)).cseq.method == "INVITE"
        assert h.desk.cancelled == 1
        assert h.phone.count(180) == 3  # repeated each minute, lest proxies give up
        call.ack(branch=call.invite_branch)
        await h.settle()


@story
async def test_a_desk_that_fails_is_a_500() -> None:
    def break_down(invitation: Invitation) -> None:
        raise RuntimeError("no desk")

    async with inviting(lambda desk: break_down) as (h, call):
        await h.phone.response(500)
        call.ack(branch=call.invite_branch)
        await h.settle()


# CANCEL


@story
async def test_cancel_before_the_answer() -> None:
    async with inviting(ringing) as (h, call):
        await h.phone.response(180)
        call.cancel()
        assert (await h.phone.response(200)).cseq.method == "CANCEL"
        assert (await h.phone.response(487)).cseq.method == "INVITE"
        call.ack(branch=call.invite_branch)
        assert h.desk.cancelled == 1
        with pytest.raises(SipError) as late:
            h.desk.accept(h.desk.invitations[0])
        assert late.value.status == 487
        h.desk.invitations[0].reject(404)
        h.desk.invitations[0].provisional(183)
        await h.settle()
        assert h.phone.count(404) == h.phone.count(183) == 0


@story
async def test_cancel_before_anything_but_100() -> None:
    async with inviting(silent) as (h, call):
        await h.phone.response(100)
        call.cancel()
        accepted = await h.phone.response(200)
        assert (await h.phone.response(487)).to.tag == accepted.to.tag
        call.ack(branch=call.invite_branch)
        assert h.desk.cancelled == 1
        await h.settle()


@story
async def test_cancel_that_crosses_the_200_is_answered_and_changes_nothing() -> None:
    async with inviting() as (h, call):
        call.cancel()
        answers = [await h.phone.response(200), await h.phone.response(200)]
        assert sorted(one.cseq.method for one in answers) == ["CANCEL", "INVITE"]
        call.learn(next(one for one in answers if one.cseq.method == "INVITE"))
        call.ack()
        await asyncio.sleep(1)
        assert h.desk.cancelled == 0
        call.bye()
        await h.phone.response(200)
        await h.settle()


@story
async def test_a_repeated_cancel_is_answered_again_and_a_cancel_of_nothing_with_481() -> None:
    async with inviting(ringing) as (h, call):
        await h.phone.response(180)
        call.cancel()
        await h.phone.response(200)
        call.cancel()
        await h.phone.response(200)
        assert h.desk.cancelled == 1
        call.invite_branch = "z9hG4bKother"
        call.cancel()
        await h.phone.response(481)
