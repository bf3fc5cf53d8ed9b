"""The service under measurement: a whole node in a process of its own, on a core of its own.

Voice activity, recording, SIP, RTP, database and outbox are the real ones; only the engines are scripted."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx

HOST: Final = "127.0.0.1"
KEY: Final = "benchmark-key-of-an-org-that-lives-for-a-minute"
SERVICE_CORE: Final = 0
LOAD_CORE: Final = 1
START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The service at one moment. `cpu` in seconds so far (user and system, all threads) and `rss` in bytes of
    the call plane and the media plane together, `waited` the seconds that the thread with the clock was ready
    to run and had no core,
    `lateness` as the clock counts it (see rtp.clock.LATENESS_BOUNDS), `held` the most CPU seconds that the
    loop spent in one go since the sample before (`Service.watch_holds`), the rest are numbers of things."""

    at: float
    cpu: float
    waited: float
    rss: int
    tasks: int
    fds: int
    threads: int
    calls: int
    ports: int
    dialogs: int
    transactions: int
    channels: int
    lateness: tuple[int, ...]
    skipped: int
    held: float


@dataclass(frozen=True, slots=True)
class Service:
    """The parent's end of a running service."""

    pipe: Connection
    pid: int
    http: str
    sip: tuple[str, int]
    data: Path

    def sample(self, *, collected: bool = False) -> Sample:
        """`collected`: after a full garbage collection, which holds the loop for a while."""
        self.pipe.send("collect" if collected else "sample")
        found = self.pipe.recv()
        assert isinstance(found, Sample)
        return found

    def watch_holds(self) -> None:
        """From now on count what `Sample.held` tells: 500 times a second, at 2 % of a core."""
        self.pipe.send("watch holds")

    def api(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {KEY}"}
        return httpx.Client(base_url=self.http, headers=headers, timeout=30, trust_env=False)

    def number(self, webhook: str | None = None, **assistant: Any) -> str:
        """Make an assistant and a number for it; returns the user part to dial."""
        user = f"bench{time.monotonic_ns()}"
        body: dict[str, Any] = {
            "name": "Bench",
            "firstMessage": "Hello.",
            "transcriber": {"provider": "deepgram", "model": "nova-2"},
            "model": {
                "provider": "openai",
                "model": "gpt-4o",
                "messages": [{"role": "system", "content": "Answer questions about the opening hours."}],
            },
            "voice": {"provider": "11labs", "voiceId": "any"},
            **assistant,
        }
        if webhook is not None:
            body["server"] = {"url": webhook}
        with self.api() as api:
            made = api.post("/assistant", json=body)
            made.raise_for_status()
            number = {"provider": "vapi", "sipUri": f"sip:{user}@{HOST}", "assistantId": made.json()["id"]}
            api.post("/phone-number", json=number).raise_for_status()
        return user

    def asking_number(self, webhook: str) -> str:
        """Make a number whose owner is asked who answers; returns the user part to dial."""
        user = f"bench{time.monotonic_ns()}"
        number = {"provider": "vapi", "sipUri": f"sip:{user}@{HOST}", "server": {"url": webhook}}
        with self.api() as api:
            api.post("/phone-number", json=number).raise_for_status()
        return user


@contextmanager
def running_service(data: Path, **settings: Any) -> Iterator[Service]:
    """A node with its data in `data`, ended when the block is left."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, data, settings), name="offhook benchmark service"
    )
    process.start()
    try:
        if not ours.poll(START_SECONDS):
            raise RuntimeError("the service did not start")
        http, sip = ours.recv()
        yield Service(ours, process.pid or 0, http, sip, data)
        ours.send("stop")
        process.join(30)
    finally:
        if process.is_alive():
            process.kill()
            process.join()


def _serve(pipe: Connection, data: Path, settings: Mapping[str, Any]) -> None:
    import uvloop

    from offhook.process import raise_file_limit, share_python

    raise_file_limit()
    share_python()
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {SERVICE_CORE})
    logging.basicConfig(filename=data / "service.log", level=logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_node(pipe, data, settings))


async def _node(pipe: Connection, data: Path, settings: Mapping[str, Any]) -> None:
    from benchmarks.engines import ScriptedEngines
    from offhook.node import Node, running_node
    from offhook.planes.media_apart import media_apart
    from offhook.process import settle_memory
    from offhook.settings import Settings

    chosen: dict[str, Any] = {
        "http": f"{HOST}:0",
        "sip": f"{HOST}:0",
        "rtp_ports": "20000-29999",
        "data": data,
        "api_key": KEY,
        "allow_private_urls": True,
        "max_calls": 10_000,
        **settings,
    }
    stop = asyncio.Event()

    def asked(node: Node) -> None:
        try:
            word = pipe.recv()
        except EOFError:  # whoever measures is gone
            word = "stop"
        if word == "stop":
            loop.remove_reader(pipe.fileno())
            stop.set()
        elif word == "watch holds":
            holds.watch()
        else:
            if word == "collect":
                gc.collect()
            pipe.send(_sample(node, holds.longest()))

    async with running_node(Settings(**chosen), ScriptedEngines(), media_apart) as node:
        loop = asyncio.get_running_loop()
        holds = _Holds(loop)
        loop.add_reader(pipe.fileno(), asked, node)
        settle_memory()
        pipe.send((f"http://{node.http.host}:{node.http.port}", (node.sip.host, node.sip.port)))
        await stop.wait()
        node.calls.end_all()


class _Holds:
    """How long the loop does one thing after the other before timers have their turn: the most CPU time of
    its thread between two looks of 2 ms. Time that other programs take is not in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spent = self._longest = 0.0

    def watch(self) -> None:
        self._spent = time.thread_time()
        self._look()

    def _look(self) -> None:
        spent = time.thread_time()
        self._longest = max(self._longest, spent - self._spent)
        self._spent = spent
        self._loop.call_later(0.002, self._look)

    def longest(self) -> float:
        """Seconds, since it was asked for the last time."""
        longest, self._longest = self._longest, 0.0
        return longest


def _cpu(process: Path) -> float:
    """Seconds, of all its threads (proc(5))."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(process: Path) -> int:
    return int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _sample(node: Any, held: float) -> Sample:
    """The counters of a node; the private ones have no other reader than this audit."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    core, pacing = node.agent._core, node.media.pacing
    beside = Path(f"/proc/{pacing.pid}")
    return Sample(
        at=time.monotonic(),
        cpu=usage.ru_utime + usage.ru_stime + _cpu(beside),
        waited=int((beside / "schedstat").read_text().split()[1]) / 1e9,
        rss=_rss(Path("/proc/self")) + _rss(beside),
        tasks=len(asyncio.all_tasks()),
        fds=len(os.listdir("/proc/self/fd")),
        threads=len(os.listdir("/proc/self/task")),
        calls=len(node.calls),
        ports=pacing.ports,
        dialogs=len(core.dialogs),
        transactions=len(core.layer),
        channels=pacing.legs,
        lateness=pacing.lateness,
        skipped=pacing.skipped,
        held=held,
    )
