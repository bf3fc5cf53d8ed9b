"""A pool of worker processes for the local engines, so that their work never touches the 20 ms clock.

Each worker has one job at a time; the others wait here, so that a job taken back while it waits is never
done, and calls take turns: one call's ten sentences do not delay another call's one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from offhook.log_context import working_for
from offhook.network import INTERNAL
from offhook.speech.framing import Frame, FrameReader, FramingError, Value, pack
from offhook.speech.jobs import FairQueue, Job, WorkerFailed

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "offhook.speech.worker")


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Seconds, but for `waiting`: how many jobs may wait, and `missed`: so many checks, `check` apart, may
    find no sign of life of a worker before it is taken for hung. `unattended`: how long jobs wait while there
    is no worker at all. Both together are less than a caller is to wait for a word."""

    start: float = 60.0
    job: float = 20.0
    wait: float = 15.0
    unattended: float = 5.0
    check: float = 0.4
    missed: int = 5
    waiting: int = 256
    restart_first: float = 0.1
    restart_last: float = 10.0


class _Worker(asyncio.Protocol):
    """One process and the socket to it."""

    def __init__(self, process: subprocess.Popen[bytes], pool: Workers) -> None:
        self.process = process
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.warm = False
        self.job: Job | None = None
        self.jobs_done = 0
        self.missed = 0  # checks since the last sign of life
        self._pool = pool
        self._unpacker = FrameReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not instances of it

    def data_received(self, data: bytes) -> None:
        self.missed = 0
        try:
            for frame in self._unpacker.feed(data):
                self._received(frame)
        except FramingError as error:
            log.error("worker pid=%d: %s", self.process.pid, error)
            self.kill()

    def _received(self, frame: Frame) -> None:
        head = frame.head
        if "ready" in head:
            if not self.ready.done():
                if head["ready"]:
                    self.ready.set_result(None)
                else:
                    self.ready.set_exception(WorkerFailed(str(head.get("error"))))
            return
        job = self.job
        if job is None or head.get("job") != job.number:
            return
        if head.get("end") or "error" in head:
            self.job = None
            self.jobs_done += 1
            with working_for(job.call):
                job.end(self._failure(str(head["error"])) if "error" in head else None)
            self._pool.idle(self)
        elif not job.ended:
            job.add(frame)

    def _failure(self, error: str) -> WorkerFailed:
        log.error("worker pid=%d: a job failed: %s", self.process.pid, error)
        return WorkerFailed(error, words=INTERNAL)

    def connection_lost(self, exc: Exception | None) -> None:
        self.warm = False
        self._pool.lost(self)
        died = WorkerFailed("the worker process died", retry=True)
        if not self.ready.done():
            self.ready.set_exception(died)
        job, self.job = self.job, None
        if job is not None:
            job.end(died)
        self.process.kill()
        if not self.gone.done():
            self.gone.set_result(None)

    def send(self, frame: bytes) -> None:
        assert self._transport is not None
        self._transport.write(frame)

    def kill(self) -> None:
        self.process.kill()
        if self._transport is not None:
            self._transport.abort()


class Workers:
    """`count` processes (None: one less than the cores, at least one), started and warmed by `start`,
    restarted when they die. `command` gets the number of its socket as its last argument."""

    def __init__(
        self,
        count: int | None = None,
        command: Sequence[str] = COMMAND,
        limits: WorkerLimits | None = None,
    ) -> None:
        self.count = count if count is not None else max(1, (os.cpu_count() or 1) - 1)
        self._command = tuple(command)
        self._limits = limits or WorkerLimits()
        self._queue = FairQueue()
        self._idle: deque[_Worker] = deque()
        self._live: set[_Worker] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._reaping: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._failure: str | None = None
        self._closed = False
        self._checking: asyncio.Handle | None = None

    @property
    def processes(self) -> list[int]:
        """Process ids of the workers that are running."""
        return sorted(worker.process.pid for worker in self._live)

    @property
    def waiting(self) -> int:
        """Jobs that no worker has taken up yet."""
        return len(self._queue)

    async def start(self) -> None:
        """Returns when every worker is warm. Raises WorkerFailed if one does not start; then nothing runs."""
        started = [asyncio.get_running_loop().create_future() for _ in range(self.count)]
        self._keepers = [asyncio.create_task(self._keep(future)) for future in started]
        self._check()
        try:
            await asyncio.gather(*started)
        except BaseException:
            await self.close()
            raise
        finally:
            for future in started:
                if not future.done():
                    future.cancel()
                elif not future.cancelled():
                    future.exception()

    async def close(self) -> None:
        """Ends the processes; jobs not done fail."""
        self._closed = True
        if self._checking is not None:
            self._checking.cancel()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []
        await asyncio.gather(*self._reaping, *(self._reap(worker) for worker in list(self._live)))
        self._fail_waiting("the service is shutting down")

    def submit(self, kind: str, head: Mapping[str, Value], blob: bytes, owner: Hashable) -> Job:
        """Queue a job; never blocks, never raises: what cannot be taken fails from the iteration.
        `head` and `blob` are what the worker's handler of that `kind` gets."""
        self._numbers += 1
        job = Job(self._numbers, owner, b"", self._take_back)
        try:
            job.frame = pack({**head, "job": job.number, "kind": kind}, blob)
        except FramingError as error:
            job.end(WorkerFailed(str(error)))
            return job
        if self._closed or self._failure is not None:
            job.end(WorkerFailed(self._failure or "the service is shutting down"))
        elif self._idle:
            self._assign(self._idle.popleft(), job)
        elif len(self._queue) >= self._limits.waiting:
            job.end(WorkerFailed("overloaded: too many jobs are waiting"))
        else:
            self._queue.put(job)
            self._limit_wait(job)
        return job

    def _limit_wait(self, job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
        seconds = self._limits.wait if self._attended else self._limits.unattended
        job.timer = asyncio.get_running_loop().call_later(seconds, self._waited_too_long, job)

    @property
    def _attended(self) -> bool:
        return any(worker.warm for worker in self._live)

    def _check(self) -> None:
        """Find workers that hang: stopped, or deadlocked. One that only waits for its turn of the processor,
        as all do on a busy machine, has its job's time. Checks are counted, not seconds: a node that was held
        up itself has not read yet what its workers have told it."""
        self._checking = asyncio.get_running_loop().call_later(self._limits.check, self._check)
        for worker in list(self._live):
            worker.missed += 1
            if worker.warm and worker.missed > self._limits.missed and not _runs(worker.process.pid):
                log.error("worker pid=%d: killed, it gives no sign of life", worker.process.pid)
                worker.kill()

    def _take_back(self, job: Job) -> None:
        if not self._queue.discard(job):
            for worker in self._live:
                if worker.job is job:
                    worker.send(pack({"cancel": job.number}))
                    # The worker is busy until it says otherwise; its limit goes on.
                    return
        job.end()

    def lost(self, worker: _Worker) -> None:
        self._live.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if not self._attended:
            for job in self._queue:
                self._limit_wait(job)

    def idle(self, worker: _Worker) -> None:
        if len(self._queue):
            self._assign(worker, self._queue.get())
        else:
            self._idle.append(worker)

    def _assign(self, worker: _Worker, job: Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
        worker.job = job
        worker.send(job.frame)
        job.frame = b""
        job.timer = asyncio.get_running_loop().call_later(self._limits.job, self._took_too_long, worker, job)

    def _took_too_long(self, worker: _Worker, job: Job) -> None:
        with working_for(job.call):
            log.error(
                "worker pid=%d: killed, a job took more than %g s", worker.process.pid, self._limits.job
            )
        job.end(WorkerFailed(f"no answer within {self._limits.job:g} s"))
        worker.kill()

    def _waited_too_long(self, job: Job) -> None:
        self._queue.discard(job)
        detail = "overloaded: no worker became free" if self._attended else "no worker runs"
        job.end(WorkerFailed(detail))

    def _fail_waiting(self, detail: str) -> None:
        while len(self._queue):
            self._queue.get().end(WorkerFailed(detail))

    async def _keep(self, started: asyncio.Future[None]) -> None:
        """One place in the pool: start a worker, wait until it dies, start the next."""
        delay = self._limits.restart_first
        while True:
            worker: _Worker | None = None
            try:
                worker = await self._spawn()
                await self._run(worker, lambda: _set(started))
                log.error("worker pid=%d died; starting another", worker.process.pid)
            except (WorkerFailed, OSError) as error:
                if not started.done():
                    started.set_exception(WorkerFailed(str(error)))
                    return
                log.error("a worker does not start: %s", error)
                self._start_failed(str(error))
            except Exception as error:
                # The place in the pool must not stay empty, nor whoever waits for it wait for ever.
                log.exception("a worker could not be supervised; starting another")
                if not started.done():
                    started.set_exception(WorkerFailed(repr(error)))
                    return
                self._start_failed(repr(error))
            finally:
                if worker is not None:
                    # Of its own, so that a cancelled keeper leaves no zombie behind; `close` waits for it.
                    reaping = asyncio.create_task(self._reap(worker))
                    self._reaping.add(reaping)
                    reaping.add_done_callback(self._reaping.discard)
                    await asyncio.shield(reaping)
            served = worker is not None and worker.jobs_done > 0
            delay = self._limits.restart_first if served else min(2 * delay, self._limits.restart_last)
            await asyncio.sleep(delay)

    async def _run(self, worker: _Worker, on_ready: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(self._limits.start):
                await worker.ready
        except TimeoutError:
            raise WorkerFailed(f"not ready within {self._limits.start:g} s") from None
        self._failure = None
        worker.warm = True
        self.idle(worker)
        on_ready()
        await worker.gone

    def _start_failed(self, detail: str) -> None:
        """With no worker left, whoever asks hears why at once instead of waiting in vain."""
        if not self._attended:
            self._failure = detail
            self._fail_waiting(detail)

    async def _spawn(self) -> _Worker:
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command; vfork and exec: a millisecond or two
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_without_secrets(os.environ),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = _Worker(process, self)
        self._live.add(worker)
        ours.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: worker, sock=ours)
        return worker

    async def _reap(self, worker: _Worker) -> None:
        """The process is ended and waited for: no zombie, no orphan, no open socket."""
        self.lost(worker)
        worker.kill()
        for _ in range(1000):
            if worker.process.poll() is not None:
                return
            await asyncio.sleep(0.005)
        log.error("worker pid=%d does not end", worker.process.pid)


def _runs(pid: int) -> bool:
    """Does any thread of a process use the processor, or the disk, or wait for its turn (proc(5))?"""
    try:
        for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
            if stat.read_text().rpartition(")")[2].split()[0] in ("R", "D"):
                return True
    except (OSError, IndexError):
        pass
    return False


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Workers read strangers' audio with native code: they need no keys."""
    return {name: value for name, value in environment.items() if not name.startswith("OFFHOOK_")}
