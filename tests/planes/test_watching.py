"""Calls that are followed from another process: what each half tells the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from offhook.planes.link import Asking, Away, Frame, Link
from offhook.planes.live.watched import REPEAT_SECONDS, WatchedElsewhere, WatchedHere
from offhook.schema.calls.call_watcher import LOST, CallEvent, CallWatcher
from tests.virtual import story

A = CallEvent("a", '{"type": "a"}')


class Way(Link):
    """A socket that delivers at once."""

    def __init__(self, deliver: Callable[[Frame], bool]) -> None:
        super().__init__(lambda frame: None, lambda: None)
        self._deliver = deliver

    def tell(self, frame: Frame) -> bool:
        return self._deliver(frame)


class Two:
    """An API and one call plane that has one call. What goes between them is delivered at once."""

    def __init__(self) -> None:
        self.watchers: list[CallWatcher] = []
        self.reads = True  # else nothing is told, and who tells knows it
        self.arrives = True  # else it does not
        self.told_to_api = 0
        self.asking = Asking(self._to_call)
        self.api = WatchedElsewhere(Way(self._to_call), self.asking)
        self.call = WatchedHere(Way(self._to_api))
        self.told: list[Any] = []

    def _to_call(self, frame: Frame) -> bool:
        if frame["what"] == "unwatch":
            self.call.unwatch("api", frame["number"])
        else:
            begun = self.call.watch("api", frame["number"], self._add if frame["call"] == "c" else _none)
            asyncio.get_running_loop().call_soon(
                self.asking.answered, {"answer": frame["ask"], "value": begun}
            )
        return True

    def _to_api(self, frame: Frame) -> bool:
        self.told_to_api += 1
        if self.reads and self.arrives:
            self.api.told("call", frame["watched"], frame["event"])
        return self.reads

    def _add(self, watcher: CallWatcher) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)


def _none(watcher: CallWatcher) -> None:
    return None


async def test_events_come_until_the_call_ends() -> None:
    two = Two()
    assert await two.api.watch("call", "c", two.told.append) is not None
    two.watchers[0](A)
    two.watchers[0](None)
    assert two.told == [A, None]
    assert two.watchers == []


async def test_who_ends_it_is_told_nothing_more() -> None:
    two = Two()
    end = await two.api.watch("call", "c", two.told.append)
    assert end is not None
    end()
    end()
    assert (two.watchers, two.told) == ([], [])


async def test_a_call_that_is_not_there_is_not_followed() -> None:
    two = Two()
    assert await two.api.watch("call", "other", two.told.append) is None
    two.api.up(frozenset())
    assert two.told == []


async def test_a_call_plane_that_goes_ends_what_it_told() -> None:
    two = Two()
    await two.api.watch("call", "c", two.told.append)
    two.api.up(frozenset({"call"}))
    assert two.told == []
    two.api.up(frozenset({"call-2"}))
    assert two.told == [LOST]


async def test_what_nobody_reads_is_not_told_any_more() -> None:
    two = Two()
    await two.api.watch("call", "c", two.told.append)
    two.reads = False
    two.watchers[0](A)
    assert two.watchers == []


@pytest.mark.parametrize(
    ("reads", "event", "last"), [(False, A, LOST), (False, None, None), (True, None, None)]
)
def test_that_there_is_no_more_is_told_until_it_has_come(
    reads: bool, event: CallEvent | None, last: CallEvent | None
) -> None:
    @story
    async def tell() -> None:
        two = Two()
        await two.api.watch("call", "c", two.told.append)
        two.reads, two.arrives = reads, False
        two.watchers[0](event)
        await asyncio.sleep(3 * REPEAT_SECONDS)
        assert two.told == []
        two.reads = two.arrives = True
        await asyncio.sleep(2 * REPEAT_SECONDS)
        assert two.told == [last]
        before = two.told_to_api
        await asyncio.sleep(9 * REPEAT_SECONDS)
        assert two.told_to_api == before

    tell()


async def test_an_api_that_has_been_started_anew_ends_what_the_one_before_followed() -> None:
    two = Two()
    await two.api.watch("call", "c", two.told.append)
    two.api = WatchedElsewhere(Way(two._to_call), two.asking)
    two.watchers[0](A)
    assert (two.watchers, two.told) == ([], [])


async def test_a_plane_that_does_not_answer_is_away_and_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    two = Two()

    async def away(*_: Any, **__: Any) -> None:
        raise Away("call does not answer")

    monkeypatch.setattr(two.asking, "ask", away)
    with pytest.raises(Away):
        await two.api.watch("call", "c", two.told.append)
    two.api.up(frozenset())
    assert two.told == []
