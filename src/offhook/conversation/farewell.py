"""The end of a call: what is to be said last is played to its end, then the world hangs up, once."""

from __future__ import annotations

import asyncio

from offhook.conversation.audio.synthesis import Synthesis
from offhook.conversation.context import Context
from offhook.conversation.course import Course
from offhook.conversation.events import World
from offhook.conversation.metrics import Marks

FAREWELL_PATIENCE = 60.0
"""Seconds for last words to be played before the call is ended regardless."""


class Farewell:
    def __init__(self, world: World, course: Course, context: Context) -> None:
        self.reason: str | None = None
        """The call's endedReason, once it is to end."""
        self._world = world
        self._course = course
        self._context = context
        self._synthesis: Synthesis | None = None  # what says the last words
        self._ended = False
        self._limit: asyncio.Handle | None = None

    def say(self, reason: str, message: str, synthesis: Synthesis, marks: Marks | None = None) -> None:
        """End the call for `reason` when what is queued and `message` have been played. The first reason
        stands. `marks`: of the reply that ends the call."""
        if self.reason is not None:
            return
        self.reason, self._synthesis = reason, synthesis
        self._course.end()
        loop = asyncio.get_running_loop()
        self._limit = loop.call_later(FAREWELL_PATIENCE, self.now, reason)
        for utterance in synthesis.playout.all():
            utterance.interruptible = False
            utterance.release()
        if message.strip():
            synthesis.say(message, said=self._context.say(), interruptible=False, marks=marks)
        if synthesis.playout.idle:
            self.now(reason)

    def look(self) -> None:
        """To be called when something has been played to its end."""
        if self.reason is not None and self._synthesis is not None and self._synthesis.playout.idle:
            self.now(self.reason)

    def now(self, reason: str) -> None:
        """Hang up without another word."""
        self.close()
        if not self._ended:
            self._ended, self.reason = True, reason
            self._course.end()
            self._world.end(reason)

    def close(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
