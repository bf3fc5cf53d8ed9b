"""The end of a call: the last words are played to their end, then the call is hung up, once."""

from __future__ import annotations

import asyncio

from offhook.conversation.audio.synthesis import Synthesis
from offhook.conversation.context import Context
from offhook.conversation.course import Course
from offhook.conversation.events import World
from offhook.conversation.metrics import Marks

FAREWELL_PATIENCE = 60.0
"""Seconds for the last words to be played; then the call is hung up all the same."""


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
        self._limit = loop.call_later(FAREWELL_PATIENCE, self.hang_up, reason)
        for utterance in synthesis.playout.all():
            utterance.interruptible = False
            utterance.release()
        if message.strip():
            synthesis.say(message, said=self._context.say(), interruptible=False, marks=marks)
        if synthesis.playout.idle:
            self.hang_up(reason)

    def played_out(self) -> None:
        """To be called when something has been played to its end."""
        if self.reason is not None and self._synthesis is not None and self._synthesis.playout.idle:
            self.hang_up(self.reason)

    def hang_up(self, reason: str) -> None:
        """Hang up without another word."""
        self.close()
        if not self._ended:
            self._ended, self.reason = True, reason
            self._course.end()
            self._world.end(reason)

    def close(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
