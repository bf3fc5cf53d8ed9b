"""The attackers in a process of their own, with the servers that an owner may have."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final
from urllib.parse import urlsplit

from benchmarks.attacks import engines, http, keyed, owners, rtp, sip, webhooks
from benchmarks.attacks.attack import HOSTS, Act, Attack, Target
from benchmarks.attacks.servers import Servers
from benchmarks.service import KEY, LOAD_CORE, Service

GROUPS: Final = tuple(module.attack for module in (http, keyed, sip, rtp, webhooks, engines, owners))
ATTACKS: Final[tuple[Attack, ...]] = tuple(attack for group in GROUPS for attack in group.attacks)


class Attackers:
    """The parent's end: `begin` an attack by its number in ATTACKS, and `end` it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def begin(self, number: int) -> None:
        self._pipe.send(number)

    def end(self) -> str:
        """What went wrong with the attack itself, if anything."""
        self._pipe.send(None)
        return str(self._pipe.recv())


@contextmanager
def running_attackers(service: Service, victim: str) -> Iterator[Attackers]:
    """`victim`: the number that others talk to."""
    ours, theirs = multiprocessing.Pipe()
    where = urlsplit(service.http)
    http = (where.hostname or "", where.port or 0)
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(theirs, http, service.sip, victim), name="offhook benchmark attackers"
    )
    process.start()
    try:
        yield Attackers(ours)
        ours.send("stop")
        process.join(10)
    finally:
        if process.is_alive():
            process.kill()
            process.join()


def _run(pipe: Connection, http: tuple[str, int], sip: tuple[str, int], victim: str) -> None:
    import uvloop

    from offhook.process import raise_file_limit

    raise_file_limit()
    logging.disable(logging.CRITICAL)
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {LOAD_CORE})
    os.nice(10)  # those who call beside it, and measure, share its core
    uvloop.run(_obey(pipe, Target(http, sip, KEY, victim, Servers())))


async def _obey(pipe: Connection, target: Target) -> None:
    await target.servers.start()
    loop = asyncio.get_running_loop()
    words: asyncio.Queue[object] = asyncio.Queue()
    loop.add_reader(pipe.fileno(), lambda: words.put_nowait(pipe.recv()))
    attacking: asyncio.Task[str] | None = None
    while (word := await words.get()) != "stop":
        if isinstance(word, int):
            target.host = f"127.0.1.{next(HOSTS) % 250}"
            attacking = asyncio.create_task(_again(ATTACKS[word].act, target))
        elif attacking is not None:
            attacking.cancel()
            done = await asyncio.gather(attacking, return_exceptions=True)
            pipe.send("" if isinstance(done[0], asyncio.CancelledError) else str(done[0]))


async def _again(act: Act, target: Target) -> str:
    while True:
        try:
            await act(target)
        except Exception as error:
            return repr(error)
        await asyncio.sleep(0)
