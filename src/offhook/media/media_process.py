"""The media plane as a process: an engine on a loop of its own, until the call plane's socket closes.

Started by `remote_plane.py` as `python -P -m offhook.media.media_process FD`. From strangers it reads
nothing but RTP and RTCP. When the call plane is gone, however it went, what is queued is still played,
then callers hear the sentence that was kept for this, and then it ends too."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from offhook.log_context import CALL
from offhook.media.engine import Engine
from offhook.media.media_commands import Command, KeepSentence, ProcessCommand, Settle
from offhook.media.media_events import (
    Event,
    Happened,
    Heard,
    Logged,
    Opened,
    Paced,
    ProcessEvent,
    Ready,
    Refused,
    VoiceBegan,
    VoiceEnded,
    VoiceWentOn,
)
from offhook.media.recording import WriterThread
from offhook.media.sockets import Sockets
from offhook.media.wire import Unpacker, WireError, pack_what_fits
from offhook.process import raise_file_limit, settle_memory, share_python
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.speech.activity import Unloadable, VoiceActivity

LAST_SECONDS: Final = 30.0
"""For what is queued and the sentence behind it to be played when the call plane is gone."""

STALE_BYTES: Final = 8 * 1024 * 1024
"""Of events that wait for a call plane that does not read. Beyond it what was heard is left out; what was
played is told all the same."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of events that wait; a call plane that has let so many wait is given up."""

AT_ONCE: Final = (Opened, Refused, VoiceBegan, VoiceEnded)
"""Somebody waits for these. Voices are judged between ticks too, where there are many."""

log = logging.getLogger(__name__)


class CallPlaneSocket(asyncio.Protocol):
    """The socket to the call plane."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._unpacker = Unpacker()
        self._engine: Engine | None = None
        self._clock: Clock | None = None
        self._ticks = 0
        """At whose end all was told."""
        self._untold: list[Event] = []
        self._writer: WriterThread | None = None
        self._sentence = b""

    # -- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._transport.set_write_buffer_limits(MOST_BYTES)

    def data_received(self, data: bytes) -> None:
        try:
            for commands in self._unpacker.feed(data):
                for command in commands:
                    self._do(command)
        except WireError as error:
            log.error("the call plane is not understood: %s", error)
            self._give_up()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone.set()

    def send(self, events: Sequence[Event | ProcessEvent]) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        waiting = transport.get_write_buffer_size()
        if waiting > STALE_BYTES:
            events = [event for event in events if type(event) not in (Heard, VoiceWentOn)]
        if waiting > MOST_BYTES:
            self._give_up()
        elif events:
            transport.write(pack_what_fits(events, self._left_out))

    def _left_out(self, event: Any, error: WireError) -> None:
        leg = None if self._engine is None else self._engine.legs.get(event[0])
        log.error("call=%s %s is not told: %s", leg and leg.call, type(event).__name__, error)

    def _told(self, events: list[Event], at: float) -> None:
        """At once where somebody waits for it. All else goes with the next tick: each message wakes the call
        plane."""
        self._untold += events
        clock = self._clock
        if clock is None or clock.ticks != self._ticks:
            return  # in a tick, at whose end all is told
        if not len(clock) or any(isinstance(event, AT_ONCE) for event in events):
            self._tell(at, ticked=False)

    def _after_tick(self) -> None:
        if self._clock is not None:
            self._ticks = self._clock.ticks
        if self._untold:
            self._tell(asyncio.get_running_loop().time(), ticked=True)

    def _tell(self, at: float, *, ticked: bool) -> None:
        told, self._untold = self._untold, []
        self.send([Happened(at, ticked), *told])

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.gone.set()

    # -- what the call plane says ---------------------------------------------------------------

    def _do(self, command: Command | ProcessCommand) -> None:
        try:
            if isinstance(command, Settle):
                self._settle(command)
            elif isinstance(command, KeepSentence):
                self._sentence = command.pcm
            elif self._engine is not None:
                self._engine.apply(command)
        except Exception:
            log.exception("a command broke something: %s", type(command).__name__)  # digits, keys are in it

    def _settle(self, given: Settle) -> None:
        logging.getLogger().setLevel(given.level)
        try:
            activity = VoiceActivity()
        except Unloadable as error:
            self.send([Ready(str(error))])
            return
        loop, rng = asyncio.get_running_loop(), random.SystemRandom()
        clock = Clock(loop)
        clock.after_tick.append(activity.run)
        sockets = Sockets(clock.add, clock.remove, loop.time)
        self._writer = WriterThread()
        self._engine = Engine(
            clock,
            PortPool(given.host, given.low, given.high, sockets.open, rng, part=(given.number, given.of)),
            now=time.time,
            rng=rng,
            patience=given.patience,
            activity=activity,
            recordings=Path(given.recordings),
            writer=self._writer,
            time=sockets.time,
            read=sockets.tick,
        )
        self._clock, self._engine.deliver = clock, self._told
        clock.after_tick.append(self._after_tick)
        settle_memory()
        self.send([Ready("")])

    def pace(self) -> None:
        """Once a second; also the sign that this process lives."""
        engine = self._engine
        if engine is not None:
            clock = engine.clock
            paced = Paced(tuple(clock.lateness), clock.skipped, engine.ports.in_use, len(engine.legs))
            self.send([paced])

    # -- the end --------------------------------------------------------------------------------

    async def close(self) -> None:
        engine, writer = self._engine, self._writer
        if engine is not None:
            engine.say_last(self._sentence)
            loop = asyncio.get_running_loop()
            until = loop.time() + LAST_SECONDS
            while engine.legs and loop.time() < until:  # noqa: ASYNC110 - once in a life
                await asyncio.sleep(0.1)
            engine.close()
        if writer is not None:
            await asyncio.to_thread(writer.close)


class ToTheNode(logging.Handler):
    """The node has one log: the call plane writes the lines of this process too."""

    def __init__(self, link: CallPlaneSocket) -> None:
        super().__init__()
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self._formatter.formatException(record.exc_info)}"
        if self._link.gone.is_set():
            print(message, file=sys.stderr)
        else:
            lines = [Logged(record.name, record.levelno, message, CALL.get())]
            if threading.get_ident() == self._thread:
                self._link.send(lines)
            else:
                self._loop.call_soon_threadsafe(self._link.send, lines)


async def serve(sock: socket.socket) -> None:
    """Until the socket is closed and what was to be said last has been said."""
    loop, link = asyncio.get_running_loop(), CallPlaneSocket()
    logging.basicConfig(handlers=[ToTheNode(link)], force=True)
    sock.setblocking(False)
    await loop.create_unix_connection(lambda: link, sock=sock)
    while not link.gone.is_set():
        try:
            async with asyncio.timeout(1.0):
                await link.gone.wait()
        except TimeoutError:
            link.pace()
    await link.close()


def main() -> None:
    # Ctrl-C and a service manager's SIGTERM reach the whole process group; the call plane finishes its calls
    # first, with this process, and ends it by closing its socket.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    raise_file_limit()
    share_python()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
