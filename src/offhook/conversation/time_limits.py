"""The limits of silence and of the length of a call, and the idle messages in between (`idleMessages`)."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

from offhook.conversation.events import Event, SpeechStarted, SpeechStopped, TranscriptHeard
from offhook.conversation.profile import Profile

FOLLOWED = (SpeechStarted, SpeechStopped, TranscriptHeard)


class TimeLimits:
    """One timer for silence and idle messages, one for the length of the call. `busy`: is anybody speaking,
    or a reply being made? `say_idle_message` is called with the text, `silent` when nobody has spoken for too
    long, `time_is_up` when the call has lasted too long."""

    def __init__(
        self,
        profile: Profile,
        rng: random.Random,
        busy: Callable[[], bool],
        say_idle_message: Callable[[str], None],
        silent: Callable[[], None],
        time_is_up: Callable[[], None],
    ) -> None:
        self._profile = profile
        self._rng = rng
        self._busy = busy
        self._say_idle_message = say_idle_message
        self._silent = silent
        self._time_is_up = time_is_up
        self._loop = asyncio.get_running_loop()
        self._quiet_since = self._loop.time()
        self._idle_messages_said = 0
        self._spent = 0.0  # of the silence, when an idle message that does not count was said
        self._running = False
        self._end: asyncio.Handle | None = None
        self._next: asyncio.Handle | None = None
        self._looks_at = math.inf

    def start(self) -> None:
        """The call has been answered."""
        self._running = True
        self._quiet_since = self._loop.time()
        self._end = self._loop.call_later(self._profile.most_seconds, self._time_is_up)
        self._wait()

    def follow(self, event: Event) -> None:
        """Follow who is heard."""
        match event:
            case SpeechStarted("user") | SpeechStopped("user") | TranscriptHeard("user"):
                self.touch()
                self._spent = 0.0
                idle = self._profile.idle
                if self._idle_messages_said and (idle.reset_on_user_speech or not idle.counts):
                    self._idle_messages_said = 0
                    self._wait()  # there are idle messages to come again
            case SpeechStopped("assistant") | TranscriptHeard("assistant"):
                self.touch()
            case _:
                pass

    def adopt(self, profile: Profile) -> None:
        """The silence rules of another assistant; the length of the call stays that of the first."""
        self._profile = profile
        self._idle_messages_said = 0
        self._spent = 0.0
        self.touch()
        self._wait()  # they may be stricter

    def touch(self) -> None:
        """Somebody has just been heard."""
        self._quiet_since = self._loop.time()

    def close(self) -> None:
        self._running = False
        for timer in (self._end, self._next):
            if timer is not None:
                timer.cancel()

    @property
    def _silence_seconds(self) -> float:
        return self._profile.silence_seconds - self._spent

    def _idle_due(self) -> float | None:
        idle = self._profile.idle
        if not idle.messages or self._idle_messages_said >= idle.max_spoken_count:
            return None
        return self._quiet_since + idle.timeout_seconds

    def _wait(self) -> None:
        """Set the timer to when something may be due; one that is set for earlier stays."""
        if not self._running:
            return
        due = self._quiet_since + self._silence_seconds
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
        if self._busy():
            self._quiet_since = now
        idle = self._idle_due()
        if now + 1e-6 >= self._quiet_since + self._silence_seconds:
            # That need not be the end of the call: a hook may hand the caller on, and that may fail.
            self._quiet_since = now
            self._silent()
        elif idle is not None and now + 1e-6 >= idle:
            self._idle_messages_said += 1
            self._quiet_since = now
            if not self._profile.idle.counts:
                self._spent = self._profile.idle.timeout_seconds
            self._say_idle_message(self._rng.choice(self._profile.idle.messages))
        self._wait()
