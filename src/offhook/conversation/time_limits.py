"""Ends a call that says nothing any more or lasts too long, and speaks up in between (`idleMessages`)."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Protocol

from offhook.conversation.profile import Profile


class Watched(Protocol):
    def busy(self) -> bool:
        """Is anybody speaking, or a reply being made?"""
        ...

    def speak_up(self, text: str) -> None: ...

    def silence_lasted(self) -> None: ...

    def time_is_up(self) -> None: ...


class Watch:
    """One timer for silence and idle messages, one for the length of the call."""

    def __init__(self, profile: Profile, watched: Watched, rng: random.Random) -> None:
        self._profile = profile
        self._watched = watched
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._quiet_since = self._loop.time()
        self._spoken_up = 0
        self._closed = False
        self._end = self._loop.call_later(profile.most_seconds, watched.time_is_up)
        self._next: asyncio.Handle | None = None
        self._looks_at = math.inf
        self._wait()

    def adopt(self, profile: Profile) -> None:
        """The silence rules of another assistant; the length of the call stays that of the first."""
        self._profile = profile
        self._spoken_up = 0
        self.touch()
        self._wait()  # they may be stricter

    def touch(self, by_caller: bool = False) -> None:
        """Somebody has just been heard."""
        self._quiet_since = self._loop.time()
        if by_caller and self._spoken_up and self._profile.idle.reset_on_user_speech:
            self._spoken_up = 0
            self._wait()  # there are idle messages to come again

    def close(self) -> None:
        self._closed = True
        self._end.cancel()
        if self._next is not None:
            self._next.cancel()

    def _idle_due(self) -> float | None:
        idle = self._profile.idle
        if not idle.messages or self._spoken_up >= idle.max_spoken_count:
            return None
        return self._quiet_since + idle.timeout_seconds

    def _wait(self) -> None:
        """Look when something may be due, and not later than was meant before."""
        due = self._quiet_since + self._profile.silence_seconds
        idle = self._idle_due()
        due = due if idle is None else min(due, idle)
        if self._next is not None:
            if self._looks_at <= due:
                return
            self._next.cancel()
        self._looks_at, self._next = due, self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._next = None
        now = self._loop.time()
        if self._watched.busy():
            self._quiet_since = now
        idle = self._idle_due()
        if now + 1e-6 >= self._quiet_since + self._profile.silence_seconds:
            # That need not be the end of the call: a hook may hand the caller on, and that may fail.
            self._quiet_since = now
            self._watched.silence_lasted()
        elif idle is not None and now + 1e-6 >= idle:
            self._spoken_up += 1
            self._quiet_since = now
            self._watched.speak_up(self._rng.choice(self._profile.idle.messages))
        if not self._closed:
            self._wait()
