"""The process of one plane: `python -P -m offhook.planes.child PLANE FD PARENT`.

The supervisor tells it what to do over its socket. It ends when the socket closes, since then nobody is left
to end it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final

from offhook.network import Address
from offhook.planes.ground import Ground
from offhook.planes.link import Frame, Link
from offhook.planes.spec import API, LEFT_TO_THE_SUPERVISOR, STEPS_BACK, Spec, taken
from offhook.process import Lowered, StartError, raise_file_limit, settle_memory, share_python
from offhook.settings import load_settings
from offhook.store import Database, IdMaker, StoreError
from offhook.vital import Vital

_PR_SET_PDEATHSIG: Final = 1

BEAT_SECONDS: Final = 5.0
"""Between two signs to the supervisor that this process lives."""

REFUSED: Final = 3
"""The exit status after a reason was told."""


class Child(ABC):
    """One plane in this process. What it is told arrives at `received`."""

    def __init__(self, spec: Spec, descriptors: list[int], lowered: Lowered) -> None:
        self.spec = spec
        self.descriptors = descriptors
        self.lowered = lowered
        self.link = Link(self.received, self._orphaned)
        self.vital = Vital()
        self.closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting: asyncio.Task[Any] | None = asyncio.current_task()
        self.serving = False

    @abstractmethod
    async def start(self, stack: AsyncExitStack) -> dict[str, Any]:
        """Serve until `stack` is closed; returns what the supervisor should know. Raises StartError."""

    def received(self, frame: Frame) -> None:
        """Handle what the supervisor tells every plane."""
        if frame.get("do") == "close":
            self.closing.set()
            if not self.serving and self._starting is not None:
                self._starting.cancel()

    def tell(self, **frame: Any) -> None:
        self.link.tell(frame)

    async def run(self, link: socket.socket) -> int:
        """The exit status."""
        await asyncio.get_running_loop().create_connection(lambda: self.link, sock=link)
        async with AsyncExitStack() as stack:
            try:
                known = await self.start(stack)
            except (StartError, StoreError) as problem:
                self.tell(refused=str(problem))
                return REFUSED
            finally:
                # Before all that it watches ends, whether that has begun to serve or not.
                self._starting = None
                stack.callback(self.vital.close)
            self.later(self._tell_what_is_lost())
            self.serving = True
            settle_memory()
            self.tell(ready=True, **known)
            self.later(self._beat())
            await self.closing.wait()
        return 0

    async def ground(self, stack: AsyncExitStack) -> Ground:
        """What the plane stands on. Raises StoreError."""
        spec, now, rng = self.spec, time.time, random.SystemRandom()
        settings = load_settings(spec.flags).model_copy(
            update={
                "http": Address(*spec.http),
                "sip": Address(*spec.sip),
                "sip_tls": spec.sip_tls and Address(*spec.sip_tls),
            }
        )
        database = await Database.open(settings.database, now=now, new_id=IdMaker(now, rng))
        stack.push_async_callback(database.close)
        return Ground(settings, spec.node, database, now, rng, self.vital)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task until the process ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def holds(self) -> int | None:
        """How many calls are up here; None for a plane that has none."""
        return None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self.tell(alive=True, holds=self.holds())

    async def _tell_what_is_lost(self) -> None:
        await self.vital.lost.wait()
        self.tell(lost=self.vital.reason)

    def _orphaned(self) -> None:
        os._exit(1)


def _end_with(parent: int) -> None:
    """The kernel ends this process when the supervisor dies, however busy it is (prctl(2))."""
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: the closed socket tells
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _process_of(plane: str) -> type[Child]:
    """Each imports what its plane needs and no more."""
    if plane == API:
        from offhook.planes.api_process import ApiProcess

        return ApiProcess
    from offhook.planes.call_process import CallProcess

    return CallProcess


def main() -> None:
    plane, number, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _end_with(parent)
    for signal_number in LEFT_TO_THE_SUPERVISOR:
        signal.signal(signal_number, signal.SIG_IGN)
    lowered = Lowered(STEPS_BACK[plane])
    raise_file_limit()
    share_python()
    os.umask(0o077)
    link = socket.socket(fileno=number)
    # Loaded while the supervisor looks for what could keep the node from starting.
    process = _process_of(plane)
    import uvloop

    from offhook.log_lines import configure

    given = taken(link)
    if given is None:
        return
    spec, descriptors = given
    settings = load_settings(spec.flags)
    configure(settings.log_level, settings.log_format, spec.name)

    async def serve() -> int:
        return await process(spec, descriptors, lowered).run(link)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            status = runner.run(serve())
        except asyncio.CancelledError:
            status = 0  # told to close before it served
    sys.exit(status)


if __name__ == "__main__":
    main()
