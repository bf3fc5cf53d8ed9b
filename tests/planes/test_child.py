"""A plane that is told to close before it serves."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest

from offhook.planes.child import REFUSED, Child
from offhook.planes.spec import Spec
from offhook.process import Lowered, StartError
from tests.machine import PATIENCE

SPEC = Spec("call", 1, 1, "", "node-1", {}, ("127.0.0.1", 1), ("127.0.0.1", 2), 5)


class Starting(Child):
    """Has begun what it cannot be without, and goes on starting; or is `refused`."""

    refused = False

    async def start(self, stack: AsyncExitStack) -> dict[str, Any]:
        vital = asyncio.create_task(asyncio.Event().wait())
        self.vital.watch("the task that matters", vital)  # type: ignore[arg-type]

        async def end() -> None:
            vital.cancel()
            await asyncio.wait([vital])

        stack.push_async_callback(end)
        if self.refused:
            raise StartError("no room")
        self.received({"do": "close"})
        await asyncio.Event().wait()
        return {}

    def _orphaned(self) -> None:
        """The test goes on."""


@pytest.mark.parametrize("refused", [False, True])
async def test_what_ends_with_the_start_is_not_told_as_lost(
    refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    children: list[Starting] = []

    async def serve() -> int:
        child = Starting(SPEC, [], Lowered(0))
        child.refused = refused
        children.append(child)
        return await child.run(ours)

    (ended,) = await asyncio.gather(asyncio.wait_for(serve(), PATIENCE), return_exceptions=True)
    assert ended == REFUSED if refused else isinstance(ended, asyncio.CancelledError)
    assert children[0].vital.reason == ""
    assert [one for one in caplog.records if one.levelno >= logging.CRITICAL] == []
    children[0].link.close()
    await asyncio.sleep(0)
    theirs.close()
