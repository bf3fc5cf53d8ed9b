"""What the processes of a node say to each other, and that nobody waits for one that says nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from offhook.planes.link import MOST_UNSENT, Asking, Away, Frame, Link
from offhook.planes.live import live_elsewhere
from offhook.planes.live.live_elsewhere import LiveElsewhere
from offhook.speech.framing import pack
from tests.machine import PATIENCE


@asynccontextmanager
async def linked(
    received: Callable[[Frame], None] = lambda frame: None,
) -> AsyncIterator[tuple[Link, socket.socket]]:
    """A link, and the other end of its socket, which nobody reads."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    link = Link(received, lambda: received({"lost": True}))
    await asyncio.get_running_loop().create_connection(lambda: link, sock=ours)
    yield link, theirs
    link.close()
    theirs.close()
    await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0)


async def test_frames_come_whole_however_they_are_cut() -> None:
    came: list[Frame] = []
    async with linked(came.append) as (_, theirs):
        for octet in pack({"one": 1}) + pack({"two": "zwei"}):
            theirs.send(bytes([octet]))
            await asyncio.sleep(0)
        await until(lambda: len(came) == 2)
    assert came[:2] == [{"one": 1}, {"two": "zwei"}]


async def test_what_one_frame_breaks_is_not_the_end_of_the_others() -> None:
    came: list[int] = []

    def heed(frame: Frame) -> None:
        came.append(frame["value"])

    async with linked(heed) as (_, theirs):
        theirs.send(pack({"other": 1}) + pack({"value": 2}))
        await until(lambda: bool(came))
        assert came == [2]


@pytest.mark.parametrize("said", [b"\xff" * 8, b"\0\0\0\x06\0\0\0\x02[]", b"\0\0\0\x06\0\0\0\x02{]"])
async def test_what_is_no_frame_ends_the_link(said: bytes) -> None:
    came: list[Frame] = []
    async with linked(came.append) as (_, theirs):
        theirs.send(said)
        await until(lambda: bool(came))
    assert came == [{"lost": True}]


async def test_who_does_not_read_costs_no_more_than_so_much() -> None:
    async with linked() as (link, _):
        told = sum(link.tell({"text": "x" * 10_000}) for _ in range(1000))
        assert told * 10_000 < 2 * MOST_UNSENT
        assert not link.tell({"text": "x"})


async def test_who_has_gone_is_away_at_once() -> None:
    told: list[Frame] = []

    def tell(frame: Frame) -> bool:
        told.append(frame)
        return True

    asking = Asking(tell)
    asked = asyncio.create_task(asking.ask("call", "is_ready", 3600))
    await until(lambda: bool(told))
    asking.gone(frozenset({"api"}))
    with pytest.raises(Away, match="call has gone"):
        await asked


async def test_who_does_not_answer_is_away_after_a_while() -> None:
    asking = Asking(lambda frame: True)
    with pytest.raises(Away, match="call does not answer"):
        await asking.ask("call", "is_ready", 0.01)
    asking.answered({"answer": 1, "value": True})  # it comes too late, and nobody minds


class Planes:
    """Call planes at the other end, with what each answers; None says nothing."""

    def __init__(self, **answers: Any) -> None:
        """What each answers to anything, or to each question by its name."""
        self.told: list[Frame] = []
        self.answers = answers
        self.live = LiveElsewhere(self)  # type: ignore[arg-type]
        self.live.up(frozenset(answers), max(1, len(answers)))

    def tell(self, frame: Frame) -> bool:
        self.told.append(frame)
        value = self.answers[frame["to"]]
        value = value.get(frame["what"]) if isinstance(value, dict) else value
        if "ask" in frame and value is not None:
            answer = {"answer": frame["ask"], "value": value}
            asyncio.get_running_loop().call_soon(self.live.asking.answered, answer)
        return True


@pytest.mark.parametrize(
    ("answers", "ready"),
    [
        ({}, False),
        ({"call": True}, True),
        ({"call": False}, False),
        ({"call": None}, False),
        ({"a": None, "b": True}, False),
        ({"a": False, "b": True}, False),
        ({"a": True, "b": True}, True),
    ],
)
async def test_ready_is_who_says_so_in_time(
    answers: dict[str, Any], ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_elsewhere, "READY_SECONDS", 0.01)
    assert await Planes(**answers).live.is_ready() is ready


async def test_a_plane_that_is_not_up_makes_the_node_not_ready() -> None:
    """What falls to it is not answered; the others' calls are no business of this."""
    planes = Planes(a=True, b=True)
    planes.live.up(frozenset({"a"}), 2)
    assert not await planes.live.is_ready()


@pytest.mark.parametrize("answers", [{"a": None, "b": True}, {"a": False, "b": True}, {"a": False}])
async def test_a_call_is_ended_by_the_plane_that_has_it(answers: dict[str, Any]) -> None:
    """Whoever of the others says nothing is not waited for."""
    async with asyncio.timeout(20):
        await Planes(**answers).live.end_call("one")


@pytest.mark.parametrize("answers", [{}, {"call": None}, {"a": None, "b": False}])
async def test_a_call_that_nobody_can_be_asked_for_counts_as_not_ended(
    answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is known as soon as a plane has said nothing, not after all the time that an end may take."""
    monkeypatch.setattr(live_elsewhere, "READY_SECONDS", 0.01)
    with pytest.raises(ConnectionError):
        await Planes(**answers).live.end_call("one")


async def test_a_call_whose_end_nobody_tells_of_counts_as_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_elsewhere, "END_SECONDS", 0.01)
    answers = {"a": {"has_call": False}, "b": {"has_call": True}}
    with pytest.raises(ConnectionError):
        await Planes(**answers).live.end_call("one")


async def test_every_plane_is_told_of_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that says nothing is waited for no longer than so long."""
    monkeypatch.setattr(live_elsewhere, "TOLD_SECONDS", 0.01)
    planes = Planes(a=True, b=None)
    planes.told.clear()
    await planes.live.changed()
    await planes.live.forget("one")
    planes.live.deliver()
    assert sorted((one["to"], one["what"]) for one in planes.told) == sorted(
        (to, what) for to in ("a", "b") for what in ("changed", "forget", "deliver")
    )


async def test_a_plane_that_begins_to_serve_looks_for_what_it_was_not_told() -> None:
    planes = Planes(a=True, b=True)
    planes.live.up(frozenset({"a"}), 2)
    planes.told.clear()
    planes.live.up(frozenset({"a", "b"}), 2)
    assert [(one["to"], one["what"]) for one in planes.told] == [("b", "changed")]
