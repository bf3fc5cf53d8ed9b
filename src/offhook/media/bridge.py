"""Two legs joined: what one hears, the other says.

The clock ticks one leg after the other. What the first has heard the second says in the same tick; the way
back costs one tick, 20 ms. Each way holds one frame at most, so no delay can pile up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from offhook.media.tones import Audio


class Side:
    """One leg's end of the bridge, its source and sink."""

    __slots__ = ("_heard", "other")

    other: Side

    def __init__(self) -> None:
        self._heard: bytes | None = None

    def next_frame(self) -> bytes | None:
        other = self.other
        frame, other._heard = other._heard, None
        return frame

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self._heard = heard


def join() -> tuple[Side, Side]:
    """The two sides."""
    first, second = Side(), Side()
    first.other, second.other = second, first
    return first, second


AUDIBLE: Final = 200
"""Of 32768: above the line noise and the comfort noise that some send while nothing is said."""


class EarlyMedia:
    """The called party's audio before it has answered. It hears nothing itself yet."""

    __slots__ = ("_audible", "_heard")

    def __init__(self) -> None:
        self._heard: bytes | None = None
        self._audible = False

    def take(self) -> bytes | None:
        """What was heard in the last tick; None until anything was to be heard."""
        heard, self._heard = self._heard, None
        return heard

    def next_frame(self) -> bytes | None:
        return None

    def exchanged(self, heard: bytes, said: bytes) -> None:
        if not self._audible:
            self._audible = int(np.frombuffer(heard, "<i2").max()) > AUDIBLE
        if self._audible:
            self._heard = heard


class Ringback:
    """What the caller hears until there is an answer: what the called side sends, an announcement or a
    ringing tone of its own, else ours (RFC 3960 §3.2). Their silence alone does not stop our ringing."""

    __slots__ = ("_early", "_tone")

    def __init__(self, tone: Audio, early: Callable[[], EarlyMedia | None]) -> None:
        self._tone = tone
        self._early = early

    def next_frame(self) -> bytes | None:
        tone = self._tone.next_frame()
        early = self._early()
        heard = None if early is None else early.take()
        return tone if heard is None else heard

    def exchanged(self, heard: bytes, said: bytes) -> None:
        """Nobody listens."""
