"""A call whose parts break ends all the same, and leaves its place to others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.admission.entrance import EntranceLimits
from offhook.calls.audio_owner import AudioOwner
from offhook.calls.inbound_call import InboundCall
from offhook.calls.leg import Leg
from offhook.calls.record.reporter import Reporter
from offhook.calls.set_up import SetUp
from offhook.calls.transfers.transfer import Transfer
from tests.calls.house import open_house
from tests.documents import transfer_to
from tests.virtual import run_virtual


def breaks(*given: Any, **named: Any) -> Any:
    raise RuntimeError("broken")


async def breaks_later(*given: Any, **named: Any) -> Any:
    await asyncio.sleep(0.1)
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("of", "name"),
    [(Leg, "hang_up"), (Leg, "close"), (AudioOwner, "close"), (Reporter, "settled"), (InboundCall, "_move")],
)
def test_an_end_that_breaks_is_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: type, name: str
) -> None:
    whole = getattr(of, name)

    def breaks_then(*given: Any) -> None:
        whole(*given)
        raise RuntimeError("broken")

    async def breaks_then_later(*given: Any) -> None:
        await whole(*given)
        raise RuntimeError("broken")

    broken = breaks_then_later if asyncio.iscoroutinefunction(whole) else breaks_then

    async def story() -> None:
        async with open_house(tmp_path, limits=EntranceLimits(1)) as house:
            phone = await house.phone()
            call = await phone.dial().connect()
            with monkeypatch.context() as patch:
                patch.setattr(of, name, broken)
                call.hang_up()
                await asyncio.sleep(20)
            assert len(house.calls) == 0
            assert (await phone.dial().connect()).is_up

    run_virtual(story())


def test_a_set_up_that_breaks_twice_ends_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with open_house(tmp_path, limits=EntranceLimits(1)) as house:
            phone = await house.phone()
            with monkeypatch.context() as patch:
                patch.setattr(SetUp, "run", breaks_later)
                patch.setattr(InboundCall, "_refuse", breaks)
                call = phone.dial()
                await call.place()
                assert await call.ended() == "480"
            assert len(house.calls) == 0
            assert (await phone.dial().connect()).is_up

    run_virtual(story())


def test_a_transfer_that_breaks_twice_ends_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = await phone.dial().connect()
            monkeypatch.setattr(Transfer, "run", breaks_later)
            monkeypatch.setattr(InboundCall, "_after_failed_transfer", breaks)
            house.calls.get(house.call_id).transfer(transfer_to({"type": "number", "number": "+15550100"}))  # type: ignore[union-attr]
            assert await call.ended() == "BYE from the node"

    run_virtual(story())


def task_of(name: str) -> asyncio.Task[Any]:
    (task,) = [one for one in asyncio.all_tasks() if one.get_name() == name]
    return task


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_an_end_whose_task_is_cut_off_leaves_its_place(tmp_path: Path, steps: int) -> None:
    """Also one that has not made its first step, and so never comes to its `finally`."""

    async def story() -> None:
        async with open_house(tmp_path, limits=EntranceLimits(1)) as house:
            phone = await house.phone()
            caller = await phone.dial().connect()
            call = house.calls.get(house.call_id)
            assert call is not None
            call.end("customer-ended-call")
            for _ in range(steps):
                await asyncio.sleep(0)
            task_of(f"end of call {house.call_id}").cancel()
            await asyncio.sleep(1)
            assert call.finished.is_set()
            assert len(house.calls) == 0
            assert (await phone.dial().connect()).is_up
            # What the cut left open is this test's to close.
            await call._tear_down.run(None)
            caller.hang_up()

    run_virtual(story())


@pytest.mark.parametrize("after", [0.0, 0.05])
def test_a_set_up_whose_task_is_cut_off_ends_the_call(tmp_path: Path, after: float) -> None:
    async def story() -> None:
        async with open_house(tmp_path, limits=EntranceLimits(1)) as house:

            async def thinks(message: dict[str, Any]) -> dict[str, Any]:
                await asyncio.sleep(5)
                return {}

            house.answering = thinks
            del house.number["assistantId"]
            phone = await house.phone()
            call = phone.dial()
            await call.place()
            await asyncio.sleep(0.5 + after)
            task_of(f"call {house.call_id}").cancel()
            assert await call.ended() == "480"
            await asyncio.sleep(1)
            assert len(house.calls) == 0

    run_virtual(story())
