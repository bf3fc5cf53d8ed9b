"""INVITEs to a number whose owner thinks for long: those who have never acknowledged a call make room."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offhook.calls.admission.entrance import EntranceLimits
from offhook.calls.admission.ringing import PATIENCE
from tests.calls.house import NUMBER, House, open_house, virtual
from tests.calls.phone import Phone, PhoneCall
from tests.calls.test_unacknowledged import forged, own_source

PLACES = 16


def thinks_for(house: House, seconds: float) -> None:
    """The owner of `desk` needs so long to say that it is the usual assistant; `front` answers at once."""
    house.directory.numbers["front"] = {**NUMBER, "id": "number-2", "sipUri": "sip:front@10.0.0.2"}
    del house.number["assistantId"]

    async def answering(message: dict[str, Any]) -> Mapping[str, Any]:
        if message["type"] != "assistant-request":
            return {}
        await asyncio.sleep(seconds)
        return {"assistantId": "assistant-1"}

    house.answering = answering


async def flood(house: House, phone: Phone, per_second: int, seconds: int) -> None:
    for number in range(per_second * seconds):
        forged(house, phone, own_source(number))
        await asyncio.sleep(1 / per_second)


async def up_and_away(phone: Phone, user: str) -> None:
    call = await phone.dial(user).connect()
    call.hang_up()
    await asyncio.sleep(1)


@virtual
async def test_who_has_acknowledged_a_call_before_gets_the_place_of_who_has_not(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(PLACES)) as house:
        thinks_for(house, 7.0)
        known = await house.phone("10.0.0.1")
        await up_and_away(known, "front")
        stranger = await house.phone("10.0.0.9")
        flooding = asyncio.create_task(flood(house, stranger, 40, 10))
        await asyncio.sleep(2)
        assert len(house.calls) >= PLACES
        call: PhoneCall = known.dial("front")
        await call.place()
        await asyncio.sleep(1)
        assert call.is_up, call.ended_by
        await flooding


@virtual
async def test_who_is_known_rings_on_while_others_make_room(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(PLACES)) as house:
        thinks_for(house, 7.0)
        known = await house.phone("10.0.0.1")
        await up_and_away(known, "front")
        ringing = known.dial("desk")
        await ringing.place()
        stranger = await house.phone("10.0.0.9")
        await flood(house, stranger, 40, 6)
        await asyncio.sleep(3)
        assert ringing.is_up, ringing.ended_by


@virtual
async def test_among_who_is_not_known_the_one_that_rings_for_longest_makes_room(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(PLACES)) as house:
        thinks_for(house, 7.0)
        stranger = await house.phone("10.0.0.9")
        for number in range(PLACES):
            forged(house, stranger, own_source(number))
        await asyncio.sleep(PATIENCE / 2)
        newcomer = await house.phone("10.0.0.1")
        early = newcomer.dial("front")
        await early.place()
        await asyncio.sleep(PATIENCE)
        assert early.ended_by == "503"
        late = newcomer.dial("front")
        await late.place()
        await asyncio.sleep(1)
        assert late.is_up
        ended = [row for row in house.ledger.rows.values() if row["status"] == "ended"]
        assert [row["endedReason"] for row in ended] == ["call.start.error-vapifault-worker-not-available"]


@virtual
async def test_no_more_calls_than_places_are_up_whoever_makes_room(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(PLACES)) as house:
        thinks_for(house, 7.0)
        phones = [await house.phone(f"10.0.1.{number}") for number in range(PLACES)]
        for phone in phones:
            await up_and_away(phone, "front")
        stranger = await house.phone("10.0.0.9")
        for number in range(PLACES):
            forged(house, stranger, own_source(number))
        await asyncio.sleep(1)
        calls = [phone.dial("front") for phone in phones for _ in range(2)]
        for call in calls:
            await call.place()
        await asyncio.sleep(2)
        assert sum(call.is_up for call in calls) == PLACES
        assert len(house.calls) == PLACES
