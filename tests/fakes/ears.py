"""What the fakes of vendors that hear over a socket have in common: when they refuse, fall silent or break
off. A vendor says by which paths and keys it is asked, and how it tells what it hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fakes.loudness import Loudness

KEY = "fake-0123456789-abcdef"


@dataclass
class EarsFake:
    """`words`: what is said in each stretch of speech. `refusals`: HTTP statuses, one for each handshake;
    `told`: errors in the vendor's form, one for each connection. `hangs`: how many handshakes get no answer,
    `mute`: how many connections say nothing. `closes_after`: so many messages, `closings` times. `garbage`:
    what is sent instead of words. `slow`: seconds before each answer to a handshake."""

    words: list[str] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    hangs: int = 0
    mute: int = 0
    closes_after: int | None = None
    closings: int = 1
    garbage: str | None = None
    slow: float = 0.0
    url: str = ""
    queries: list[list[tuple[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    begun: list[Any] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)
    connections: int = 0
    pause = 0.3

    # what a vendor says of itself

    def problem(self, path: str, query: dict[str, str], headers: dict[str, str]) -> int | None:
        """The HTTP status of what is asked wrongly, None for the rest."""
        raise NotImplementedError

    async def welcome(self, connection: ServerConnection) -> bool:
        """What comes before sound; False where it goes no further."""
        return True

    def sound(self, message: str | bytes) -> bytes | None:
        """The sound in a message, s16le at 8 kHz; None for a command."""
        return message if isinstance(message, bytes) else None

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        """False: the client has ended it."""
        return True

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        """Somebody speaks."""
        raise NotImplementedError

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        """Somebody has spoken."""
        raise NotImplementedError

    # the rest

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        parts = urlsplit(request.path)
        query = parse_qsl(parts.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        self.queries.append(query)
        self.headers.append(headers)
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        await asyncio.sleep(self.slow)
        status = self.refusals.pop(0) if self.refusals else self.problem(parts.path, dict(query), headers)
        return None if status is None else connection.respond(HTTPStatus(status), "refused\n")

    async def serve(self, connection: ServerConnection) -> None:
        hearing, sent = Loudness(self.words, self.pause), 0
        mute = self.mute > 0
        self.mute -= mute
        try:
            if not await self.welcome(connection):
                return
            if self.told:
                await self.refuse(connection, self.told.pop(0))
                return
            async for message in connection:
                audio = self.sound(message)
                if audio is None:
                    if not await self.command(connection, message):
                        return
                    continue
                for event in hearing.hear(audio):
                    if mute or event == "began":
                        continue
                    await (self.goes_on if event == "goes on" else self.paused)(connection, hearing)
                    sent += 1
                    if sent == self.closes_after and self.closings:
                        self.closings -= 1
                        await connection.close(1011, "internal error")
                        return
        except ConnectionClosed:
            pass

    async def refuse(self, connection: ServerConnection, told: dict[str, Any]) -> None:
        await connection.send(json.dumps(told))
        await connection.close(1008, "refused")

    async def send(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        await connection.send(json.dumps(message) if self.garbage is None else self.garbage)


F = TypeVar("F", bound=EarsFake)


@asynccontextmanager
async def served(fake: F) -> AsyncIterator[F]:
    async with serve(
        fake.serve, "127.0.0.1", 0, process_request=fake.answer, close_timeout=0.2, compression=None
    ) as listener:
        fake.url = f"http://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        yield fake
