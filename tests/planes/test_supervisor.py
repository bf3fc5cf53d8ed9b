"""The supervisor with planes that only say what they are told to: who is replaced, when the node stops."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from offhook import process
from offhook.folder import DataFolder, holder
from offhook.planes import plane as plane_module
from offhook.planes import supervisor
from offhook.planes.spec import Spec, names
from offhook.planes.supervisor import State, Supervisor
from offhook.process import RESTARTS
from tests.machine import PATIENCE

PLANE = """
import json, os, socket, sys, time
from offhook.planes.spec import taken
from offhook.speech.framing import FrameReader, pack
link = socket.socket(fileno=int(sys.argv[1]))
taken(link)
for frame in json.loads(sys.argv[2]):
    link.sendall(pack(frame))
    if "refused" in frame:
        sys.exit(3)
reader = FrameReader()
while data := link.recv(65536):
    for frame in reader.feed(data):
        if frame.head.get("do") == "drain":
            link.sendall(pack({"calls": 2}) + pack({"drained": True}))
        elif frame.head.get("do") == "read_certificates":
            with open(sys.argv[3], "a") as told:
                told.write("x")
        elif frame.head.get("do") == "close":
            sys.exit(0)
"""
READY = [{"ready": True, "key": "the-key", "demo": True}]
WORDS = {"head": "Ready.\n", "key": "key {key}\n", "reach": "", "dial": "dial\n", "foot": ""}


class Planes:
    """What the next process of each plane says, once it knows what it is to do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.says: dict[str, list[dict[str, Any]]] = {"call": READY, "api": READY}
        self.started: list[tuple[str, int]] = []

    def start(self, plane: str) -> tuple[int, socket.socket]:
        import json

        ours, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        arguments = [sys.executable, "-c", PLANE, str(theirs.fileno()), json.dumps(self.says[plane])]
        arguments.append(str(self.folder / "told"))
        pid = os.posix_spawn(sys.executable, arguments, os.environ)
        theirs.close()
        self.started.append((plane, pid))
        return pid, ours

    def last(self, plane: str) -> int:
        return [pid for name, pid in self.started if name == plane][-1]


@pytest.fixture
def planes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Planes]:
    made = Planes(tmp_path)
    monkeypatch.setattr(supervisor, "start", made.start)
    before = signal.getsignal(signal.SIGCHLD)
    yield made
    signal.signal(signal.SIGCHLD, before)
    for _, pid in made.started:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def _supervisor(
    planes: Planes, data: Path, processes: int = 1, sip_tls: tuple[str, int] | None = None
) -> Supervisor:
    folder = DataFolder.take(data, lambda: "node-1")
    started = {}
    for name, kind in names(processes).items():
        pid, link = planes.start(kind)
        started[name] = (pid, link.detach())
    web = socket.socket()
    spec = Spec("", 0, processes, "", folder.node, {}, ("127.0.0.1", 1), ("127.0.0.1", 2), 5, sip_tls)
    state = State(spec, folder.lock, web.detach(), [], {}, started, {}, WORDS, "info", "text")
    return Supervisor(state)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def _planes(data: Path) -> dict[str, dict[str, Any]]:
    held = holder(data)
    return {} if held is None else {str(one["plane"]): dict(one) for one in held.planes}


def _is_up(data: Path, plane: str, restarts: int) -> bool:
    found = _planes(data).get(plane)
    return found is not None and (found["restarts"], found["up"]) == (restarts, True)


async def test_what_the_start_made_is_said_once_and_the_planes_end_in_order(
    planes: Planes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(_supervisor(planes, tmp_path).run())
    await until(lambda: _is_up(tmp_path, "call", 0) and _is_up(tmp_path, "api", 0))
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert capsys.readouterr().out == (
        "Ready.\nkey the-key\ndial\n\n"
        "Stopping: 2 calls are up and have 30 s to end; Ctrl-C again ends them at once.\n"
    )


async def test_certificates_are_read_again_on_sighup_and_nothing_ends(planes: Planes, tmp_path: Path) -> None:
    """Each call plane is told; one that hears it says so."""
    supervisor_ = _supervisor(planes, tmp_path, 2, ("127.0.0.1", 3))
    running = asyncio.create_task(supervisor_.run())
    await until(lambda: all(_is_up(tmp_path, name, 0) for name in ("call-1", "call-2", "api")))
    os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: (tmp_path / "told").exists() and (tmp_path / "told").read_text() == "xx")
    assert not running.done()
    os.kill(os.getpid(), signal.SIGTERM)
    await running


async def test_a_plane_that_is_killed_is_replaced_and_counted(planes: Planes, tmp_path: Path) -> None:
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    await until(lambda: _is_up(tmp_path, "call", 0) and _is_up(tmp_path, "api", 0))
    for plane in ("api", "call"):
        killed = planes.last(plane)
        os.kill(killed, signal.SIGKILL)
        await until(partial(_is_up, tmp_path, plane, 1))
        assert _planes(tmp_path)[plane]["process"] == planes.last(plane) != killed
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert node.reason == ""


async def test_how_many_calls_a_plane_has_is_told_as_it_says(planes: Planes, tmp_path: Path) -> None:
    """Until another one takes its place."""
    planes.says["call"] = [*READY, {"alive": True, "holds": 7}]
    running = asyncio.create_task(_supervisor(planes, tmp_path).run())
    await until(lambda: _is_up(tmp_path, "api", 0) and _planes(tmp_path)["call"].get("calls") == 7)
    planes.says["call"] = READY
    os.kill(planes.last("call"), signal.SIGKILL)
    await until(lambda: _is_up(tmp_path, "call", 1))
    assert "calls" not in _planes(tmp_path)["call"]
    assert "calls" not in _planes(tmp_path)["api"]
    os.kill(os.getpid(), signal.SIGTERM)
    await running


async def test_several_call_planes_drain_together_and_are_replaced_one_by_one(
    planes: Planes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(_supervisor(planes, tmp_path, 2).run())
    await until(lambda: all(_is_up(tmp_path, name, 0) for name in ("call-1", "call-2", "api")))
    before = _planes(tmp_path)
    os.kill(int(str(before["call-2"]["process"])), signal.SIGKILL)
    await until(lambda: _is_up(tmp_path, "call-2", 1))
    assert _planes(tmp_path)["call-1"] == before["call-1"]
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert "Stopping: 4 calls are up" in capsys.readouterr().out


async def test_a_plane_that_dies_again_and_again_ends_the_node(planes: Planes, tmp_path: Path) -> None:
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    for turn in range(RESTARTS + 1):
        await until(partial(_is_up, tmp_path, "call", turn))
        os.kill(planes.last("call"), signal.SIGKILL)
    await running
    assert node.reason == "the call plane was ended by SIGKILL again and again: the node stops"


async def test_a_plane_that_cannot_be_started_anew_ends_the_node(
    planes: Planes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    await until(partial(_is_up, tmp_path, "call", 0))

    def no_more(plane: str) -> tuple[int, socket.socket]:
        raise OSError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(supervisor, "start", no_more)
    os.kill(planes.last("call"), signal.SIGKILL)
    await asyncio.wait_for(running, PATIENCE)
    assert node.reason == (
        "the call plane was ended by SIGKILL and cannot be started anew: no more processes"
    )


async def test_a_plane_that_is_started_anew_has_only_what_it_is_handed(
    planes: Planes, tmp_path: Path
) -> None:
    node = _supervisor(planes, tmp_path)
    files = node._state.files()
    for file in files:
        os.set_inheritable(file, True)  # as the command leaves them
    running = asyncio.create_task(node.run())
    await until(lambda: _is_up(tmp_path, "call", 0) and _is_up(tmp_path, "api", 0))
    assert not any(map(os.get_inheritable, files))
    os.kill(os.getpid(), signal.SIGTERM)
    await running


@pytest.mark.parametrize("says", ["refused", "lost"])
@pytest.mark.parametrize("plane", ["call", "api"])
async def test_what_a_plane_cannot_go_on_for_ends_the_node(
    planes: Planes, tmp_path: Path, plane: str, says: str
) -> None:
    planes.says["api"] = []  # it serves once the call planes do, which these never will
    planes.says[plane] = [{says: "the disk is full: make room"}]
    node = _supervisor(planes, tmp_path)
    await asyncio.wait_for(node.run(), PATIENCE)
    assert node.reason == "the disk is full: make room"


async def test_a_plane_that_cannot_serve_again_at_once_takes_no_other_with_it(
    planes: Planes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may be away for a moment, and others have calls."""
    monkeypatch.setattr(supervisor, "AGAIN_SECONDS", (0.0,))
    node = _supervisor(planes, tmp_path, 2)
    running = asyncio.create_task(node.run())
    await until(lambda: all(_is_up(tmp_path, name, 0) for name in ("call-1", "call-2", "api")))
    before = _planes(tmp_path)
    planes.says["call"] = [{"refused": "the database is away"}]
    os.kill(int(str(before["call-2"]["process"])), signal.SIGKILL)
    await until(lambda: _planes(tmp_path)["call-2"]["restarts"] == 2)
    planes.says["call"] = READY
    await until(lambda: _planes(tmp_path)["call-2"]["up"])
    assert _planes(tmp_path)["call-1"] == before["call-1"]
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert node.reason == ""


async def test_a_plane_that_dies_before_it_serves_ends_the_node(planes: Planes, tmp_path: Path) -> None:
    planes.says["api"] = []
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    await asyncio.sleep(0)
    os.kill(planes.last("api"), signal.SIGKILL)
    await running
    assert node.reason == "the api plane did not start: it was ended by SIGKILL"


@pytest.mark.parametrize("plane", ["call", "api"])
async def test_a_plane_that_never_serves_is_not_waited_for_for_ever(
    planes: Planes, tmp_path: Path, plane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.01)
    planes.says = {"call": READY, "api": [], plane: []}
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    await until(lambda: plane == "call" or node._planes["call"].ready)
    monkeypatch.setattr(plane_module, "START_LOOKS", 3)
    await asyncio.wait_for(running, PATIENCE)
    assert node.reason == f"the {plane} plane did not start: it did not serve within 3 s and was ended"


async def test_a_plane_that_says_nothing_any_more_is_replaced(
    planes: Planes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.01)
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    await until(lambda: _is_up(tmp_path, "call", 0) and _is_up(tmp_path, "api", 0))
    monkeypatch.setattr(plane_module, "SILENT_LOOKS", 3)
    await until(lambda: _planes(tmp_path)["call"]["restarts"] == 1)
    monkeypatch.setattr(plane_module, "SILENT_LOOKS", 10**6)
    await until(lambda: _is_up(tmp_path, "call", 1))
    os.kill(os.getpid(), signal.SIGTERM)
    await running


async def test_planes_that_end_before_they_serve_again_end_the_node_however_slowly(
    planes: Planes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than so many in a minute would not come about: each takes its time."""
    monkeypatch.setattr(process, "WITHIN_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "AGAIN_SECONDS", (0.0,))
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    await until(lambda: _is_up(tmp_path, "call", 0) and _is_up(tmp_path, "api", 0))
    planes.says["call"] = []
    for turn in range(RESTARTS + 2):
        await until(lambda turn=turn: len(planes.started) == 2 + turn)  # type: ignore[misc]
        os.kill(planes.last("call"), signal.SIGKILL)
    await asyncio.wait_for(running, PATIENCE)
    assert node.reason == "the call plane was ended by SIGKILL again and again: the node stops"


def test_who_says_something_now_and_then_does_not_hang() -> None:
    plane = plane_module.Plane("call", "call", 1)
    plane.ready = True
    for _ in range(3):
        assert not any(plane.hangs() for _ in range(plane_module.SILENT_LOOKS))
        plane.looks = 0
    assert any(plane.hangs() for _ in range(plane_module.SILENT_LOOKS + 1))


async def test_asked_to_stop_before_anything_serves_it_stops(planes: Planes, tmp_path: Path) -> None:
    planes.says["api"] = planes.says["call"] = []
    node = _supervisor(planes, tmp_path)
    running = asyncio.create_task(node.run())
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGINT)
    await running
    assert node.reason == ""
