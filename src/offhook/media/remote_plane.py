"""The media plane in a process of its own: it is started, listened to, and started anew when it is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

from offhook.log_context import working_for
from offhook.media.line import MediaFailed, MediaPlane, Pacing
from offhook.media.media_commands import (
    Command,
    KeepSentence,
    Open,
    ProcessCommand,
    Settle,
)
from offhook.media.media_events import (
    Event,
    Happened,
    Logged,
    Paced,
    Ready,
)
from offhook.media.wire import Unpacker, WireError, pack_what_fits
from offhook.process import Ends
from offhook.rtp.clock import TICK

COMMAND: Final = (sys.executable, "-P", "-m", "offhook.media.media_process")

START_SECONDS: Final = 60.0
SILENT_SECONDS: Final = 5.0
"""Without a word from the process, which gives one a second, it counts as hung and is ended."""
AGAIN_SECONDS: Final = (0.0, 0.5, 2.0)
"""Before it is started anew: after one that served, after one that did not, and after more of these."""

BEFORE_TICK: Final = 0.004
"""Seconds before the engine's next tick in which what was commanded since the last one is on its way."""

BUFFER: Final = 4 * 1024 * 1024
"""Bytes asked of the kernel for each direction, so that a tick's message goes in one piece."""

Starter = Callable[[Callable[[], subprocess.Popen[bytes]]], subprocess.Popen[bytes]]
"""Has the process started by the thread that is to be its parent."""

log = logging.getLogger(__name__)


def here(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """The `Starter` by the thread that runs."""
    return start()


class RemotePlane(MediaPlane):
    """Legs and talks in another process, which loads from now on. In any case `close` it."""

    def __init__(self, settle: Settle, starter: Starter = here) -> None:
        super().__init__()
        self._starter = starter
        self._pacing = Pacing()
        self._settle = settle
        self._name = "media" if settle.of == 1 else f"media-{settle.number}"
        self._sentence = b""
        self._waiting: list[Command | ProcessCommand] = []
        self._due: asyncio.TimerHandle | None = None
        self._ticked = 0.0
        """When the engine's last tick was, as far as it was told."""
        self._link: _Link | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._serves = asyncio.Event()
        self._closed = False
        self._since = 0.0
        self._restarts = 0
        self.changed: Callable[[], None] = _nobody
        """Told when it serves, and when it is gone."""
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.keeper: asyncio.Task[None] = asyncio.create_task(self._keep())

    # -- the life of it -------------------------------------------------------------------------

    async def start(self) -> None:
        await asyncio.shield(self._started)

    def keep_sentence(self, pcm: bytes) -> None:
        self._sentence = pcm
        if self._serves.is_set():
            self.send(KeepSentence(pcm))

    @property
    def process(self) -> dict[str, Any]:
        """As the supervisor tells of the processes that it has started itself."""
        return {
            "plane": self._name,
            "process": self._pacing.pid,
            "since": round(self._since),
            "restarts": self._restarts,
            "up": self.is_up,
        }

    async def close(self) -> None:
        self._closed = True
        self.keeper.cancel()
        await asyncio.gather(self.keeper, return_exceptions=True)
        self._started.cancel()
        self._flush()
        await self._end()

    async def _keep(self) -> None:
        """Raises MediaFailed when the process ends too often: the node is of no use then."""
        started, failures, ends = self._started, 0, Ends()
        while True:
            try:
                link = await self._spawn()
                if not started.done():
                    started.set_result(None)
                failures = 0
                await self._watch(link)
                log.error("the media process pid=%d is gone, and its calls end", self._pacing.pid)
            except MediaFailed as error:
                if not started.done():
                    started.set_exception(error)
                    return
                failures += 1
                log.error("the media process does not start: %s", error)
            self._restarts += 1
            self._lost()
            await self._end()
            if ends.too_many(asyncio.get_running_loop().time()):
                raise MediaFailed("the media process ended again and again")
            await asyncio.sleep(AGAIN_SECONDS[min(failures, len(AGAIN_SECONDS) - 1)])

    async def _spawn(self) -> _Link:
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise MediaFailed(error.strerror or str(error)) from error
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        try:
            self._process = self._starter(partial(_started_with, theirs))
        except OSError as error:
            ours.close()
            raise MediaFailed(error.strerror or str(error)) from error
        finally:
            theirs.close()
        ours.setblocking(False)
        link = self._link = _Link(self)
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=ours)
        link.write([self._settle])
        try:
            async with asyncio.timeout(START_SECONDS):
                why = await link.ready
        except TimeoutError:
            raise MediaFailed(f"not ready within {START_SECONDS:g} s") from None
        if why:
            raise MediaFailed(why)
        self._pacing, self._since = Pacing(self._process.pid), time.time()
        self._waiting.clear()
        self._serves.set()
        self.changed()
        if self._sentence:
            self.send(KeepSentence(self._sentence))
        return link

    async def _watch(self, link: _Link) -> None:
        """Until it is gone, or has not said a word for too long."""
        silent = 0.0
        while not link.gone.is_set():
            try:
                async with asyncio.timeout(1.0):
                    await link.gone.wait()
            except TimeoutError:
                # Counted in looks, not in time: this process may have been stopped itself.
                silent = 0.0 if link.spoke else silent + 1.0
                link.spoke = False
                if silent >= SILENT_SECONDS:
                    log.error("the media process says nothing for %g s and is ended", silent)
                    return

    def _lost(self) -> None:
        self._serves.clear()
        self._waiting.clear()
        self.changed()
        self.gone()

    async def _end(self) -> None:
        link, self._link = self._link, None
        process, self._process = self._process, None
        if link is not None:
            link.close()
        if process is None:
            return
        for _ in range(1000 if self._closed else 0):
            # It has recordings to finish.
            if process.poll() is not None:
                return
            await asyncio.sleep(0.01)
        process.kill()
        while process.poll() is None:  # noqa: ASYNC110 - the kernel has no more to do than this
            await asyncio.sleep(0.005)

    # -- the protocol ---------------------------------------------------------------------------

    @property
    def pacing(self) -> Pacing:
        """As it was told last."""
        return self._pacing

    @property
    def is_up(self) -> bool:
        return self._serves.is_set()

    async def serves(self) -> None:
        await self._serves.wait()

    def send(self, command: Command | ProcessCommand) -> None:
        """At once if an answer is waited for. All else takes effect with the engine's next tick, and goes in
        one message before it: each message wakes the other process."""
        if not self._serves.is_set():
            return
        self._waiting.append(command)
        if type(command) is Open:
            self._flush()
        elif self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(self._until_due(loop.time()), self._flush)

    def _until_due(self, now: float) -> float:
        """Seconds. Ticks are TICK apart, also where none was told of lately: nothing ticks without a leg."""
        return max(0.0, TICK - BEFORE_TICK - (now - self._ticked) % TICK)

    def _flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        commands, self._waiting = self._waiting, []
        if commands and self._link is not None:
            self._link.write(commands)

    def left_out(self, command: Any, error: WireError) -> None:
        """It is not done; what else was commanded is."""
        line = self.lines.get(command[0]) or self.channels.get(command[0])
        log.error("call=%s %s is not done: %s", line and line.call, type(command).__name__, error)

    def take(self, link: _Link, events: list[Any]) -> None:
        if link is not self._link:
            return
        others: list[Event] = []
        at = 0.0
        for event in events:
            of = type(event)
            if of is Paced:
                self._pacing = Pacing(self._pacing.pid, *event)
            elif of is Logged:
                with working_for(event.call):
                    logging.getLogger(event.logger).log(
                        event.level, event.message, extra={"plane": self._name}
                    )
            elif of is Happened:
                at = event.at
                if event.ticked:
                    self._ticked = at
            elif of is Ready:
                link.answered(event.why)
            else:
                others.append(event)
        self.deliver(others, at)


class _Link(asyncio.Protocol):
    def __init__(self, plane: RemotePlane) -> None:
        self.gone = asyncio.Event()
        self.spoke = True
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._plane = plane
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        self.spoke = True
        try:
            for events in self._unpacker.feed(data):
                self._plane.take(self, events)
        except WireError as error:
            log.error("the media process is not understood: %s", error)
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.answered("it ended before it served")
        self.gone.set()

    def answered(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_result(why)

    def write(self, commands: Sequence[Command | ProcessCommand]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(pack_what_fits(commands, self._plane.left_out))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.gone.set()


def _started_with(link: socket.socket) -> subprocess.Popen[bytes]:
    """By vfork and exec: a millisecond or two."""
    return subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, str(link.fileno())],
        pass_fds=[link.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=_without_secrets(os.environ),
    )


def _nobody() -> None:
    """Nobody wants to know."""


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """It reads strangers' packets: it needs no keys."""
    return {name: value for name, value in environment.items() if not name.startswith("OFFHOOK_")}
