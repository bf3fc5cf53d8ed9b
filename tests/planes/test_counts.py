"""What several call processes count together holds over all of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from offhook.network.sources import Shares
from offhook.planes.counts import ENTRIES_BESIDE, Counts, part_bytes

CALLS = 16


@pytest.fixture
def file() -> Iterator[int]:
    with tempfile.TemporaryFile() as opened:
        opened.truncate(part_bytes(CALLS) * 3)
        yield opened.fileno()


def _processes(file: int, count: int = 3) -> list[Counts]:
    return [Counts(os.dup(file), number, count, CALLS) for number in range(1, count + 1)]


def test_places_are_those_of_all(file: int) -> None:
    shares = [Shares(CALLS, others=one.places("calls")) for one in _processes(file)]
    for turn in range(CALLS):
        assert shares[turn % 3].admits(None)
        shares[turn % 3].take(None)
    assert [one.held for one in shares] == [CALLS] * 3
    assert not any(one.admits(None) for one in shares)
    shares[0].give_back(None)
    assert all(one.admits(None) for one in shares)


def test_a_source_has_what_it_may_over_all_of_them(file: int) -> None:
    shares = [Shares(CALLS, 4, others=one.places("calls")) for one in _processes(file)]
    for one in (0, 0, 1, 2):
        assert shares[one].admits("192.0.2.1")
        shares[one].take("192.0.2.1")
    assert not any(one.admits("192.0.2.1") for one in shares)
    assert [one.of("192.0.2.1") for one in shares] == [4, 4, 4]
    assert all(one.admits("192.0.2.2") for one in shares)


def test_kinds_are_counted_apart(file: int) -> None:
    first, second, _ = _processes(file)
    first.places("calls").hold("one", 3)
    assert second.places("calls").held("one") == 3
    assert second.places("connections").held("one") == 0


def test_who_is_found_whatever_came_and_went_before(file: int) -> None:
    first, second, _ = _processes(file)
    mine, theirs = first.places("calls"), second.places("calls")
    for turn in range(5 * ENTRIES_BESIDE):
        mine.hold(f"source {turn}", 1)
        if turn >= 10:
            mine.hold(f"source {turn - 10}", 0)
    last = 5 * ENTRIES_BESIDE - 1
    assert [theirs.held(f"source {last - back}") for back in range(12)] == [1] * 10 + [0] * 2


def test_what_has_no_room_is_counted_by_its_process_alone(file: int) -> None:
    first, second, _ = _processes(file)
    mine, theirs = first.places("calls"), second.places("calls")
    room = 2 * CALLS + ENTRIES_BESIDE
    for number in range(room + 3):
        mine.hold(str(number), 1)
    assert [theirs.held(str(number)) for number in (room - 1, room, room + 2)] == [1, 0, 0]
    assert second.places("calls").held(str(0)) == 1


def test_a_successor_begins_with_nothing(file: int) -> None:
    first, second, _ = _processes(file)
    first.places("calls").hold("one", 3)
    Counts(os.dup(file), 1, 3, CALLS)
    assert second.places("calls").held("one") == 0


HOLDS_THE_TURN = """
import os, sys, time
from offhook.planes.counts import Counts
counts = Counts(int(sys.argv[1]), 2, 3, int(sys.argv[2]))
with counts.turn():
    print("has it", flush=True)
    sys.stdin.read()
"""


def test_who_stands_still_in_its_turn_keeps_nobody_waiting(file: int) -> None:
    counts = _processes(file)[0]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_TURN, str(file), str(CALLS)],
        pass_fds=[file], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"has it\n"
    with counts.turn():
        counts.places("calls").hold("one", 1)
    holder.communicate(timeout=60)
    with counts.turn():
        pass
