"""Callers who are sent on by a REFER: what the phone gets, what it tells, and what is made of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.sip.messages.message import Response
from tests.calls.house import virtual
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.calls.transfers.line import (
    APOLOGY,
    Document,
    check,
    on_the_line,
    refer_to,
    send_on,
    sip,
)
from tests.calls.transfers.operator import DESK
from tests.virtual import run_virtual

pytestmark = pytest.mark.slow

DURING = "customer-ended-call-during-transfer"
FORWARDED = "assistant-forwarded-call"
REFER: Document = {"mode": "blind-transfer", "sipVerb": "refer"}


@virtual
async def test_refer_is_followed_to_its_end(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(sipHeaders={"X-Ticket": "12"}))
        refer = await refer_to(call)
        call.notify(180, "Ringing")
        await asyncio.sleep(0.5)
        assert call.is_up
        call.notify(200)
        assert await call.ended() == "BYE from the node"
        await ended(house)

    assert refer.headers.get("Refer-To") == f"<{DESK}>"
    assert refer.headers.get("X-Ticket") == "12"
    assert refer.headers.get("Referred-By") == "<sip:desk@10.0.0.2:5060>"
    assert refer.contact is not None
    assert operator.invites == []
    check(house, "assistant-forwarded-call", "completed")


@virtual
async def test_headers_may_go_into_the_refer_to(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        plan = {"mode": "blind-transfer", "sipHeadersInReferToEnabled": True}
        send_on(house, sip(plan, sipHeaders={"X-Ticket": "a b"}))
        refer = await refer_to(call)
        call.notify(200)
        await ended(house)

    assert refer.headers.get("Refer-To") == f"<{DESK}?X-Ticket=a%20b>"
    assert "X-Ticket" not in refer.headers


@pytest.mark.parametrize(
    ("status", "kept", "reason"),
    [
        (486, "busy", "call.forwarding.operator-busy"),
        (408, "no-answer", "call.forwarding.no-answer"),
        (404, "failed", "call.in-progress.error-transfer-failed"),
    ],
)
def test_a_refer_that_leads_nowhere(tmp_path: Path, status: int, kept: str, reason: str) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, operator):
            send_on(house, sip())
            await refer_to(call)
            call.notify(status, "No")
            assert await call.ended() == "BYE from the node"
            await ended(house)
        check(house, reason, kept)
        assert APOLOGY in house.report["transcript"]
        assert operator.invites == []

    run_virtual(story())


@virtual
async def test_a_phone_without_refer_is_dialled_for(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        call.phone.answers["REFER"] = 405
        send_on(house, sip())
        await operator.connected()
        operator.hang_up()
        await ended(house)

    check(house, "assistant-forwarded-call", "completed")


@pytest.mark.parametrize(
    "plan",
    [
        {"mode": "blind-transfer", "sipVerb": "refer"},
        {"mode": "blind-transfer", "fallbackPlan": {"message": APOLOGY}},
    ],
)
def test_a_plan_that_says_what_is_to_happen_is_not_dialled(tmp_path: Path, plan: Document) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, operator):
            call.phone.answers["REFER"] = 603
            send_on(house, sip(plan))
            assert await call.ended() == "BYE from the node"
            await ended(house)
        assert operator.invites == []
        assert house.report["transcript"].endswith(f"AI: {APOLOGY}\n")
        check(house, "call.in-progress.error-transfer-failed", "failed")

    run_virtual(story())


@pytest.mark.parametrize("answered", [202, 481])
def test_a_refer_that_crosses_the_callers_bye(tmp_path: Path, answered: int) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, _operator):
            call.phone.answers["REFER"] = answered
            send_on(house, sip(REFER))
            call.hang_up()
            await ended(house)
        check(house, DURING, "cancelled")

    run_virtual(story())


# -- NOTIFY -----------------------------------------------------------------------------------------


@virtual
async def test_a_phone_that_never_tells_is_believed_after_a_minute(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip(REFER))
        await refer_to(call)
        since = house.loop.time()
        assert await call.ended() == "BYE from the node"
        took = house.loop.time() - since
        await ended(house)

    assert took == pytest.approx(60, abs=1)
    check(house, FORWARDED, "completed")


@virtual
async def test_a_phone_that_will_tell_no_more_is_believed_at_once(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip(REFER))
        await refer_to(call)
        since = house.loop.time()
        call.notify(100, "Trying", state="terminated;reason=noresource")
        assert await call.ended() == "BYE from the node"
        took = house.loop.time() - since
        await ended(house)

    assert took < 1
    check(house, FORWARDED, "completed")


def answers_to(call: PhoneCall, method: str) -> list[int]:
    return [one.status for one in call.phone.heard if isinstance(one, Response) and one.cseq.method == method]


@virtual
async def test_a_notify_of_something_else_decides_nothing(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip(REFER))
        await refer_to(call)
        await asyncio.sleep(0.1)
        call.notify(486, "Busy", event="message-summary")
        await asyncio.sleep(0.1)
        call.notify_with(b"", state="active")
        await asyncio.sleep(0.1)
        call.notify(486, "Busy", event="Refer; id=2;")
        await asyncio.sleep(0.1)
        await call.ended()
        await ended(house)

    assert answers_to(call, "NOTIFY") == [481, 200, 200]
    check(house, "call.forwarding.operator-busy", "busy")


@virtual
async def test_a_notify_after_the_end_is_refused(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip(REFER))
        await refer_to(call)
        call.notify(200)
        assert await call.ended() == "BYE from the node"
        await ended(house)
        call.notify(486, "Busy")
        await asyncio.sleep(0.1)

    assert answers_to(call, "NOTIFY") == [200, 481]
    check(house, FORWARDED, "completed")


# What a NOTIFY that ends the subscription may look like: its body, its type, its Subscription-State.
PARTS = (
    b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    b"--x\r\nContent-Type: message/sipfrag;version=2.0\r\n\r\nSIP/2.0 486 Busy Here\r\n--x--\r\n"
)
BUSY = ("call.forwarding.operator-busy", "busy")
GIVEN_UP = ("call.in-progress.error-transfer-failed", "failed")
GONE = (FORWARDED, "completed")
ENDINGS: list[tuple[bytes, str, str | None, tuple[str, str]]] = [
    (b"", "", "terminated;reason=rejected", GIVEN_UP),
    (b"", "", "Terminated ; Reason = Rejected ;", GIVEN_UP),
    (b"", "message/sipfrag;version=2.0", "terminated;reason=giveup", GIVEN_UP),
    (b"", "", "terminated;reason=timeout", GIVEN_UP),
    (b"", "", "terminated;reason=deactivated;retry-after=3", GIVEN_UP),
    (b"", "", 'terminated;reason="probation"', GIVEN_UP),
    (b"SIP/2.0 100 Trying\r\n", "message/sipfrag", "terminated;reason=rejected", GIVEN_UP),
    (b"no idea", "text/plain", "terminated;reason=rejected", GIVEN_UP),
    (b"", "", "terminated;reason=noresource", GONE),
    (b"", "", "terminated", GONE),
    (b"\r\n\r\nSIP/2.0 486 Busy Here\r\n", "message/sipfrag", "terminated;reason=noresource", BUSY),
    (b"\n \tSIP/2.0  486", "message/sipfrag", "terminated;reason=noresource", BUSY),
    (b"sip/2.0 486 busy", "text/plain", "terminated;reason=noresource", BUSY),
    (b"SIP/2.0 486 Busy\r\n", "", "terminated;reason=noresource", BUSY),
    (b"SIP/2.0 486 Busy\r\n", "message/sipfrag;version=2.0", None, BUSY),
    (b"SIP/2.0 486 Busy\r\n", "message/sipfrag", "active;expires=30", BUSY),
    (PARTS, "multipart/mixed;boundary=x", "terminated;reason=noresource", BUSY),
    (b"SIP/2.0 200 OK\r\n", "message/sip", "terminated;reason=rejected", GONE),
]


@pytest.mark.parametrize(("body", "kind", "state", "outcome"), ENDINGS)
def test_the_end_of_a_subscription_in_every_form_is_the_end_of_the_refer(
    tmp_path: Path, body: bytes, kind: str, state: str | None, outcome: tuple[str, str]
) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, _operator):
            send_on(house, sip(REFER))
            await refer_to(call)
            since = house.loop.time()
            call.notify_with(body, state=state, kind=kind)
            await call.ended()
            told = house.loop.time() - since
            await ended(house)
        assert answers_to(call, "NOTIFY") == [200]
        # At once, or once the caller has been told: not after the minute of a phone that says nothing.
        assert told < 30
        check(house, *outcome)
        assert (APOLOGY in house.report["transcript"]) is (outcome != GONE)

    run_virtual(story())


@virtual
async def test_a_fallback_that_goes_on_is_spoken_when_the_phone_rejects(tmp_path: Path) -> None:
    fallback = {"message": "Nobody there.", "endCallEnabled": False}
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip({**REFER, "fallbackPlan": fallback}))
        await refer_to(call)
        call.notify_with(b"", state="terminated;reason=rejected")
        await call.hears_the_end()
        assert call.is_up
        call.hang_up()
        await ended(house)

    assert "AI: Nobody there." in house.report["transcript"]
    assert house.report["endedReason"] == "customer-ended-call"


@virtual
async def test_what_is_left_of_an_earlier_refer_does_not_end_the_next(tmp_path: Path) -> None:
    fallback = {"message": "Nobody there.", "endCallEnabled": False}
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip({**REFER, "fallbackPlan": fallback}))
        first = await refer_to(call)
        call.notify(486, "Busy")
        await call.hears_the_end()
        send_on(house, sip({**REFER, "fallbackPlan": fallback}))
        await refer_to(call)
        old = f"refer;id={first.cseq.number}"
        call.notify_with(b"SIP/2.0 486 Busy", state="terminated;reason=noresource", event=old)
        await asyncio.sleep(1)
        call.notify(200)
        assert await call.ended() == "BYE from the node"
        await ended(house)

    assert house.report["endedReason"] == FORWARDED


@virtual
async def test_a_phone_that_hangs_up_as_soon_as_it_has_taken_the_refer_went_there(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, sip(REFER))
        await refer_to(call)
        await asyncio.sleep(0.1)
        call.hang_up()
        await ended(house)

    check(house, FORWARDED, "completed")
