"""Callers whose ACK never comes hold no place for long where places run short."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.calls.admission.entrance import EntranceLimits
from offhook.network import Address
from tests.calls.house import House, open_house, virtual
from tests.calls.phone import Phone, PhoneCall


def forged(house: House, phone: Phone, sender: Address) -> None:
    """An INVITE for a number that answers everybody, from who knows whom."""
    call = PhoneCall(phone, "desk")
    sdp = (
        f"v=0\r\no=- 1 1 IN IP4 {sender.host}\r\ns=-\r\nc=IN IP4 {sender.host}\r\nt=0 0\r\n"
        "m=audio 30000 RTP/AVP 0\r\n"
    )
    headers = [("Content-Type", "application/sdp")]
    invite = call.make("INVITE", 1, phone.branch(), sdp.encode(), headers)
    house.wire.carry(invite, sender, phone.server)


def own_source(number: int) -> Address:
    return Address(f"10.9.{number >> 8}.{number & 255}", 5060)


async def called(house: House, host: str, **options: int) -> PhoneCall:
    phone = await house.phone(host, **options)
    call = phone.dial()
    await call.place()
    await asyncio.sleep(2)
    return call


@pytest.mark.slow
@pytest.mark.parametrize("per_second", [8, 20])
@virtual
async def test_forged_invites_each_of_a_source_of_its_own_keep_nobody_out(
    tmp_path: Path, per_second: int
) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(64)) as house:
        up = await called(house, "10.0.0.1")
        stranger = await house.phone("10.0.0.9")

        async def flood() -> None:
            for number in range(15 * per_second):
                forged(house, stranger, own_source(number))
                await asyncio.sleep(1 / per_second)

        flooding = asyncio.create_task(flood())
        for second in range(2):
            await asyncio.sleep(5)
            call = await called(house, f"10.0.1.{second}")
            assert call.is_up, call.ended_by
            call.hang_up()
            assert len(house.calls) < 60
        await flooding
        assert up.is_up


@virtual
async def test_all_places_taken_at_once_are_free_again_soon(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(40)) as house:
        stranger = await house.phone("10.0.0.9")
        for number in range(60):
            forged(house, stranger, own_source(number))
        await asyncio.sleep(1)
        assert len(house.calls) == 40
        await asyncio.sleep(3)
        call = await called(house, "10.0.1.1")
        assert call.is_up


@virtual
async def test_while_places_are_left_a_slow_ack_is_waited_for(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(40)) as house:
        phone = await house.phone()
        call = phone.dial()
        call.acknowledges = False
        await call.connect()
        await asyncio.sleep(20)
        assert call.is_up
        call.ack(cseq=1)
        await asyncio.sleep(1)
        assert house.row["status"] == "in-progress"


@virtual
async def test_where_calls_that_are_up_take_the_places_a_slow_ack_is_waited_for(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(16)) as house:
        up = await asyncio.gather(*(called(house, f"10.0.0.{host}") for host in range(10, 23)))
        phone = await house.phone("10.0.0.9")
        call = phone.dial()
        call.acknowledges = False
        await call.connect()
        await asyncio.sleep(20)
        assert call.is_up
        call.ack(cseq=1)
        await asyncio.sleep(1)
        assert call.is_up
        assert all(one.is_up for one in up)


@virtual
async def test_calls_that_are_up_stay_when_places_run_short(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(8)) as house:
        calls = [await called(house, f"10.0.0.{host}") for host in range(10, 18)]
        await asyncio.sleep(10)
        assert all(call.is_up for call in calls)


@virtual
async def test_who_acknowledges_too_late_is_hung_up_on(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(2)) as house:
        phone = await house.phone()
        call = phone.dial()
        call.acknowledges = False
        await call.connect()
        await asyncio.sleep(6)
        assert len(house.calls) == 0
        assert house.row["endedReason"] == "call.ringing.error-sip-inbound-call-failed-to-connect"
        call.ack(cseq=1)
        assert await call.ended(5) == "BYE from the node"
