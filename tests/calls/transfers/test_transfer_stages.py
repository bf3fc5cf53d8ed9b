"""Who leaves when: a transfer that is cut off at each of its stages, from each side, on the virtual clock.
What is reported, what the other side gets, and (`on_the_line` looks) that nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.calls.house import House, virtual
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.calls.transfers.line import (
    Document,
    check,
    dial,
    on_the_line,
    refer_to,
    send_on,
    sip,
    transferred,
)
from tests.calls.transfers.operator import Operator
from tests.virtual import run_virtual

pytestmark = pytest.mark.slow

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


MOMENTS = [0.0, 0.004, 0.006, 0.01, 0.012, 0.02, 0.5, 1.9, 2.0, 2.005, 2.01, 2.015, 2.02, 2.03, 2.1, 3.0]


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_caller_leaves_at_any_moment_of_a_dial(tmp_path: Path, moment: float) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, _operator):
            send_on(house, sip(dial()))
            await asyncio.sleep(moment)
            call.hang_up()
            await ended(house)
            assert house.ports.in_use == 0
            reason = house.report["endedReason"]
            assert reason in ("customer-ended-call-during-transfer", "assistant-forwarded-call")
            expected = "cancelled" if reason.startswith("customer") else "completed"
            check(house, reason, expected)
            if moment < 1.9:
                assert expected == "cancelled"

    run_virtual(story())


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.04, 0.3])
def test_the_destination_leaves_as_soon_as_it_has_answered(tmp_path: Path, moment: float) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, operator):
            send_on(house, sip(dial()))
            await operator.until(lambda: operator.leg is not None, 10)
            await asyncio.sleep(moment)
            operator.hang_up()
            assert await call.ended() == "BYE from the node"
            await ended(house)
        assert house.report["endedReason"] == "assistant-forwarded-call"

    run_virtual(story())


@virtual
async def test_the_node_ends_the_call_while_the_destination_rings(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        operator.answers_after = None
        send_on(house, sip(dial()))
        await operator.until(lambda: operator.invites, 5)
        await house.calls.end_call(house.call_id)
        assert await call.ended() == "BYE from the node"
        await operator.until(lambda: operator.cancelled, 5)

    check(house, "manually-canceled", "cancelled")


@virtual
async def test_a_caller_whose_line_dies_while_joined(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        await operator.connected()
        call.muted = True
        assert await operator.ended(40) == "hung-up"
        await ended(house)

    check(house, "call.in-progress.error-assistant-did-not-receive-customer-audio", "completed")


@virtual
async def test_an_operator_whose_line_dies_while_joined(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        await operator.connected()
        assert operator.leg is not None
        assert operator.leg.stream is not None
        stream = operator.engine.legs[operator.leg.stream.number].stream
        assert stream is not None
        operator.clock.remove(stream)
        assert await call.ended(40) == "BYE from the node"
        await operator.ended()
        await ended(house)

    check(house, "assistant-forwarded-call", "completed")


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
