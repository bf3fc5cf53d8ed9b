"""Who keeps others out, and what it gets for it: places, unknown numbers, what breaks on the way."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.admission import entrance
from offhook.calls.admission.entrance import EntranceLimits
from offhook.network import Address
from offhook.network.sources import Sources
from tests.calls.house import House, open_house, virtual
from tests.calls.phone import Phone, PhoneCall

FLOOD = 300
"""INVITEs a second."""


async def flood(phone: Phone, seconds: int, users: Any, per_second: int = FLOOD) -> list[PhoneCall]:
    """INVITEs to what `users(n)` names, none of them acknowledged or repeated."""
    calls = []
    for number in range(seconds * per_second):
        call = PhoneCall(phone, users(number))
        call.invite()
        calls.append(call)
        await asyncio.sleep(1 / per_second)
    return calls


async def gets_through(house: House, host: str, user: str = "desk") -> None:
    caller = await house.phone(host)
    call = await caller.dial(user).connect()
    call.hang_up()


@virtual
async def test_one_source_cannot_have_every_place(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(16)) as house:
        greedy = await house.phone("10.0.0.9")
        calls = [greedy.dial() for _ in range(16)]
        for call in calls:
            await call.place()
        await asyncio.sleep(1)
        assert sum(call.is_up for call in calls) == 14
        assert {call.ended_by for call in calls if not call.is_up} == {"503"}
        await gets_through(house, "10.0.0.1")
        await gets_through(house, "10.0.0.3")


@virtual
async def test_a_trusted_source_may_have_every_place(tmp_path: Path) -> None:
    trusted = Sources([ipaddress.ip_network("10.0.0.0/28")])
    async with open_house(tmp_path, limits=EntranceLimits(16, sources=trusted)) as house:
        pbx = await house.phone("10.0.0.9")
        calls = [pbx.dial() for _ in range(17)]
        for call in calls:
            await call.place()
        await asyncio.sleep(1)
        assert sum(call.is_up for call in calls) == 16


@virtual
async def test_a_flood_to_unknown_numbers_leaves_nothing_and_keeps_nobody_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(16)) as house:
        await gets_through(house, "10.0.0.1")
        asked: list[str] = []
        number = house.directory.number

        async def asking(user: str) -> Any:
            asked.append(user)
            return await number(user)

        house.directory.number = asking  # type: ignore[method-assign]
        scanner = await house.phone("10.0.0.9")
        scanner.placed.clear()
        with caplog.at_level(logging.INFO):
            flooding = asyncio.create_task(flood(scanner, 8, lambda n: f"{n}"))
            for second in range(7):
                await asyncio.sleep(1)
                assert house.agent.transactions <= 8
                if second % 3 == 2:
                    await gets_through(house, f"10.0.1.{second}")
            # A neighbour behind the same address may even call what nobody has called yet.
            house.directory.numbers["first"] = {**house.number, "sipUri": "sip:first@10.0.0.2"}
            neighbour = await house.phone("10.0.0.9", port=5070)
            call = await neighbour.dial("first").connect()
            call.hang_up()
            await flooding
        await asyncio.sleep(1)
        # Each got an answer, few of them a look into the database.
        assert scanner.count(404) + scanner.count(480) == 8 * FLOOD
        assert scanner.count(503) == 0
        assert len(asked) <= entrance.MISSES[1] + 9 * entrance.MISSES[0] + 10
        written = sum(len(line) + 1 for line in caplog.messages if "refused" in line)
        assert written < 8 * 1024
        # What is known is answered to the scanner too, and what is not to everybody else.
        await gets_through(house, "10.0.0.8")
        house.directory.numbers["new"] = {**house.number, "sipUri": "sip:new@10.0.0.2"}
        await gets_through(house, "10.0.0.7", "new")


@virtual
async def test_an_exchange_that_misdials_still_reaches_what_was_called_before(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await gets_through(house, "10.0.0.1")
        pbx = await house.phone("10.0.0.9")
        await flood(pbx, 1, lambda n: f"wrong-{n}")
        call = await pbx.dial().connect()
        call.hang_up()
        # After a while it may ask for others again.
        await asyncio.sleep(10)
        house.directory.numbers["new"] = {**house.number, "sipUri": "sip:new@10.0.0.2"}
        call = await pbx.dial("new").connect()
        call.hang_up()


@pytest.mark.slow
@virtual
async def test_known_numbers_are_not_counted(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(1000)) as house:
        for number in range(300):
            house.directory.numbers[f"did-{number}"] = dict(house.number)
        pbx = await house.phone("10.0.0.9")
        calls = [pbx.dial(f"did-{number}") for number in range(300)]
        for call in calls:
            await call.place()
            await asyncio.sleep(1 / 150)
        await asyncio.sleep(1)
        assert all(call.is_up for call in calls)


@virtual
async def test_forged_senders_share_what_there_is_for_unknown_numbers(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await gets_through(house, "10.0.0.1")
        asked: list[str] = []
        number = house.directory.number

        async def asking(user: str) -> Any:
            asked.append(user)
            return await number(user)

        house.directory.number = asking  # type: ignore[method-assign]
        scanner = await house.phone("10.0.0.9")
        scanner.placed.clear()
        for sender in range(2000):
            forged = Address(f"10.9.{sender >> 8}.{sender & 255}", 5060)
            invite = PhoneCall(scanner, f"{sender}").make("INVITE", 1, scanner.branch())
            house.wire.carry(invite, forged, scanner.server)
            await asyncio.sleep(0.001)
        assert len(asked) < 1200
        await gets_through(house, "10.0.0.8")
        assert house.agent.transactions <= 8


@virtual
async def test_look_ups_that_hang_leave_room_for_others(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(1000)) as house:
        await gets_through(house, "10.0.0.1")
        number = house.directory.number

        async def slow(user: str) -> Any:
            if user != "desk":
                await asyncio.sleep(60)
            return await number(user)

        house.directory.number = slow  # type: ignore[method-assign]
        scanner = await house.phone("10.0.0.9")
        flooding = asyncio.create_task(flood(scanner, 2, lambda n: f"{n}"))
        await asyncio.sleep(1.5)
        assert house.agent.transactions <= entrance.LOOK_UPS + 8
        await gets_through(house, "10.0.0.8")
        await flooding
        await asyncio.sleep(60)


@virtual
async def test_a_challenge_leaves_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(8)) as house:
        house.number["authentication"] = {"username": "u" * 20, "password": "p" * 20}
        stranger = await house.phone("10.0.0.9")
        await flood(stranger, 1, lambda n: "desk")
        await asyncio.sleep(0.1)
        assert stranger.count(401) == FLOOD
        assert house.agent.transactions == 0


def fail(*given: object) -> None:
    raise RuntimeError("broken")


@virtual
async def test_what_breaks_while_a_call_is_let_in_is_answered(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(1)) as house:
        phone = await house.phone()
        for broken in ("challenge", "over_the_limit"):
            with pytest.MonkeyPatch.context() as patch:
                if broken == "challenge":
                    patch.setattr(house.calls._admission, "challenge", fail)
                else:
                    patch.setattr(house.calls, "_over_the_limit", fail)
                call = phone.dial()
                await call.place()
                assert await call.ended() == "500"
        # The place is free again.
        call = await phone.dial().connect()
        call.hang_up()


@virtual
async def test_a_broken_look_up_floods_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_house(tmp_path) as house:
        house.directory.failure = OSError("the database is away")
        phone = await house.phone()
        await flood(phone, 1, lambda n: "desk")
        assert phone.count(503) > 250
        assert 1 <= sum("could not be looked up" in line for line in caplog.messages) <= 20


@virtual
async def test_a_number_stays_known_while_the_database_is_away(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        pbx = await house.phone("10.0.0.9")
        call = await pbx.dial().connect()
        call.hang_up()
        house.directory.failure = OSError("the database is away")
        await flood(pbx, 1, lambda n: "desk", per_second=5)
        house.directory.failure = None
        await flood(pbx, 1, lambda n: f"wrong-{n}")
        call = await pbx.dial().connect()
        call.hang_up()
