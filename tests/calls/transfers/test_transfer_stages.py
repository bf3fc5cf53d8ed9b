"""Who leaves when: a transfer that is cut off at each of its stages, from each side, on the virtual clock.
What is reported, what the other side gets, and (`on_the_line` looks) that nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from offhook.sip.message import Response
from tests.calls.house import House, virtual
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.calls.transfers.operator import Operator
from tests.calls.transfers.test_transfer import (
    Document,
    check,
    dial,
    on_the_line,
    refer_to,
    send_on,
    sip,
    transferred,
)
from tests.virtual import run_virtual

Stage = Callable[[House, PhoneCall, Operator], Awaitable[None]]

DURING = "customer-ended-call-during-transfer"
BEFORE_WARM = "customer-ended-call-before-warm-transfer"
FORWARDED = "assistant-forwarded-call"
ANNOUNCED = "warm-transfer-say-message"
ASKED = "warm-transfer-wait-for-operator-to-speak-first-and-then-say-message"


async def at_once(house: House, call: PhoneCall, operator: Operator) -> None:
    """In the moment that the transfer begins."""


async def ringing(house: House, call: PhoneCall, operator: Operator) -> None:
    await operator.until(lambda: operator.invites, 10)
    await asyncio.sleep(0.5)


async def answering(house: House, call: PhoneCall, operator: Operator) -> None:
    """The 200 is on its way."""
    await operator.until(lambda: operator.leg is not None, 10)


async def joined(house: House, call: PhoneCall, operator: Operator) -> None:
    await operator.connected()
    await asyncio.sleep(1)


async def referring(house: House, call: PhoneCall, operator: Operator) -> None:
    """The phone has the REFER and says nothing to it."""
    await refer_to(call)


async def notified_early(house: House, call: PhoneCall, operator: Operator) -> None:
    """The NOTIFY has overtaken the 202."""
    await refer_to(call)
    call.notify(100, "Trying")
    await asyncio.sleep(0.1)


async def accepted(house: House, call: PhoneCall, operator: Operator) -> None:
    await refer_to(call)
    await asyncio.sleep(0.1)


async def trying(house: House, call: PhoneCall, operator: Operator) -> None:
    await accepted(house, call, operator)
    call.notify(180, "Ringing")
    await asyncio.sleep(0.1)


REFER: Document = {"mode": "blind-transfer", "sipVerb": "refer"}


@pytest.mark.parametrize(
    ("plan", "stage", "takes", "reason", "status"),
    [
        (dial(), at_once, 202, DURING, "cancelled"),
        (dial(), ringing, 202, DURING, "cancelled"),
        (dial(), answering, 202, FORWARDED, "completed"),
        (dial(), joined, 202, FORWARDED, "completed"),
        (REFER, at_once, 202, DURING, "cancelled"),
        (REFER, referring, None, DURING, "cancelled"),
        (REFER, notified_early, None, FORWARDED, "completed"),
        (REFER, accepted, 202, FORWARDED, "completed"),
        (REFER, trying, 202, FORWARDED, "completed"),
        ({"mode": ANNOUNCED, "message": "A caller waits."}, ringing, 202, BEFORE_WARM, "cancelled"),
        ({"mode": ANNOUNCED, "message": "A caller waits."}, answering, 202, BEFORE_WARM, "cancelled"),
        ({"mode": ASKED, "message": "A caller waits."}, joined, 202, BEFORE_WARM, "cancelled"),
    ],
)
def test_the_caller_hangs_up(
    tmp_path: Path, plan: Document, stage: Stage, takes: int | None, reason: str, status: str
) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, operator):
            call.phone.answers["REFER"] = takes
            send_on(house, sip(plan))
            await stage(house, call, operator)
            was_up = operator.leg is not None
            call.hang_up()
            await ended(house)
            if was_up:
                assert await operator.ended() == "hung-up"
            elif plan.get("sipVerb") != "refer":
                # Taken back, or never called.
                await asyncio.sleep(1)
                assert operator.cancelled == len(operator.invites)
        check(house, reason, status)

    run_virtual(story())


@pytest.mark.parametrize(
    ("plan", "stage", "status"),
    [
        (dial(), answering, "completed"),
        (dial(), joined, "completed"),
        ({"mode": ANNOUNCED, "message": "A caller waits, a patient one."}, answering, "failed"),
        ({"mode": ASKED, "message": "A caller waits."}, joined, "failed"),
    ],
)
def test_the_destination_hangs_up(tmp_path: Path, plan: Document, stage: Stage, status: str) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, operator):
            send_on(house, sip(plan))
            await stage(house, call, operator)
            operator.hang_up()
            assert await call.ended() == "BYE from the node"
            await ended(house)
        check(house, FORWARDED if status == "completed" else "call.in-progress.error-transfer-failed", status)

    run_virtual(story())


@virtual
async def test_the_caller_hangs_up_while_it_is_told_of_the_transfer(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, {**sip(dial()), "message": "I will connect you with somebody at the desk now."})
        await call.hears()
        call.hang_up()
        await ended(house)

    assert house.report["endedReason"] == "customer-ended-call"
    assert house.report["artifact"]["transfers"] == []
    assert operator.invites == []


# -- what crosses -----------------------------------------------------------------------------------


@virtual
async def test_both_hang_up_at_once(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        await joined(house, call, operator)
        operator.hang_up()
        call.hang_up()
        await ended(house)

    check(house, FORWARDED, "completed")


@virtual
async def test_the_caller_holds_and_resumes_while_joined(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        await joined(house, call, operator)
        assert (await call.reoffer("sendonly")).status == 200
        await asyncio.sleep(40)
        assert operator.is_up
        assert (await call.reoffer()).status == 200
        await asyncio.sleep(0.2)
        before = len(call.heard_at)
        await operator.says(1.0)
        await asyncio.sleep(0.3)
        heard = len(call.heard_at) - before
        operator.hang_up()
        await ended(house)

    assert heard > 45
    check(house, FORWARDED, "completed")


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
        call.notify(486, "Busy", event="refer;id=2")
        await asyncio.sleep(0.1)
        await call.ended()
        await ended(house)

    assert answers_to(call, "NOTIFY") == [481, 200]
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


# -- ringing, ports, figures ------------------------------------------------------------------------


@virtual
async def test_what_the_destination_plays_before_its_answer_is_heard_instead_of_our_ringing(
    tmp_path: Path,
) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        operator.plays_early, operator.answers_after = True, 9.0
        send_on(house, sip(dial()))
        await operator.until(lambda: operator.invites, 10)
        began = house.loop.time()
        await asyncio.sleep(2.6)
        ours = [at for at in call.heard_at if at > began]
        await operator.says(0.5)
        await asyncio.sleep(3.5)
        theirs = [at for at in call.heard_at if at > began + 2.6]
        await operator.connected()
        operator.hang_up()
        await call.ended()
        await ended(house)

    assert len(ours) == pytest.approx(100, abs=5)
    assert len(theirs) == pytest.approx(25, abs=2)
    assert operator.heard_at == []


@virtual
async def test_without_a_port_for_the_second_leg_the_transfer_fails_and_the_call_goes_on(
    tmp_path: Path,
) -> None:
    async with on_the_line(tmp_path, ports=(20000, 20001)) as (house, call, operator):
        plan = dial(fallbackPlan={"message": "Nobody can be called now.", "endCallEnabled": False})
        send_on(house, sip(plan))
        await call.hears_the_end()
        assert call.is_up
        call.hang_up()
        await ended(house)

    assert operator.invites == []
    entry = transferred(house)
    assert entry["status"] == "failed"
    assert "no audio ports for a second leg" in entry["failureReason"]
    assert house.report["transcript"].endswith("AI: Nobody can be called now.\n")
    check(house, "customer-ended-call", "failed")


@virtual
async def test_the_other_legs_audio_is_in_the_record(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        await joined(house, call, operator)
        call.hang_up()
        await ended(house)

    figures = transferred(house)["statistics"]
    assert figures["codec"] == "PCMU"
    assert figures["packetsReceived"] == pytest.approx(50, abs=3)
    assert figures["packetsSent"] == pytest.approx(50, abs=3)
    assert figures["packetsLost"] == figures["framesConcealed"] == 0
