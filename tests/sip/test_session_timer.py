"""Session timers of RFC 4028: who refreshes, when, and what happens to who does not."""

from __future__ import annotations

import asyncio

import pytest

from offhook.sip import Request, Response, SipError
from offhook.sip.dialogs.session_timer import INTERVAL, SessionTimer
from tests.sip.agents import ANSWER, answered, house, inviting, refusal
from tests.virtual import run_virtual, story
from tests.wire import OFFER

TIMER = ("Supported", "timer")
UPDATES = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")


def the_200(phone: object) -> Response:
    heard = [one for one in phone.heard if isinstance(one, Response) and one.status == 200]  # type: ignore[attr-defined]
    return heard[-1]


@pytest.mark.parametrize(
    ("headers", "said", "required"),
    [
        ([TIMER, ("Session-Expires", "120;refresher=uac")], "120;refresher=uac", "timer"),
        ([TIMER, ("Session-Expires", "120")], "120;refresher=uac", "timer"),
        ([TIMER, ("x", "120 ; refresher=UAC ; more")], "120;refresher=uac", "timer"),
        ([("Require", "timer"), ("Session-Expires", "90")], "90;refresher=uac", "timer"),
        ([TIMER, UPDATES, ("Session-Expires", "120;refresher=uas")], "120;refresher=uas", "timer"),
        # A proxy has asked, not the phone: we refresh alone.
        ([UPDATES, ("Session-Expires", "120")], "120;refresher=uas", None),
        ([UPDATES, ("Session-Expires", "30")], "90;refresher=uas", None),
        ([TIMER, ("Session-Expires", "999999999")], "86400;refresher=uac", "timer"),
        # Who says nothing of UPDATE is refreshed by INVITE.
        ([TIMER, ("Session-Expires", "120;refresher=uas")], "120;refresher=uas", "timer"),
        ([("Session-Expires", "120")], "120;refresher=uas", None),
        # Nobody has asked.
        ([TIMER], None, None),
        ([TIMER, ("Session-Expires", "soon")], None, None),
    ],
)
def test_what_is_asked_for_is_answered(
    headers: list[tuple[str, str]], said: str | None, required: str | None
) -> None:
    async def tale() -> None:
        async with answered(headers=headers, extensions=[SessionTimer]) as (h, call):
            response = the_200(h.phone)
            assert response.headers.get("Session-Expires") == said
            assert response.headers.get("Require") == required
            assert response.headers.get("Supported") == "timer"
            call.ack()
            await h.hangs_up()

    run_virtual(tale())


@story
async def test_an_interval_that_is_too_short_is_refused() -> None:
    async with inviting(extensions=[SessionTimer]) as (h, call):
        await call.answered()
        call.ack()
        call.request("UPDATE", headers=[TIMER, ("Session-Expires", "89")])
        assert (await h.phone.response(422)).headers.get("Min-SE") == "90"
        await h.hangs_up()
        other = h.phone.call()
        other.invite(headers=[TIMER, ("Session-Expires", "60")])
        assert (await h.phone.response(422)).headers.get("Min-SE") == "90"
        other.ack(branch=other.invite_branch)
        await h.settle()


@story
async def test_a_peer_that_refreshes_is_kept_and_one_that_stops_is_hung_up_on() -> None:
    asked = [TIMER, ("Session-Expires", "120;refresher=uac")]
    async with answered(headers=asked, extensions=[SessionTimer]) as (h, call):
        call.ack()
        for method in ("UPDATE", "INVITE", "UPDATE"):
            await asyncio.sleep(80)
            h.phone.heard.clear()
            if method == "INVITE":
                call.invite(headers=asked)
            else:
                call.request("UPDATE", headers=asked)
            refreshed = await h.phone.response(200)
            assert refreshed.headers.get("Session-Expires") == "120;refresher=uac"
            if method == "INVITE":
                call.ack()
        bye = await h.phone.request("BYE", within=90)
        h.phone.reply(bye, 200, tag=None)
        await h.session.closed.wait()
        assert h.events[-1] == ("gone", "the session was not refreshed")


@story
async def test_a_refresh_without_an_interval_ends_the_timing() -> None:
    asked = [TIMER, ("Session-Expires", "120;refresher=uac")]
    async with answered(headers=asked, extensions=[SessionTimer]) as (h, call):
        call.ack()
        call.request("UPDATE")
        await asyncio.sleep(600)
        assert not h.session.closed.is_set()
        await h.hangs_up()


@story
async def test_we_refresh_where_the_peer_has_us_do_it() -> None:
    asked = [TIMER, UPDATES, ("Session-Expires", "120;refresher=uas")]
    async with answered(headers=asked, extensions=[SessionTimer]) as (h, call):
        call.ack()
        for _ in range(3):
            h.phone.heard.clear()
            update = await h.phone.request("UPDATE", within=61)
            assert update.headers.get("Session-Expires") == "120;refresher=uac"
            assert update.headers.get("Min-SE") == "90"
            h.phone.reply(update, 200, tag=None, headers=[("Session-Expires", "120;refresher=uac")])
        h.phone.heard.clear()
        update = await h.phone.request("UPDATE", within=61)
        h.phone.reply(update, 422, tag=None, headers=[("Min-SE", "300")])
        h.phone.heard.clear()
        update = await h.phone.request("UPDATE", within=5)
        assert update.headers.get("Session-Expires") == "300;refresher=uac"
        h.phone.reply(update, 500, tag=None)
        bye = await h.phone.request("BYE", within=121)
        h.phone.reply(bye, 200, tag=None)
        await h.session.closed.wait()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("asks", [[], [("Session-Expires", "999;refresher=uac"), TIMER]])
def test_an_offer_that_is_refused_leaves_the_timing_as_it_was(
    method: str, asks: list[tuple[str, str]]
) -> None:
    asked = [TIMER, ("Session-Expires", "120;refresher=uac")]

    async def tale() -> None:
        async with answered(headers=asked, extensions=[SessionTimer]) as (h, call):
            call.ack()
            h.desk.recorder.refusal = SipError(488)
            if method == "INVITE":
                call.invite(OFFER, asks)
            else:
                call.request("UPDATE", OFFER, [*asks, ("Content-Type", "application/sdp")])
            await h.phone.response(488)
            if method == "INVITE":
                call.ack(branch=call.invite_branch)
            bye = await h.phone.request("BYE", within=121)
            h.phone.reply(bye, 200, tag=None)
            await h.session.closed.wait()
            assert h.events[-1] == ("gone", "the session was not refreshed")

    run_virtual(tale())


@pytest.mark.parametrize("allow", [None, "INVITE, ACK, BYE, CANCEL"])
def test_who_takes_no_update_is_refreshed_by_an_invite(allow: str | None) -> None:
    asked = [TIMER, ("Session-Expires", "120;refresher=uas")]
    asked += [] if allow is None else [("Allow", allow)]

    async def tale() -> None:
        async with answered(headers=asked, extensions=[SessionTimer]) as (h, call):
            call.ack()
            for least in (None, "300"):
                h.phone.heard.clear()
                again = await h.phone.request("INVITE", within=61)
                assert again.body
                assert again.headers.get("Session-Expires") == "120;refresher=uac"
                if least is not None:
                    h.phone.reply(again, 422, tag=None, headers=[("Min-SE", least)])
                    h.phone.heard.clear()
                    again = await h.phone.request("INVITE", within=5)
                    assert again.headers.get("Session-Expires") == "300;refresher=uac"
                    assert again.headers.get("Min-SE") == "300"
                timed = [("Session-Expires", f"{least or 120};refresher=uac")]
                h.phone.reply(again, 200, tag=None, body=ANSWER, headers=timed)
                await h.phone.request("ACK")
                await asyncio.sleep(1)
                assert h.events[-1] == ("acknowledged", ANSWER)
            h.phone.heard.clear()
            await asyncio.sleep(140)
            assert h.phone.count("INVITE") == 0
            assert h.phone.count("UPDATE") == 0
            await h.hangs_up()

    run_virtual(tale())


@pytest.mark.parametrize(("least", "said"), [("3600", "3600"), ("600", str(INTERVAL))])
def test_a_call_of_ours_asks_for_as_long_as_it_must(least: str, said: str) -> None:
    async def tale() -> None:
        async with house(extensions=[SessionTimer]) as h:
            call, _ = h.dial()
            first = await h.phone.request("INVITE")
            h.phone.reply(first, 422, headers=[("Min-SE", least)])
            h.phone.heard.clear()
            again = await h.phone.request("INVITE")
            assert again.call_id == first.call_id
            assert again.cseq.number == first.cseq.number + 1
            assert again.from_ == first.from_
            assert again.headers.get("Session-Expires") == f"{said};refresher=uas"
            assert again.headers.get("Min-SE") == least
            h.phone.reply(again, 200, body=ANSWER)
            await h.hangs_up(await call.wait())

    run_virtual(tale())


@pytest.mark.parametrize("headers", [[("Min-SE", "60")], [("Min-SE", "soon")], []])
def test_a_refusal_that_asks_for_nothing_stands(headers: list[tuple[str, str]]) -> None:
    async def tale() -> None:
        async with house(extensions=[SessionTimer]) as h:
            call, _ = h.dial()
            h.phone.reply(await h.phone.request("INVITE"), 422, headers=headers)
            assert await refusal(call.wait()) == 422
            again, _ = h.dial()
            for _ in range(2):  # once more, and no more
                h.phone.reply(await h.phone.request("INVITE"), 422, headers=[("Min-SE", "3600")])
            assert await refusal(again.wait()) == 422

    run_virtual(tale())


@pytest.mark.parametrize(
    ("status", "headers"),
    [(500, ("Retry-After", "3")), (491, ("x", "y")), (422, ("Min-SE", "100")), (422, ("x", "y"))],
)
def test_a_refresh_that_is_refused_is_tried_again_but_not_at_once(
    status: int, headers: tuple[str, str]
) -> None:
    asked = [TIMER, UPDATES, ("Session-Expires", "120;refresher=uas")]

    async def tale() -> None:
        async with answered(headers=asked, extensions=[SessionTimer]) as (h, call):
            call.ack()
            update = await h.phone.request("UPDATE", within=61)
            for _ in range(2):
                h.phone.reply(update, status, tag=None, headers=[headers])
                count = h.phone.count("UPDATE")
                await asyncio.sleep(10)
                assert h.phone.count("UPDATE") == count
                update = await h.phone.request("UPDATE", within=10)
            h.phone.reply(update, 200, tag=None, headers=[("Session-Expires", "120;refresher=uac")])
            await asyncio.sleep(50)
            assert not h.session.closed.is_set()
            await h.hangs_up()

    run_virtual(tale())


@story
async def test_an_interval_that_is_always_too_short_is_asked_for_now_and_then() -> None:
    asked = [TIMER, UPDATES, ("Session-Expires", "120;refresher=uas")]
    async with answered(headers=asked, extensions=[SessionTimer]) as (h, call):
        call.ack()
        for seconds in (61, 1):  # the second time with all that we take
            update = await h.phone.request("UPDATE", within=seconds)
            h.phone.reply(update, 422, tag=None, headers=[("Min-SE", "999999999")])
        assert update.headers.get("Session-Expires") == "86400;refresher=uac"
        await asyncio.sleep(50)
        assert h.phone.count("UPDATE") == 2
        await h.hangs_up()


@pytest.mark.parametrize(
    ("headers", "ends"),
    [
        ([("Require", "timer"), ("Session-Expires", "600;refresher=uas")], True),
        ([UPDATES, ("Session-Expires", "600;refresher=uac")], True),
        ([], False),
    ],
)
def test_a_call_of_ours_is_timed_as_who_answers_says(headers: list[tuple[str, str]], ends: bool) -> None:
    async def tale() -> None:
        async with house(extensions=[SessionTimer]) as h:
            call, recorder = h.dial()
            invite = await h.phone.request("INVITE")
            assert invite.headers.get("Supported") == "timer"
            assert invite.headers.get("Session-Expires") == f"{INTERVAL};refresher=uas"
            h.phone.reply(invite, 200, body=b"v=0\r\n", headers=headers)
            session = await call.wait()
            if not ends:
                await asyncio.sleep(INTERVAL * 2)
                assert not session.closed.is_set()
                session.bye()
            bye = await h.phone.request("BYE", within=601)
            h.phone.reply(bye, 200, tag=None)
            await session.closed.wait()
            updates = [one for one in h.phone.heard if isinstance(one, Request) and one.method == "UPDATE"]
            assert bool(updates) is ("uac" in str(headers))
            assert [one[0] for one in recorder.events if one[0] == "gone"] == ["gone"] * ends

    run_virtual(tale())
