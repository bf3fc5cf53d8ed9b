"""The media plane's side of a talk, without a leg: what a conversation says comes out frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.frames import SILENCE
from offhook.media.channel import Channel
from offhook.media.media_commands import CloseTalk, Command
from offhook.media.media_events import Event
from offhook.media.talk import Talk


class TestLine:
    """`channel` is the conversation's end. After each `tick` and `judge` it is told what happened."""

    __test__ = False

    def __init__(self, time: Callable[[], float] | None = None) -> None:
        self._time = time or asyncio.get_running_loop().time
        self._events: list[Event] = []
        self._talk = Talk(1, self._events.append, self._events.append, None, self._time)
        self.channel = Channel(1, "test", self._do)

    def _do(self, command: Command) -> None:
        if not isinstance(command, CloseTalk):
            self._talk.apply(command)

    def tick(self, heard: bytes = SILENCE) -> bytes | None:
        frame = self._talk.next_frame()
        self._talk.exchanged(heard, frame or SILENCE)
        self._tell()
        return frame

    def judge(self, probability: float) -> None:
        self._talk.judged(probability)
        self._tell()

    def _tell(self) -> None:
        events = self._events[:]
        self._events.clear()
        self.channel.at = self._time()
        for event in events:
            self.channel.take(event)
