from __future__ import annotations

import asyncio
import threading

import pytest

from offhook.network import NameNotFound, host_names
from offhook.network.host_names import SystemResolver
from tests.machine import PATIENCE


class Answers:
    """In place of the system: names of `slow.example` are not answered before `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []

    def __call__(self, name: str) -> list[str]:
        self.asked.append(name)
        if name.endswith("slow.example"):
            self.go.wait(PATIENCE)
        return ["192.0.2.1"]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    made = Answers()
    monkeypatch.setattr(host_names, "_look_up", made)
    return made


async def test_a_name_that_several_ask_for_is_looked_up_once(answers: Answers) -> None:
    resolver = SystemResolver()
    asking = [asyncio.create_task(resolver("a.slow.example")) for _ in range(3)]
    await asyncio.sleep(0)
    answers.go.set()
    assert await asyncio.gather(*asking) == [["192.0.2.1"]] * 3
    assert answers.asked == ["a.slow.example"]


async def test_a_domain_that_does_not_answer_holds_up_no_other(answers: Answers) -> None:
    resolver = SystemResolver()
    many = [asyncio.create_task(resolver(f"{number}.slow.example")) for number in range(100)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(resolver("hooks.example.org"), PATIENCE) == ["192.0.2.1"]
    assert len(answers.asked) <= host_names.MAX_OF_A_DOMAIN + 1
    answers.go.set()
    assert await asyncio.gather(*many) == [["192.0.2.1"]] * 100


async def test_nobody_waits_for_ever(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_names, "RESOLVE_TIMEOUT", 0.05)
    resolver = SystemResolver()
    found = await asyncio.gather(
        *(resolver(f"{number}.slow.example") for number in range(20)), return_exceptions=True
    )
    assert all(isinstance(one, NameNotFound) for one in found)
    answers.go.set()
    monkeypatch.undo()
    monkeypatch.setattr(host_names, "_look_up", answers)
    assert await resolver("b.slow.example") == ["192.0.2.1"]


async def test_a_name_without_an_address_is_not_found() -> None:
    with pytest.raises(NameNotFound):
        await SystemResolver()("nobody.invalid")
