"""How many calls the open files of a process are enough for, and how its threads take turns."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from offhook import process
from offhook.api.http.connection import Bounds
from offhook.process import (
    FILES_BESIDE,
    FILES_PER_CALL,
    LEAST_SIP_CONNECTIONS,
    TURN_SECONDS,
    Lowered,
    StartError,
    call_processes,
    calls_within,
    cores,
    share_python,
    sip_connections_within,
)
from tests.machine import PATIENCE


@pytest.mark.parametrize(
    ("files", "wanted", "calls", "warned"),
    [
        (524_288, 200, 200, False),
        (FILES_BESIDE + 200 * FILES_PER_CALL, 200, 200, False),
        (FILES_BESIDE + 200 * FILES_PER_CALL - 1, 200, 199, True),
        (FILES_BESIDE + 26 * FILES_PER_CALL, 200, 26, True),
        (FILES_BESIDE + 26 * FILES_PER_CALL, 20, 20, False),
        (FILES_BESIDE + FILES_PER_CALL, 200, 1, True),
    ],
)
def test_as_many_calls_as_there_are_files_for(
    files: int, wanted: int, calls: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert calls_within(files, wanted) == calls

    assert bool(caplog.records) == warned
    if warned:
        assert f"enough for {calls} calls" in caplog.text
        assert "LimitNOFILE" in caplog.text


@pytest.mark.parametrize("files", [0, 64, FILES_BESIDE + FILES_PER_CALL - 1])
def test_too_few_for_any_call_is_no_start(files: int) -> None:
    with pytest.raises(StartError, match=f"only {files} files .*ulimit -n"):
        calls_within(files, 200)


@pytest.mark.parametrize(
    ("files", "calls", "connections"),
    [
        (524_288, 200, 2048),
        (FILES_BESIDE + 200 * FILES_PER_CALL, 200, 64),
        (FILES_BESIDE + 200 * FILES_PER_CALL + 100, 200, 164),
        (1024, 93, 66),
    ],
)
def test_phones_on_tcp_cannot_take_the_files_of_calls(files: int, calls: int, connections: int) -> None:
    assert sip_connections_within(files, calls) == connections
    assert connections + calls * FILES_PER_CALL + FILES_BESIDE - 64 <= files


def test_the_api_cannot_take_the_files_of_calls() -> None:
    assert Bounds().connections + 100 + LEAST_SIP_CONNECTIONS <= FILES_BESIDE


def test_threads_take_short_turns() -> None:
    before = sys.getswitchinterval()
    try:
        share_python()

        assert sys.getswitchinterval() == pytest.approx(TURN_SECONDS)
        assert before / TURN_SECONDS >= 10
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize(
    ("may_run_on", "quota", "found", "processes"),
    [
        (1, None, 1, 1),
        (2, None, 2, 1),
        (3, "max 100000", 3, 1),
        (4, None, 4, 2),
        (16, "400000 100000", 4, 2),
        (16, "150000 100000", 1, 1),
        (16, "50000 100000", 1, 1),
        (4, "800000 100000", 4, 2),
        (512, None, 512, 64),
    ],
)
def test_call_planes_by_the_cores_that_there_are(
    may_run_on: int,
    quota: str | None,
    found: int,
    processes: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Those that the process may run on, within the quota of its container or unit."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(may_run_on)), raising=False)
    own = tmp_path / "own"
    own.write_text("0::/unit.slice/offhook.service\n")
    group = tmp_path / "unit.slice" / "offhook.service"
    group.mkdir(parents=True)
    if quota is not None:
        (group / "cpu.max").write_text(quota + "\n")
    monkeypatch.setattr(process, "_OWN_GROUP", own)
    monkeypatch.setattr(process, "_GROUPS", tmp_path)

    assert cores() == found
    assert call_processes(" Auto ") == processes


@pytest.mark.parametrize(("text", "processes"), [("1", 1), (" 8 ", 8), ("64", 64)])
def test_so_many_call_planes_as_are_asked_for(text: str, processes: int) -> None:
    assert call_processes(text) == processes


@pytest.mark.parametrize("text", ["0", "-1", "65", "2.5", "two", "", "automatic"])
def test_what_is_no_number_of_call_planes_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write a number from 1 to 64, or auto"):
        call_processes(text)


NICENESS = "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"
LOWERED = f"""
import subprocess, sys
from offhook.process import Lowered
{NICENESS}
lowered = Lowered(2)
{NICENESS}
started = [sys.executable, "-c", {NICENESS!r}]
sys.stdout.flush()
lowered.start(lambda: subprocess.run(started, check=True))
subprocess.run(started, check=True)
"""


def test_who_takes_its_turns_after_others_starts_what_is_to_have_its_own_before() -> None:
    done = subprocess.run([sys.executable, "-c", LOWERED], check=True, capture_output=True, timeout=PATIENCE)
    before, *then = map(int, done.stdout.split())
    assert then == [before + 2, before, before + 2]


def test_who_may_not_take_a_step_back_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(steps: int) -> int:
        raise PermissionError("a container without it")

    monkeypatch.setattr(os, "nice", refuse)
    assert Lowered(2).start(lambda: 3) == 3
