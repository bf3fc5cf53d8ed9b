"""What an attack is, and what it is given to reach the service by."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2 as httpx

from benchmarks.attacks.servers import Servers

Address = tuple[str, int]
Act = Callable[["Target"], Awaitable[None]]
HOSTS: Final = itertools.count(10)
"""Each attack comes from an address of its own, so that none is stopped by what another used up."""


@dataclass(frozen=True, slots=True)
class Attack:
    """`group`: the way in. `act` attacks until it ends by itself, or is cancelled."""

    group: str
    name: str
    act: Act


class Group:
    """The attacks of one module, in the order in which they stand there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.attacks: list[Attack] = []

    def __call__(self, name: str) -> Callable[[Act], Act]:
        def keep(act: Act) -> Act:
            self.attacks.append(Attack(self.name, name, act))
            return act

        return keep


@dataclass(slots=True)
class Target:
    """The service as an attacker knows it: `key` is that of an org, `victim` the number that others talk to,
    `host` where this attack comes from, `servers` what its owner's webhooks and engines may be."""

    http: Address
    sip: Address
    key: str
    victim: str
    servers: Servers
    host: str = ""
    made: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def stream(self, to: Address | None = None) -> AsyncIterator[Stream]:
        """A TCP connection, to the API unless told otherwise; that it breaks is no failure."""
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            where = to or self.http
            reader, writer = await asyncio.open_connection(*where, local_addr=(self.host, 0))
            try:
                yield Stream(reader, writer)
            finally:
                writer.transport.abort()

    @asynccontextmanager
    async def api(self) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {self.key}"}
        base = f"http://{self.http[0]}:{self.http[1]}"
        transport = httpx.AsyncHTTPTransport(local_address=self.host)
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=30, transport=transport
        ) as client:
            with suppress(httpx.HTTPError):
                yield client

    async def number(self, assistant: dict[str, Any] | None = None, **number: Any) -> str:
        """A number with an `assistant`, made once; its user part, "" where the service has refused it."""
        document = json.dumps([assistant, number])
        if document not in self.made:
            self.made[document] = await self._number(assistant, number)
        return self.made[document]

    async def _number(self, assistant: dict[str, Any] | None, number: dict[str, Any]) -> str:
        user = f"attack{len(self.made)}"
        async with self.api() as api:
            body = {"provider": "vapi", "sipUri": f"sip:{user}@127.0.0.1", **number}
            if assistant is not None:
                made = await api.post("/assistant", json=assistant)
                body["assistantId"] = made.json().get("id") if made.status_code == 201 else ""
            if body.get("assistantId") == "" or (await api.post("/phone-number", json=body)).is_error:
                user = ""
        return user


@dataclass(frozen=True, slots=True)
class Stream:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """As fast as it is taken, and no faster; other attacks have their turn too."""
        self.writer.write(data)
        await self.writer.drain()
        await asyncio.sleep(0)

    async def without_end(self, data: bytes) -> None:
        while True:
            await self.send(data)

    async def answer(self) -> bytes:
        return await self.reader.read(65_536)

    async def wait(self) -> None:
        """Until the service has closed it."""
        while await self.reader.read(65_536):
            pass


async def at_once(times: int, act: Callable[[], Awaitable[None]]) -> None:
    """`act` so many times at the same time."""
    await asyncio.gather(*(act() for _ in range(times)))
