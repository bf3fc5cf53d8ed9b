"""The real application on a real SQLite file, asked in process or over HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette

from offhook.api import RecordingLinks, Services, create_app
from offhook.schema.base import document
from offhook.schema.calls.call_watcher import CallWatcher
from offhook.schema.calls.monitored_call import MonitoredCall
from offhook.settings import Settings, load_settings
from offhook.store import Database, IdMaker
from tests.machine import PATIENCE
from tests.store.databases import make_newest

KEY = "11111111-2222-4333-8444-555555555555"
OTHER_KEY = "99999999-2222-4333-8444-555555555555"
NODE = "node-1"
PUBLIC_KEY = "77777777-2222-4333-8444-555555555555"


class Clock:
    """Wall-clock time that moves a little each time it is asked, so that newest first is well defined."""

    def __init__(self) -> None:
        self.seconds = 1_790_000_000.0
        self.step = 0.010

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds


@dataclass
class LiveCalls:
    """What `calls/` does for the API, by hand."""

    ready: bool = True
    ended: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    delivering: list[bool] = field(default_factory=list)
    up: dict[str, MonitoredCall] = field(default_factory=dict)
    controlled: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refusal: str = ""
    watchers: dict[str, list[CallWatcher]] = field(default_factory=dict)

    async def is_ready(self) -> bool:
        return self.ready

    async def end_call(self, call_id: str) -> None:
        self.ended.append(call_id)

    async def monitored(self, call_id: str) -> MonitoredCall | None:
        return self.up.get(call_id)

    async def control(self, call_id: str, message: BaseModel) -> str | None:
        if call_id not in self.up:
            return None
        self.controlled.append((call_id, document(message)))
        return self.refusal

    async def watch(self, call_id: str, watcher: CallWatcher) -> Callable[[], None] | None:
        if call_id not in self.up:
            return None
        watchers = self.watchers.setdefault(call_id, [])
        watchers.append(watcher)
        return lambda: watchers.remove(watcher)

    async def forget(self, call_id: str) -> None:
        self.forgotten.append(call_id)

    def deliver(self) -> None:
        self.delivering.append(True)


@dataclass
class House:
    """The application with what a test looks at behind it."""

    app: Starlette
    services: Services
    live: LiveCalls
    delivering: list[bool]
    clock: Clock
    org_id: str
    other_org_id: str
    forgotten: list[str]


@functools.cache
def _plain_settings() -> Settings:
    return load_settings()


@contextlib.asynccontextmanager
async def open_house(folder: Path, **flags: object) -> AsyncIterator[House]:
    """Two orgs: KEY and PUBLIC_KEY open the first, OTHER_KEY the second."""
    settings = load_settings(flags) if flags else _plain_settings()
    settings = settings.model_copy(update={"data": folder})
    clock, rng, live = Clock(), random.Random(7), LiveCalls()
    await make_newest(settings.database)
    database = await Database.open(settings.database, now=clock, new_id=IdMaker(clock, rng))
    links = RecordingLinks(b"k" * 32, settings.base_url, clock)
    services = Services(database, settings, live, links, clock, rng, NODE)
    try:
        async with database.transaction() as tx:
            org = await tx.orgs.create({"name": "First"})
            other = await tx.orgs.create({"name": "Second"})
            await tx.keys.create(org.id, KEY, tag="private", name="")
            await tx.keys.create(org.id, PUBLIC_KEY, tag="public", name="")
            await tx.keys.create(other.id, OTHER_KEY, tag="private", name="")
        yield House(
            create_app(services), services, live, live.delivering, clock, org.id, other.id, live.forgotten
        )
    finally:
        await database.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


def client_of(house: House, key: str | None = KEY) -> httpx2.AsyncClient:
    """An HTTP client in this process."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=house.app), base_url="http://api.test", headers=headers
    )


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(house) as opened:
        yield opened


@pytest.fixture
async def other_client(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(house, OTHER_KEY) as opened:
        yield opened


_described: list[dict[str, Any]] = []


async def described(client: httpx2.AsyncClient) -> dict[str, Any]:
    """`/openapi.json`, which takes a second to make and says the same in every house but for its address."""
    if not _described:
        _described.append((await client.get("/openapi.json")).json())
    return _described[0]


@dataclass
class Served:
    """The application behind a real socket, in a thread of its own, for clients that block."""

    url: str
    house: House
    loop: asyncio.AbstractEventLoop


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    started: list[tuple[House, asyncio.AbstractEventLoop, uvicorn.Server]] = []
    is_up = threading.Event()

    async def serve() -> None:
        async with open_house(tmp_path, public_url=url) as house:
            server = uvicorn.Server(uvicorn.Config(house.app, log_config=None, lifespan="off"))
            started.append((house, asyncio.get_running_loop(), server))
            is_up.set()
            await server.serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert is_up.wait(PATIENCE)
        house, loop, _ = started[0]
        yield Served(url, house, loop)
    finally:
        if started:
            started[0][2].should_exit = True
        thread.join(30)
        listener.close()
    assert not thread.is_alive()
