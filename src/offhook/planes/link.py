"""What the processes of a node say to each other: small JSON objects over a socket that nobody else can open.

Each process has one such socket, to the supervisor, which hands on what is for another. Frames are those of
`speech/framing.py`, without raw bytes. Nothing of it waits for ever: who does not read loses what would
be too much, and who does not answer in time counts as away."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any, Final

from offhook.json_document import PlaneMessage
from offhook.speech.framing import FrameReader, FramingError, pack

Frame = PlaneMessage

MOST_UNSENT: Final = 1024 * 1024
"""Bytes that wait for a process that does not read; further frames are dropped."""

_log = logging.getLogger(__name__)


class Away(ConnectionError):
    """The other process is not there, or does not answer in time."""


class Link(asyncio.Protocol):
    """One end of the socket. `received` gets each frame; `lost` is told once that there will be no more."""

    def __init__(self, received: Callable[[Frame], None], lost: Callable[[], None]) -> None:
        self._received = received
        self._lost = lost
        self._unpacker = FrameReader()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._unpacker.feed(data):
                try:
                    self._received(frame.head)
                except Exception:  # the next one is heard all the same: without the socket this process ends
                    _log.exception("a message of another process of the node could not be handled")
        except FramingError:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()

    def tell(self, frame: Frame) -> bool:
        """False if it is dropped."""
        unsent = self._transport is None or self._transport.is_closing()
        if unsent or self._transport.get_write_buffer_size() > MOST_UNSENT:
            return False
        self._transport.write(pack(frame))
        return True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Asking:
    """Questions to other processes of the node, and what these answer."""

    def __init__(self, tell: Callable[[Frame], bool]) -> None:
        self._tell = tell
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[str, asyncio.Future[Any]]] = {}

    async def ask(self, to: str, what: str, within: float, **given: Any) -> Any:
        """The answer of the process `to`. Raises Away."""
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = (to, answer)
        try:
            if not self._tell({"to": to, "ask": number, "what": what, **given}):
                raise Away(f"{to} does not read")
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise Away(f"{to} does not answer") from None
        finally:
            del self._asked[number]

    def answered(self, frame: Frame) -> None:
        """A frame with an `answer` came."""
        _, answer = self._asked.get(frame["answer"], ("", None))
        if answer is not None and not answer.done():
            answer.set_result(frame.get("value"))

    def gone(self, there: frozenset[str]) -> None:
        """Only these processes are there now."""
        for to, answer in self._asked.values():
            if to not in there and not answer.done():
                answer.set_exception(Away(f"{to} has gone"))
