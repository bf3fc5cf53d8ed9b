"""Two user agents on the same sockets, as two call processes have them. Here the first of the two accepts
every connection."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from offhook.listening import listen_sip
from offhook.network import Address, open_datagrams
from offhook.planes.dispatch import Dispatch
from offhook.planes.siblings import Between, Siblings, siblings_of
from offhook.sip import Transports, UserAgent
from offhook.sip.transports.places import ConnectionLimits
from tests.listening import listening
from tests.machine import PATIENCE
from tests.sip.agents import Desk
from tests.wire import ScriptedPhone

KEY = bytes(range(16))


@dataclass
class Process:
    """One of the two."""

    siblings: Siblings
    transports: Transports
    dispatch: Dispatch
    desk: Desk
    agent: UserAgent


class Node:
    def __init__(self, address: Address, processes: Sequence[Process]) -> None:
        self.address = address
        self.processes = processes
        self._numbers = itertools.count()

    def __iter__(self) -> Iterator[Process]:
        return iter(self.processes)

    def call_id(self, owner: int) -> str:
        """One that falls to that process."""
        ids = (f"call-{next(self._numbers)}" for _ in itertools.repeat(None))
        return next(one for one in ids if self.processes[0].siblings.owner(one.encode()) == owner)


@asynccontextmanager
async def node(
    answering: Callable[[Desk], object] = lambda desk: None, limits: ConnectionLimits | None = None
) -> AsyncIterator[Node]:
    sockets = listen_sip(Address("127.0.0.1", 0))
    between = Between.made(2, 16)
    processes: list[Process] = []
    address = Address(*sockets[0].getsockname())
    for number in (1, 2):
        files = [os.dup(one) for one in between.of_process(number)]
        siblings = siblings_of(number, 2, KEY, 16, files)
        transports = Transports(limits=limits, common=siblings.common)
        dispatch = Dispatch(transports, siblings)
        desk = Desk()
        answering(desk)
        agent = UserAgent(desk, transports=dispatch, rng=random.Random(number), is_ours=siblings.is_ours)
        heard = sockets if number == 1 else sockets[:1]
        await transports.serve([socket.socket(fileno=os.dup(one.fileno())) for one in heard])
        dispatch.open()
        processes.append(Process(siblings, transports, dispatch, desk, agent))
    try:
        async with asyncio.timeout(PATIENCE):
            yield Node(address, processes)
    finally:
        for process in processes:
            await process.agent.close()
            assert process.siblings.inbox is not None
            for one in (process.siblings.inbox, *process.siblings.ways.values()):
                one.close()
        for file in {file for number in (1, 2) for file in between.of_process(number)}:
            os.close(file)
        for one in sockets:
            one.close()


@asynccontextmanager
async def phone_of(of: Node) -> AsyncIterator[ScriptedPhone]:
    phone = await ScriptedPhone.open(open_datagrams, "127.0.0.1", of.address)
    yield phone
    phone.close()


async def until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def far_end() -> AsyncIterator[Address]:
    """Where connections of ours may go to."""

    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(reads) as port:
        yield Address("127.0.0.1", port)


def waits(desk: Desk) -> None:
    desk._answering = desk.later
