"""A whole node in one process: builds its halves, opens the doors, and closes them again in order."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from offhook.bootstrap import FirstStart, first_start
from offhook.calls.calls import Calls
from offhook.folder import DataFolder
from offhook.listening import check_sip, listen_http
from offhook.media.line import MediaPlane
from offhook.network import Address
from offhook.planes.api_plane import api_plane
from offhook.planes.call_plane import EnginesOf, OpenMedia, call_plane, check_engines
from offhook.planes.ground import Ground
from offhook.planes.live.live_here import LiveHere
from offhook.planes.media_here import media_here
from offhook.planes.spec import DRAIN_SECONDS
from offhook.process import StartError, calls_within, file_limit
from offhook.settings import Settings
from offhook.sip.user_agent import UserAgent
from offhook.store import Database, IdMaker, StoreError, upgrade
from offhook.vital import Vital

__all__ = ["EnginesOf", "Node", "running_node"]


@dataclass(frozen=True, slots=True)
class Node:
    """A running node: where it is reached, and what its first start made."""

    settings: Settings
    http: Address
    sip: Address
    calls: Calls
    media: MediaPlane
    agent: UserAgent
    started: FirstStart
    vital: Vital


@asynccontextmanager
async def running_node(
    settings: Settings, engines: EnginesOf | None = None, media: OpenMedia | None = None
) -> AsyncIterator[Node]:
    """A node that serves until the block ends; then it drains, closes what it opened, and is gone.

    `engines` replaces the speech engines and models (benchmarks and tests), `media` the media plane on this
    loop. Raises StartError."""
    async with AsyncExitStack() as stack:
        try:
            node = await _start(settings, engines, media, stack)
        except StoreError as error:
            raise StartError(str(error)) from error
        yield node


async def _start(
    settings: Settings, engines: EnginesOf | None, media: OpenMedia | None, stack: AsyncExitStack
) -> Node:
    now, rng = time.time, random.SystemRandom()
    new_id = IdMaker(now, rng)
    # Before anything slow: what the machine does not give should be said at once.
    max_calls = calls_within(file_limit(), settings.max_calls)
    folder = DataFolder.take(settings.data, new_id)
    stack.callback(folder.close)
    listening = listen_http(settings.http)
    stack.callback(listening.close)
    check_sip(settings.sip)
    open_media = media or media_here()
    if engines is None:
        check_engines()
    # Links need the real port.
    settings = settings.model_copy(update={"http": Address(*listening.getsockname()[:2])})
    await upgrade(settings.database)
    database = await Database.open(settings.database, now=now, new_id=new_id)
    stack.push_async_callback(database.close)
    vital = Vital()
    ground = Ground(settings, folder.node, database, now, rng, vital)
    plane = await call_plane(ground, open_media, max_calls, stack, engines)
    # What is told of addresses needs the real port.
    settings = settings.model_copy(update={"sip": plane.sip})
    # Not before all that can fail: a key is made and told once.
    started = await first_start(database, settings)
    folder.tell(settings.told())
    await api_plane(ground.at(settings), LiveHere(plane.calls, plane.outbox), listening, stack)
    stack.push_async_callback(plane.calls.drain, DRAIN_SECONDS)
    stack.callback(vital.close)
    return Node(settings, settings.http, plane.sip, plane.calls, plane.media, plane.agent, started, vital)
