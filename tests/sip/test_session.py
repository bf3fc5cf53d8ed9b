"""Sessions on the virtual clock: ACK and its loss, BYE and its races, requests both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from offhook.sip import Answer, Response, Session
from tests.sip.agents import ANSWER, SERVER, answered, house, inviting, refusal, ringing, talking
from tests.virtual import story
from tests.wire import OFFER, ScriptedCall, ScriptedPhone

HELD = OFFER + b"a=sendonly\r\n"


# The ACK


@story
async def test_a_call_from_invite_to_the_callers_bye() -> None:
    async with house() as h:
        call = h.phone.call()
        response = await call.connected()
        assert response.body == ANSWER
        await asyncio.sleep(1)
        call.bye()
        await h.phone.response(200)
        assert h.events == [("acknowledged", b""), "hung up"]
        assert h.session.closed.is_set()
        await h.settle()
        assert h.wire.start_lines("10.0.0.2") == ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]


@story
async def test_a_2xx_is_repeated_until_its_ack() -> None:
    async with answered() as (h, call):
        await asyncio.sleep(8)
        call.ack()
        await asyncio.sleep(60)
        sent = [one.at for one in h.wire.seen if one.start_line == "SIP/2.0 200 OK"]
        assert [round(at - sent[0], 2) for at in sent] == [0, 0.5, 1.5, 3.5, 7.5]
        assert h.events == [("acknowledged", b"")]


@story
async def test_an_ack_on_the_branch_of_the_invite_counts_too() -> None:
    async with answered() as (h, call):
        call.ack(branch=call.invite_branch)
        await asyncio.sleep(40)
        assert h.events == [("acknowledged", b"")]
        assert h.phone.count(200) == 1


@story
async def test_a_late_offer_is_answered_in_the_ack() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite(body=b"")
        assert (await call.answered()).body == ANSWER
        assert h.desk.invitations[0].offer is None
        call.ack(OFFER)
        await asyncio.sleep(1)
        assert h.events == [("acknowledged", OFFER)]


@story
async def test_without_an_ack_the_call_is_given_up_with_a_bye_after_64_t1() -> None:
    async with answered() as (h, _):
        bye = await h.phone.request("BYE")
        assert 31.9 < asyncio.get_running_loop().time() < 32.1
        h.phone.reply(bye, 200)
        await h.session.closed.wait()
        assert h.events == ["unacknowledged"]
        # At 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s: no more for an INVITE so short that nobody vouches for.
        assert h.phone.count(200) == 6
        await h.settle()


# BYE


@story
async def test_our_bye_is_answered_and_the_session_closes() -> None:
    async with talking() as (h, _):
        h.session.bye()
        h.session.bye()
        bye = await h.phone.request("BYE")
        assert not h.session.closed.is_set()
        h.phone.reply(bye, 200)
        await h.session.closed.wait()
        await h.settle()
        assert h.phone.count("BYE") == 1
        assert h.events == [("acknowledged", b"")]


@story
async def test_our_bye_before_the_ack_waits_for_it() -> None:
    async with answered() as (h, call):
        h.session.bye()
        await asyncio.sleep(3)
        assert h.phone.count("BYE") == 0
        call.ack()
        h.phone.reply(await h.phone.request("BYE", within=0.1), 200)
        await h.session.closed.wait()
        assert h.events == []
        await h.settle()


@story
async def test_our_bye_before_an_ack_that_never_comes_is_sent_after_64_t1() -> None:
    async with answered() as (h, _):
        await h.hangs_up()
        assert asyncio.get_running_loop().time() > 31.9
        assert h.events == []
        await h.settle()


@story
async def test_the_callers_bye_before_its_ack_ends_the_call_and_the_2xx_goes_on_until_the_ack() -> None:
    async with answered() as (h, call):
        call.bye()
        await h.phone.expect(200)
        assert h.events == ["hung up"]
        assert h.session.closed.is_set()
        await asyncio.sleep(2)
        call.ack(cseq=1)
        await asyncio.sleep(1)
        repeated = h.phone.count(200, "INVITE")
        assert repeated >= 2
        await h.settle()
        assert h.phone.count(200, "INVITE") == repeated
        assert h.phone.count("BYE") == 0


@story
async def test_byes_that_cross_are_both_answered() -> None:
    async with talking() as (h, call):
        h.session.bye()
        call.bye()
        h.phone.reply(await h.phone.request("BYE"), 200)
        assert (await h.phone.response(200)).cseq.method == "BYE"
        await h.settle()
        assert h.events == [("acknowledged", b"")]


@story
async def test_a_repeated_bye_is_answered_again_and_an_unknown_one_with_481() -> None:
    async with talking() as (h, call):
        bye = call.bye()
        await h.phone.expect(200)
        h.phone.send(bye)
        await h.phone.expect(200)
        assert h.events.count("hung up") == 1
        call.bye()
        await h.phone.expect(481)
        await h.settle()


@story
async def test_a_bye_in_the_early_dialog_takes_the_invite_back() -> None:
    async with inviting(ringing) as (h, call):
        call.learn(await h.phone.response(180))
        call.request("INFO")
        await h.phone.expect(500)
        call.bye()
        await h.phone.expect(487)
        assert h.desk.cancelled == 1
        call.ack(branch=call.invite_branch, cseq=1)
        await h.settle()


@story
async def test_the_callee_of_our_call_hangs_up() -> None:
    async with house() as h:
        call, recorder = h.dial()
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 200, body=ANSWER)
        session = await call.wait()
        await h.phone.request("ACK")
        ScriptedCall.of(h.phone, invite).bye()
        await h.phone.response(200)
        assert recorder.events == ["hung up"]
        assert session.closed.is_set()
        await h.settle()


# Requests of the peer


@pytest.mark.parametrize(
    ("method", "status"),
    [("INFO", 200), ("OPTIONS", 200), ("REFER", 603), ("NOTIFY", 481), ("MESSAGE", 405)],
)
@story
async def test_what_a_handler_does_not_care_for_gets_the_usual_answer(method: str, status: int) -> None:
    async with talking() as (h, call):
        call.request(method, headers=[("X-Test", "1")])
        response = await h.phone.response(status)
        assert response.to.tag is not None
        if status == 405:
            assert "MESSAGE" not in (response.headers.get("Allow") or "MESSAGE")


@story
async def test_a_handler_answers_requests_as_it_likes() -> None:
    async with talking() as (h, call):
        h.desk.recorder.answer = (202, [("X-Seen", "yes")], b"")
        call.request("REFER", headers=[("Refer-To", "<sip:other@10.0.0.9>")])
        assert (await h.phone.response(202)).headers.get("X-Seen") == "yes"
        assert h.events[-1] == ("REFER", b"")


@story
async def test_a_handler_that_fails_is_a_500_and_the_call_goes_on() -> None:
    async with talking() as (h, call):
        h.desk.recorder.answer = cast(Answer, "nonsense")
        call.request("INFO")
        await h.phone.expect(500)
        assert not h.session.closed.is_set()


@story
async def test_a_request_older_than_the_last_gets_500() -> None:
    async with talking() as (h, call):
        call.request("INFO", cseq=9)
        await h.phone.expect(200)
        call.request("INFO", cseq=5)
        await h.phone.expect(500)


@story
async def test_a_request_after_the_end_gets_481() -> None:
    async with answered() as (h, call):
        call.bye()  # before the ACK: the dialog is kept for it
        await h.phone.expect(200)
        call.request("INFO")
        await h.phone.expect(481)


@story
async def test_a_peer_that_moves_is_followed() -> None:
    async with talking() as (h, call):
        moved = await ScriptedPhone.open(h.wire.open, "10.0.0.4", SERVER, 5062)
        call.invite(HELD, headers=[("Contact", "<sip:caller@10.0.0.4:5062>")])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        h.session.bye()
        moved.reply(await moved.request("BYE"), 200)
        await h.session.closed.wait()


# Requests of ours


@story
async def test_our_requests_return_what_the_peer_says() -> None:
    async with talking() as (h, _):
        question = h.session.request("INFO", [("X-A", "b")], b"Signal=1", "application/dtmf-relay")
        waiting, info = await h.asking(question, "INFO")
        assert info.headers.get("X-A") == "b"
        assert info.content_type is not None
        assert (info.content_type.kind, info.body) == ("application/dtmf-relay", b"Signal=1")
        h.phone.reply(info, 415)
        assert (await waiting).status == 415
        assert not h.session.closed.is_set()


def ask(session: Session, method: str) -> Coroutine[Any, Any, Response]:
    return session.reinvite(HELD) if method == "INVITE" else session.request(method)


REFUSED = [
    # our request, the answer; whether the session is gone then, and whether with a BYE (RFC 3261 §12.2.1.2)
    ("INFO", 415, False, False),
    ("INFO", 481, True, False),
    ("INFO", 408, True, True),
    ("INVITE", 488, False, False),
    ("INVITE", 481, True, False),
    ("INVITE", 408, True, True),
]


@pytest.mark.parametrize(("method", "status", "gone", "bye"), REFUSED)
@story
async def test_only_a_refusal_that_means_the_dialog_ends_the_session(
    method: str, status: int, gone: bool, bye: bool
) -> None:
    async with talking() as (h, _):
        session = h.session
        waiting, asked = await h.asking(ask(session, method), method)
        h.phone.reply(asked, status)
        assert (await waiting).status == status
        assert (h.events[-1][0] == "gone") is gone
        await asyncio.sleep(1)
        assert session.closed.is_set() is (gone and not bye)
        if gone:
            assert await refusal(session.request("INFO")) == 481
            await h.settle()
        assert (h.phone.count("BYE") > 0) is bye


@pytest.mark.parametrize("method", ["INFO", "INVITE"])
@story
async def test_a_peer_that_does_not_answer_ends_the_session_with_a_bye(method: str) -> None:
    async with talking() as (h, _):
        assert await refusal(ask(h.session, method)) == 408
        assert h.events[-1][0] == "gone"
        h.phone.reply(await h.phone.request("BYE"), 200)
        await h.settle()
