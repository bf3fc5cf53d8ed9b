"""The process that is `offhook serve`: it holds the data folder and the ports, handles the signals, starts
the planes and restarts those that die. It is small, and reads nothing that came from the network.

`commands/serve.py` becomes it: `python -P -m offhook.planes.supervisor FD`, where FD has a `State`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

from offhook.folder import PLANES as PLANES_TOLD
from offhook.folder import DataFolder
from offhook.json_document import PlaneMessage
from offhook.log_lines import configure
from offhook.planes.link import Frame, Link
from offhook.planes.plane import LOOK_SECONDS, Plane
from offhook.planes.spec import (
    API,
    CALL,
    DRAIN_SECONDS,
    LEFT_TO_THE_SUPERVISOR,
    Spec,
    hand,
    names,
    start,
)
from offhook.process import RESTARTS

DRAINED_SECONDS: Final = 2 * DRAIN_SECONDS + 15
"""For a call plane to have drained, with what is written down at the end."""

SAY_SECONDS: Final = 2.0
"""For call planes to say how many calls they have, when these have to end."""

KEY_HERE: Final = "{key}"
"""Where the key of a first start stands in what is printed."""

AGAIN_SECONDS: Final = (0.0, 1.0, 4.0, 10.0, 20.0, 30.0)
"""Before a plane is started anew: after it has served, and after it has not, once and more often in a row."""

CLOSE_SECONDS: Final = {API: 10.0, CALL: 30.0}
"""For a plane to close what it holds; then it is ended."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class State:
    """What the command found and made: see `Supervisor`. Sockets and files are given by their descriptors;
    `between` has those that connect each call plane with the others. `words` is printed once the node
    serves."""

    spec: Spec
    lock: int
    http: int
    sip: list[int]
    between: Mapping[str, list[int]]
    started: dict[str, tuple[int, int]]
    told: PlaneMessage
    words: Mapping[str, str]
    log_level: str
    log_format: Literal["text", "json"]

    def files(self) -> set[int]:
        """All that came with it."""
        links = [link for _, link in self.started.values()]
        between = [number for numbers in self.between.values() for number in numbers]
        return {self.lock, self.http, *self.sip, *between, *links}


class Supervisor:
    """Runs until the node stops; `reason` then says why, if nobody asked it to."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._folder = DataFolder(state.lock, state.spec.node)
        self._planes: dict[str, Plane] = {}
        for name, kind in names(state.spec.processes).items():
            number = sum(one.kind == kind for one in self._planes.values()) + 1
            self._planes[name] = Plane(name, kind, number)
        self._serving = False
        self._stopping = asyncio.Event()
        self._moved = asyncio.Event()
        self._handing: set[asyncio.Task[None]] = set()
        self.reason = ""

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for file in self._state.files():
            os.set_inheritable(file, False)  # a process that is started anew is handed what it needs
        for number in LEFT_TO_THE_SUPERVISOR:
            # `nohup` has it ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, partial(self._signalled, number))
        loop.add_signal_handler(signal.SIGCHLD, self._reap_planes)
        for name, (pid, link) in self._state.started.items():
            await self._hand(self._planes[name], pid, socket.socket(fileno=link))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, LEFT_TO_THE_SUPERVISOR)
        self._reap_planes()
        looking = loop.create_task(self._look())
        await self._stopping.wait()
        looking.cancel()
        await self._stop()

    # -- the planes -----------------------------------------------------------------------------

    async def _hand(self, plane: Plane, pid: int, link: socket.socket) -> None:
        """Tell a process that has been started what it is to do."""
        plane.began(pid, time.time())
        self._tell_the_folder()
        state = self._state
        sockets = [state.http] if plane.kind == API else [*state.sip, *state.between.get(plane.name, ())]
        spec = replace(state.spec, name=plane.name, number=plane.number)
        try:
            hand(link, spec, [state.lock, *sockets])
        except OSError:
            link.close()
            return  # it has died already: SIGCHLD tells
        link.setblocking(False)
        plane.link = Link(partial(self._received, plane), partial(self._lost, plane))
        await asyncio.get_running_loop().create_connection(partial(_same, plane.link), sock=link)
        self._tell_who_is_up()

    def _received(self, plane: Plane, frame: Frame) -> None:
        plane.looks = 0 if plane.ready else plane.looks
        to = frame.get("to")
        if to is not None:
            self._hand_on(plane, self._planes.get(to), frame)
        elif "ready" in frame:
            self._is_ready(plane, frame)
        elif "refused" in frame and self._serving:
            plane.ended = f"cannot serve ({frame['refused']})"  # it may the next time, and others have calls
        elif "refused" in frame or "lost" in frame:
            self._end(frame.get("refused") or frame["lost"])
        elif "alive" in frame:
            if plane.holds != frame["holds"]:
                plane.holds = frame["holds"]
                self._tell_the_folder()
        elif "media" in frame:
            plane.media = frame["media"]
            self._tell_the_folder()
        elif "calls" in frame:
            plane.calls = frame["calls"]
            self._moved.set()
        elif "drained" in frame:
            plane.drained = True
            self._moved.set()

    def _hand_on(self, sender: Plane, receiver: Plane | None, frame: Frame) -> None:
        if receiver is not None:
            receiver.tell(**{**frame, "from": sender.name})

    def _is_ready(self, plane: Plane, frame: Frame) -> None:
        plane.ready, plane.looks = True, 0
        self._tell_who_is_up()
        if not self._serving and plane.kind == API:
            self._serving = True
            _say(welcome(self._state.words, frame["key"], demo=frame["demo"]))
        elif self._serving:
            _log.warning("the %s plane serves again", plane.name)
        self._tell_the_folder()

    def _tell_who_is_up(self) -> None:
        calls = self._of_calls()
        up = [plane.name for plane in calls if plane.ready]
        self._planes[API].tell(up=up, of=len(calls), served=self._serving)

    def _of_calls(self) -> list[Plane]:
        return [plane for plane in self._planes.values() if plane.kind == CALL]

    def _tell_the_folder(self) -> None:
        """Write down what other programs on this machine may know."""
        if self._serving:
            planes = [one.shown() for one in self._planes.values()]
            planes += [one.media for one in self._planes.values() if one.media is not None]
            self._folder.tell({**self._state.told, PLANES_TOLD: planes})

    # -- what ends ------------------------------------------------------------------------------

    async def _look(self) -> None:
        """End each process that hangs; another one is then started in its place."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            calls = self._of_calls()
            waits = not self._serving and not all(plane.ready for plane in calls)
            for plane in calls if waits else self._planes.values():  # the API waits for the others at first
                if plane.pid and (why := plane.hangs()):
                    plane.ended = plane.ended or f"{why} and was ended"
                    os.kill(plane.pid, signal.SIGKILL)

    def _reap_planes(self) -> None:
        for plane in self._planes.values():
            try:
                pid, status = os.waitpid(plane.pid, os.WNOHANG) if plane.pid else (0, 0)
            except ChildProcessError:
                continue
            if pid:
                plane.pid, plane.ended = 0, plane.ended or _in_words(status)
                self._perhaps_ended(plane)
        if os.getpid() == 1:
            self._reap_orphans()

    def _reap_orphans(self) -> None:
        """Process 1 of a container inherits what lost its parent, such as a dead call plane's workers."""
        with contextlib.suppress(ChildProcessError):
            while True:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if found is None or found.si_pid in (plane.pid for plane in self._planes.values()):
                    return
                os.waitpid(found.si_pid, 0)

    def _lost(self, plane: Plane) -> None:
        plane.link = None
        self._perhaps_ended(plane)

    def _perhaps_ended(self, plane: Plane) -> None:
        """Act once the process has ended and everything it sent has been read."""
        if plane.pid == 0 and plane.link is None:
            plane.unserved = 0 if plane.ready else plane.unserved + 1
            plane.ready, plane.media = False, None
            self._moved.set()
            if not self._stopping.is_set():
                self._replace(plane)

    def _replace(self, plane: Plane) -> None:
        self._tell_who_is_up()
        if not self._serving:
            self._end(f"the {plane.name} plane did not start: it {plane.ended}")
            return
        if plane.ends.too_many(time.monotonic()) or plane.unserved > RESTARTS:
            self._end(f"the {plane.name} plane {plane.ended} again and again: the node stops")
            return
        _log.error("the %s plane %s; starting it again", plane.name, plane.ended)
        plane.restarts += 1
        pause = AGAIN_SECONDS[min(plane.unserved, len(AGAIN_SECONDS) - 1)]
        asyncio.get_running_loop().call_later(pause, self._start_anew, plane)

    def _start_anew(self, plane: Plane) -> None:
        if self._stopping.is_set():
            return
        try:
            plane.pid, link = start(plane.kind)
        except OSError as error:  # no process or file is to be had
            self._end(f"the {plane.name} plane {plane.ended} and cannot be started anew: {error.strerror}")
            return
        handing = asyncio.create_task(self._hand(plane, plane.pid, link))
        self._handing.add(handing)
        handing.add_done_callback(self._handing.discard)

    def _end(self, reason: str) -> None:
        if not self._stopping.is_set():
            self.reason = reason
            self._stopping.set()

    def _signalled(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP and self._state.spec.sip_tls is not None:
            for plane in self._of_calls():
                plane.tell(do="read_certificates")
            return
        if self._stopping.is_set():
            for plane in self._of_calls():
                plane.tell(do="end_all")
        self._stopping.set()

    async def _stop(self) -> None:
        """Calls end first, while the API still answers; then the planes close one after the other."""
        draining = [plane for plane in self._of_calls() if plane.ready and plane.tell(do="drain")]
        await self._until(lambda: all(one.calls is not None or one.pid == 0 for one in draining), SAY_SECONDS)
        self._say_what_is_up(sum(one.calls or 0 for one in draining))
        await self._until(lambda: all(one.drained or one.pid == 0 for one in draining), DRAINED_SECONDS)
        for kind, seconds in CLOSE_SECONDS.items():
            closing = [plane for plane in self._planes.values() if plane.kind == kind]
            for plane in closing:
                plane.tell(do="close")
            if not await self._until(partial(_are_gone, closing), seconds):
                for plane in closing:
                    if plane.pid:
                        _log.error("the %s plane does not end; killing it", plane.name)
                        os.kill(plane.pid, signal.SIGKILL)
                await self._until(partial(_are_gone, closing), 1.0)

    def _say_what_is_up(self, calls: int) -> None:
        if calls:
            up = "1 call is up and has" if calls == 1 else f"{calls} calls are up and have"
            _say(f"Stopping: {up} {DRAIN_SECONDS:g} s to end; Ctrl-C again ends them at once.")

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds():
                    self._moved.clear()
                    await self._moved.wait()
        return holds()


def welcome(words: Mapping[str, str], key: str | None, *, demo: bool) -> str:
    """`words` of `commands/serve.py`, with what the start has made or found."""
    parts = [
        words["head"],
        "" if key is None else words["key"].replace(KEY_HERE, key),
        words["reach"],
        words["dial"] if demo else "",
        words["foot"],
    ]
    return "".join(parts)


def _same(link: Link) -> Link:
    return link


def _are_gone(planes: Sequence[Plane]) -> bool:
    return all(plane.pid == 0 for plane in planes)


def _in_words(status: int) -> str:
    """How a process ended."""
    code = os.waitstatus_to_exitcode(status)
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")


def _say(text: str) -> None:
    print(text if sys.stdout.isatty() else _ANSI.sub("", text), flush=True)


def main() -> None:
    with open(int(sys.argv[1]), "rb") as file:
        given = json.load(file)
    state = State(**{**given, "spec": Spec(**given["spec"])})
    configure(state.log_level, state.log_format, "node")

    async def supervise() -> str:
        supervisor = Supervisor(state)
        await supervisor.run()
        return supervisor.reason

    reason = asyncio.run(supervise())
    if reason:
        for line in reason.splitlines():
            print(f"offhook: {line}", file=sys.stderr)
        sys.exit(1)
    _say("Stopped.")


if __name__ == "__main__":
    main()
