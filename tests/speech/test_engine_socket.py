"""A connection to an engine ends however it is left."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from offhook.speech.streaming.engine_socket import EngineSocket, SocketPlace
from tests.speech.servers import outside


class Transport:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


class NeverClosed:
    """A server that takes no goodbye."""

    def __init__(self) -> None:
        self.transport = Transport()

    async def close(self) -> None:
        await asyncio.Event().wait()


async def test_one_whose_closing_is_cut_short_is_closed_all_the_same() -> None:
    connection = NeverClosed()
    async with outside() as reach:
        socket = EngineSocket(SocketPlace(reach, "ws://localhost"), cast(Any, connection))
        closing = asyncio.create_task(socket.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
    assert connection.transport.aborted
