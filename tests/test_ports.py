"""A port that was given out is nobody else's, though nobody has bound it yet."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ports
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
ANOTHER = """
import sys
from tests import ports
ports.FIRST, ports.LAST = int(sys.argv[1]), int(sys.argv[2])
print(ports.free_port(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The only two that can be given from now on."""
    with contextlib.ExitStack() as kept:
        monkeypatch.setattr(ports, "_kept", kept)
        first = free_port(count=4)
    monkeypatch.setattr(ports, "_kept", contextlib.ExitStack())
    monkeypatch.setattr(ports, "FIRST", first)
    monkeypatch.setattr(ports, "LAST", first + 3)
    yield first, first + 2
    ports._kept.close()


def test_a_port_is_given_once(two: tuple[int, int]) -> None:
    assert {free_port(), free_port()} == set(two)
    with pytest.raises(AssertionError, match="no free port"):
        free_port()


def test_what_another_process_was_given_is_its_own_until_it_ends(two: tuple[int, int]) -> None:
    command = [sys.executable, "-c", ANOTHER, str(ports.FIRST), str(ports.LAST)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        theirs = int(one.stdout.readline())
        assert free_port() == sum(two) - theirs
        one.communicate("")
    assert free_port() == theirs


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=lambda one: one.name)
def test_what_somebody_has_bound_is_given_to_nobody(kind: socket.SocketKind, two: tuple[int, int]) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", two[1] + 1))
        assert free_port() == two[0]
        with pytest.raises(AssertionError, match="no free port"):
            free_port(count=4)


def test_a_count_of_ports_lies_together(two: tuple[int, int]) -> None:
    assert free_port(count=4) == two[0]
