"""How many calls the open files of a process are enough for, and how its threads take turns."""

from __future__ import annotations

import logging
import sys

import pytest

from offhook.api.connection import Bounds
from offhook.process import (
    FILES_BESIDE,
    FILES_PER_CALL,
    LEAST_SIP_CONNECTIONS,
    TURN_SECONDS,
    StartError,
    calls_within,
    share_python,
    sip_connections_within,
)


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
