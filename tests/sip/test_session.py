"""Sessions on the virtual clock: ACK and its loss, BYE and its races, re-INVITE, UPDATE, glare."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from offhook.sip import Invitation, SipError
from tests.sip.agents import ANSWER, SERVER, Desk, house
from tests.virtual import run_virtual
from tests.wire import OFFER, ScriptedCall, ScriptedPhone


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine test on the virtual clock."""

    def run(*arguments: object, **named: object) -> None:
        run_virtual(test(*arguments, **named))

    run.__name__ = test.__name__
    return run


HELD = OFFER + b"a=sendonly\r\n"


@story
async def test_a_call_from_invite_to_the_callers_bye() -> None:
    async with house() as h:
        call = h.phone.call()
        response = await call.connected()
        assert response.body == ANSWER
        await asyncio.sleep(1)
        call.bye()
        await h.phone.response(200)
        assert h.desk.recorder.events == [("acknowledged", b""), "hung up"]
        assert h.desk.session.closed.is_set()
        await h.settle()
        assert h.wire.start_lines("10.0.0.2") == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK", "SIP/2.0 200 OK"]


@story
async def test_our_bye_is_answered_and_the_session_closes() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        h.desk.session.bye([("Reason", "SIP;cause=200")])
        h.desk.session.bye()
        bye = await h.phone.request("BYE")
        assert bye.headers.get("Reason") == "SIP;cause=200"
        assert not h.desk.session.closed.is_set()
        h.phone.reply(bye, 200)
        await h.desk.session.closed.wait()
        await h.settle()
        assert h.phone.count("BYE") == 1
        assert h.desk.recorder.events == [("acknowledged", b"")]


@story
async def test_a_2xx_is_repeated_until_its_ack() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        call.learn(await h.phone.response(200))
        await asyncio.sleep(8)
        call.ack()
        await asyncio.sleep(60)
        sent = [one.at for one in h.wire.seen if one.start_line == "SIP/2.0 200 OK"]
        assert [round(at - sent[0], 2) for at in sent] == [0, 0.5, 1.5, 3.5, 7.5]
        assert h.desk.recorder.events == [("acknowledged", b"")]


@story
async def test_without_an_ack_the_call_is_given_up_with_a_bye_after_64_t1() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        await call.answered()
        bye = await h.phone.request("BYE")
        assert 31.9 < asyncio.get_running_loop().time() < 32.1
        h.phone.reply(bye, 200)
        await h.desk.session.closed.wait()
        assert h.desk.recorder.events == ["unacknowledged"]
        assert h.phone.count(200) == 11
        await h.settle()


@story
async def test_our_bye_before_the_ack_waits_for_it() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        await call.answered()
        h.desk.session.bye()
        await asyncio.sleep(3)
        assert h.phone.count("BYE") == 0
        call.ack()
        h.phone.reply(await h.phone.request("BYE", within=0.1), 200)
        await h.desk.session.closed.wait()
        assert h.desk.recorder.events == []
        await h.settle()


@story
async def test_our_bye_before_an_ack_that_never_comes_is_sent_after_64_t1() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        await call.answered()
        h.desk.session.bye()
        h.phone.reply(await h.phone.request("BYE"), 200)
        assert asyncio.get_running_loop().time() > 31.9
        await h.desk.session.closed.wait()
        assert h.desk.recorder.events == []
        await h.settle()


@story
async def test_the_callers_bye_before_its_ack_ends_the_call_and_the_2xx_goes_on_until_the_ack() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        await call.answered()
        call.bye()
        await h.phone.expect(200)
        assert h.desk.recorder.events == ["hung up"]
        assert h.desk.session.closed.is_set()
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
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(0.1)
        h.desk.session.bye()
        call.bye()
        ours = await h.phone.request("BYE")
        h.phone.reply(ours, 200)
        assert (await h.phone.response(200)).cseq.method == "BYE"
        await h.settle()
        assert h.desk.recorder.events == [("acknowledged", b"")]


@story
async def test_a_repeated_bye_is_answered_again_and_an_unknown_one_with_481() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        bye = call.bye()
        await h.phone.expect(200)
        h.phone.send(bye)
        await h.phone.expect(200)
        assert h.desk.recorder.events.count("hung up") == 1
        call.bye()
        await h.phone.expect(481)
        await h.settle()


@story
async def test_a_late_offer_is_answered_in_the_ack() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite(body=b"")
        response = await call.answered()
        assert h.desk.invitations[0].offer is None
        assert response.body == ANSWER
        call.ack(OFFER)
        await asyncio.sleep(1)
        assert h.desk.recorder.events == [("acknowledged", OFFER)]


@story
async def test_hold_and_resume() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        for body in (HELD, OFFER):
            call.invite(body)
            response = await call.answered()
            assert response.body == ANSWER
            call.ack()
            await asyncio.sleep(1)
        assert h.desk.recorder.events == [("acknowledged", b""), ("reoffered", HELD), ("reoffered", OFFER)]


@story
async def test_a_refused_reinvite_leaves_the_call_as_it_was() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        h.desk.recorder.refusal = SipError(488)
        call.invite(HELD)
        refusal = await h.phone.response(488)
        call.ack(branch=call.invite_branch)
        assert refusal.cseq.number == 2
        call.request("INFO")
        await h.phone.expect(200)
        assert not h.desk.session.closed.is_set()


@story
async def test_a_reinvite_without_an_offer_gets_ours_and_its_ack_brings_the_answer() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        call.invite(b"")
        assert (await call.answered()).body == ANSWER
        call.invite(HELD)  # too early: our offer waits for its answer
        busy = await h.phone.response(500)
        assert 0 <= int(busy.headers.get("Retry-After") or "-1") <= 10
        call.ack(branch=call.invite_branch)
        call.ack(OFFER, cseq=2)
        await asyncio.sleep(0.1)
        assert h.desk.recorder.events == [("acknowledged", b""), ("reoffered", None), ("acknowledged", OFFER)]


@story
async def test_an_unacknowledged_reinvite_ends_the_call() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        call.invite(HELD)
        await call.answered()
        h.phone.reply(await h.phone.request("BYE"), 200)
        assert h.desk.recorder.events[-1] == "unacknowledged"
        await h.settle()


@story
async def test_the_ack_of_a_later_reinvite_ends_the_repetition_of_an_earlier_2xx() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        await call.answered()  # the ACK is lost
        call.invite(HELD)
        await call.answered()
        call.ack()
        await asyncio.sleep(60)
        assert h.desk.recorder.events == [("reoffered", HELD), ("acknowledged", b"")]
        assert not h.desk.session.closed.is_set()


@story
async def test_update_with_and_without_an_offer() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        call.request("UPDATE", HELD)
        assert (await h.phone.response(200)).body == ANSWER
        call.request("UPDATE", headers=[("Contact", "<sip:moved@10.0.0.1:5060>")])
        assert (await h.phone.response(200)).body == b""
        assert h.desk.recorder.events == [("acknowledged", b""), ("reoffered", HELD)]
        h.desk.session.bye()
        bye = await h.phone.request("BYE")
        assert str(bye.uri) == "sip:moved@10.0.0.1:5060"
        h.phone.reply(bye, 200)


@story
async def test_our_reinvite_is_acknowledged_each_time_its_2xx_comes() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.reinvite(HELD))
        invite = await h.phone.request("INVITE")
        assert invite.body == HELD
        h.phone.reply(invite, 200, body=ANSWER)
        assert (await pending).body == ANSWER
        ack = await h.phone.request("ACK")
        assert ack.cseq.number == invite.cseq.number
        h.phone.reply(invite, 200, body=ANSWER)
        again = await h.phone.request("ACK")
        assert again.to_bytes() == ack.to_bytes()


@story
async def test_a_reinvite_of_the_peer_that_crosses_ours_gets_491_and_ours_is_repeated() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.reinvite(OFFER))
        first = await h.phone.request("INVITE")
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
        assert (await pending).status == 200
        assert ("reoffered", HELD) not in h.desk.recorder.events


@story
async def test_our_reinvite_waits_until_the_peers_is_acknowledged() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        call.invite(HELD)
        await call.answered()
        pending = asyncio.create_task(h.desk.session.reinvite(OFFER))
        await asyncio.sleep(3)
        assert h.phone.count("INVITE") == 0
        call.ack()
        h.phone.reply(await h.phone.request("INVITE", within=0.1), 200, body=ANSWER)
        assert (await pending).status == 200


@story
async def test_a_refusal_of_our_reinvite_is_returned_and_the_call_goes_on() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.reinvite(HELD))
        h.phone.reply(await h.phone.request("INVITE"), 488)
        assert (await pending).status == 488
        assert not h.desk.session.closed.is_set()


@pytest.mark.parametrize(
    ("method", "status"),
    [("INFO", 200), ("OPTIONS", 200), ("REFER", 603), ("NOTIFY", 481), ("MESSAGE", 405)],
)
def test_what_a_handler_does_not_care_for_gets_the_usual_answer(method: str, status: int) -> None:
    async def run() -> None:
        async with house() as h:
            call = h.phone.call()
            await call.connected()
            call.request(method, headers=[("X-Test", "1")])
            response = await h.phone.response(status)
            assert response.to.tag is not None
            if status == 405:
                assert "MESSAGE" not in (response.headers.get("Allow") or "MESSAGE")

    run_virtual(run())


@story
async def test_a_handler_answers_requests_as_it_likes() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        h.desk.recorder.answer = (202, [("X-Seen", "yes")], b"")
        call.request("REFER", headers=[("Refer-To", "<sip:other@10.0.0.9>")])
        assert (await h.phone.response(202)).headers.get("X-Seen") == "yes"
        assert h.desk.recorder.events[-1] == ("REFER", b"")


@story
async def test_a_request_older_than_the_last_gets_500() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        call.request("INFO", cseq=9)
        await h.phone.expect(200)
        call.request("INFO", cseq=5)
        await h.phone.expect(500)


@story
async def test_our_requests_return_what_the_peer_says() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(
            h.desk.session.request("INFO", [("X-A", "b")], b"Signal=1", "application/dtmf-relay")
        )
        info = await h.phone.request("INFO")
        assert info.content_type is not None
        assert (info.content_type.kind, info.body) == ("application/dtmf-relay", b"Signal=1")
        h.phone.reply(info, 415)
        assert (await pending).status == 415
        assert not h.desk.session.closed.is_set()


@story
async def test_a_peer_that_does_not_know_the_dialog_ends_the_session() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.request("INFO"))
        h.phone.reply(await h.phone.request("INFO"), 481)
        assert (await pending).status == 481
        assert h.desk.recorder.events[-1][0] == "gone"
        assert h.desk.session.closed.is_set()
        with pytest.raises(SipError):
            await h.desk.session.request("INFO")
        await h.settle()


@story
async def test_a_peer_that_does_not_answer_ends_the_session_with_a_bye() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        with pytest.raises(SipError) as error:
            await h.desk.session.request("INFO")
        assert error.value.status == 408
        assert h.desk.recorder.events[-1][0] == "gone"
        await h.phone.request("BYE")
        await h.settle()


@story
async def test_our_update_moves_the_offer_and_the_target() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.request("UPDATE", (), HELD, "application/sdp"))
        update = await h.phone.request("UPDATE")
        assert update.contact is not None
        call.request("UPDATE", HELD)
        await h.phone.expect(491)
        with pytest.raises(SipError) as busy:
            await h.desk.session.request("UPDATE", (), OFFER, "application/sdp")
        assert busy.value.status == 491
        h.phone.reply(update, 200, body=ANSWER, headers=[("Contact", "<sip:ignored@10.0.0.1>")])
        assert (await pending).body == ANSWER
        assert str(h.desk.session.dialog.target) == "sip:phone@10.0.0.1:5060"


@story
async def test_an_update_while_the_offer_of_our_2xx_is_open_gets_491() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite(body=b"")
        await call.answered()
        call.request("UPDATE", HELD)
        await h.phone.expect(491)


@story
async def test_a_peer_that_moves_is_followed() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        moved = await ScriptedPhone.open(h.wire.open, "10.0.0.4", SERVER, 5062)
        call.invite(HELD, headers=[("Contact", "<sip:caller@10.0.0.4:5062>")])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        h.desk.session.bye()
        moved.reply(await moved.request("BYE"), 200)
        await h.desk.session.closed.wait()


@story
async def test_in_a_call_that_we_placed_our_repeated_reinvite_waits_longer() -> None:
    async with house() as h:
        placed, recorder = h.dial()
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 200, body=ANSWER)
        session = await placed.wait()
        await h.phone.request("ACK")
        pending = asyncio.create_task(session.reinvite(HELD))
        crossed = await h.phone.request("INVITE")
        h.phone.reply(crossed, 491)
        await h.phone.request("ACK")
        now = asyncio.get_running_loop().time()
        again = await h.phone.request("INVITE")
        assert 2.1 <= asyncio.get_running_loop().time() - now <= 4.1
        h.phone.reply(again, 200, body=ANSWER)
        assert (await pending).status == 200
        callee = ScriptedCall.of(h.phone, invite)
        callee.invite(HELD)
        assert (await h.phone.response(200)).body == ANSWER
        callee.ack()
        assert recorder.events == [("reoffered", HELD)]


@story
async def test_a_reinvite_that_is_refused_with_491_for_ever_is_given_up() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.reinvite(HELD))
        for _ in range(4):
            h.phone.reply(await h.phone.request("INVITE"), 491)
        assert (await pending).status == 491
        assert not h.desk.session.closed.is_set()


@story
async def test_two_reinvites_of_ours_go_one_after_the_other() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        both = [asyncio.create_task(h.desk.session.reinvite(body)) for body in (HELD, OFFER)]
        first = await h.phone.request("INVITE")
        await asyncio.sleep(0.2)
        assert h.phone.count("INVITE") == 1
        h.phone.reply(first, 200, body=ANSWER)
        second = await h.phone.request("INVITE")
        assert (first.body, second.body) == (HELD, OFFER)
        h.phone.reply(second, 200, body=ANSWER)
        assert [(await one).status for one in both] == [200, 200]


@story
async def test_a_reinvite_that_nobody_answers_ends_the_call() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        with pytest.raises(SipError) as error:
            await h.desk.session.reinvite(HELD)
        assert error.value.status == 408
        assert h.desk.recorder.events[-1][0] == "gone"
        h.phone.reply(await h.phone.request("BYE"), 200)
        await h.settle()


@pytest.mark.parametrize(("status", "bye"), [(481, 0), (408, 1)])
def test_a_reinvite_refused_with_481_or_408_ends_the_call(status: int, bye: int) -> None:
    async def run() -> None:
        async with house() as h:
            call = h.phone.call()
            await call.connected()
            await asyncio.sleep(1)
            pending = asyncio.create_task(h.desk.session.reinvite(HELD))
            h.phone.reply(await h.phone.request("INVITE"), status)
            assert (await pending).status == status
            assert h.desk.recorder.events[-1][0] == "gone"
            await h.settle()
            assert min(h.phone.count("BYE"), 1) == bye

    run_virtual(run())


@story
async def test_a_reinvite_that_is_thought_about_too_long_is_cancelled() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.reinvite(HELD))
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 100)
        h.phone.reply(await h.phone.request("CANCEL"), 200)
        h.phone.reply(invite, 487)
        assert (await pending).status == 487
        assert not h.desk.session.closed.is_set()


@story
async def test_a_reinvite_whose_caller_loses_patience_is_cancelled() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        await asyncio.sleep(1)
        pending = asyncio.create_task(h.desk.session.reinvite(HELD))
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 100)
        await asyncio.sleep(0.1)
        pending.cancel()
        h.phone.reply(await h.phone.request("CANCEL"), 200)
        h.phone.reply(invite, 487)
        await h.phone.request("ACK")


@story
async def test_a_handler_that_fails_is_a_500_and_the_call_goes_on() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        h.desk.recorder.answer = "nonsense"  # type: ignore[assignment]
        call.request("INFO")
        await h.phone.expect(500)
        assert not h.desk.session.closed.is_set()


@story
async def test_a_request_after_the_end_gets_481() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        await call.answered()
        call.bye()  # before the ACK: the dialog is kept for it
        await h.phone.expect(200)
        call.request("INFO")
        await h.phone.expect(481)


@story
async def test_an_ack_on_the_branch_of_the_invite_counts_too() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        await call.answered()
        call.ack(branch=call.invite_branch)
        await asyncio.sleep(40)
        assert h.desk.recorder.events == [("acknowledged", b"")]
        assert h.phone.count(200) == 1


@story
async def test_a_bye_in_the_early_dialog_takes_the_invite_back() -> None:
    def ring(desk: Desk) -> Callable[[Invitation], None]:
        return lambda invitation: invitation.provisional(180)

    async with house(ring) as h:
        call = h.phone.call()
        call.invite()
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
        callee = ScriptedCall.of(h.phone, invite)
        await h.phone.request("ACK")
        callee.bye()
        await h.phone.response(200)
        assert recorder.events == ["hung up"]
        assert session.closed.is_set()
        await h.settle()
