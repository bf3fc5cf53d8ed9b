"""Session timers of RFC 4028: who refreshes, when, and what happens to who does not."""

from __future__ import annotations

import asyncio

import pytest

from offhook.sip import Request, Response
from offhook.sip.dialogs.session_timer import INTERVAL, SessionTimer
from tests.sip.agents import answered, house, inviting
from tests.virtual import run_virtual, story

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
        # Nobody could refresh, or nobody has asked.
        ([TIMER, ("Session-Expires", "120;refresher=uas")], None, None),
        ([("Session-Expires", "120")], None, None),
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
        ([("Session-Expires", "600;refresher=uac")], True),
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
