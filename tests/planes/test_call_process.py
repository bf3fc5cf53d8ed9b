"""What a call plane is told while it starts."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.network.certificates import Certificates
from offhook.planes import call_process
from offhook.planes.call_process import CallProcess
from offhook.planes.spec import Spec
from offhook.process import Lowered

SPEC = Spec("call", 1, 1, "", "node-1", {}, ("127.0.0.1", 1), ("127.0.0.1", 2), 5)
READ = "read_certificates"


class Counting(Certificates):
    reads = 0

    def read(self, *, even_expired: bool = False) -> None:
        self.reads += 1


@pytest.mark.parametrize(("told", "reads"), [([READ], 1), ([READ] * 3, 1), ([], 0)])
async def test_new_certificates_are_read_though_it_had_read_the_old_ones(
    monkeypatch: pytest.MonkeyPatch, told: list[str], reads: int
) -> None:
    certificates, process = Counting(), CallProcess(SPEC, [0], Lowered(0))

    async def ground(stack: AsyncExitStack) -> Any:
        return SimpleNamespace(database=SimpleNamespace(news=None))

    async def plane(*arguments: Any, **named: Any) -> Any:
        for what in told:
            process.received({"do": what})
        return SimpleNamespace(certificates=certificates)

    monkeypatch.setattr(process, "ground", ground)
    monkeypatch.setattr(call_process, "check_engines", lambda: None)
    monkeypatch.setattr(call_process, "call_plane", plane)

    async with AsyncExitStack() as stack:
        await process.start(stack)
        warning, *reading = process._tasks
        for task in (warning, *reading):
            if task.get_coro().__name__ == "read_again":  # type: ignore[union-attr]
                await task
            else:
                task.cancel()
                await asyncio.wait([task])
    assert certificates.reads == reads
