"""What a caller hears who waits: ringing, or a quiet sign that they are still connected."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from offhook.frames import SAMPLE_RATE
from offhook.media.sound_frames import Frames, frames_of
from offhook.rtp.stream import AudioSource


class Audio(AudioSource, Protocol):
    """One end of a leg's audio: what it says, and what hears it."""

    def exchanged(self, heard: bytes, said: bytes) -> None:
        """One tick, as of an AudioSink."""
        ...


class Waiting:
    """Frames over and over; what comes from the leg is not listened to."""

    __slots__ = ("_at", "_frames")

    def __init__(self, frames: Frames) -> None:
        """`frames`: of 320 bytes, None for silence; not empty."""
        self._frames = frames
        self._at = 0

    def change(self, frames: Frames) -> None:
        """From the next tick on these."""
        self._frames, self._at = frames, 0

    def next_frame(self) -> bytes | None:
        frame = self._frames[self._at]
        self._at = (self._at + 1) % len(self._frames)
        return frame

    def exchanged(self, heard: bytes, said: bytes) -> None:
        """Nobody listens."""


_RING_LEVEL: Final = 2300.0
"""Of each of the two tones, about -19 dBm0 together, as exchanges send it (ITU-T E.180 §5)."""
_HOLD_LEVEL: Final = 500.0


@functools.cache
def ringback() -> tuple[bytes | None, ...]:
    """440 and 480 Hz, two seconds on and four off (ITU-T E.180 supplement 2, North America)."""
    on = _tone((440.0, 480.0), 2.0, _RING_LEVEL)
    return (*frames_of(on), *[None] * 200)


@functools.cache
def hold() -> tuple[bytes | None, ...]:
    """A short quiet tone every five seconds."""
    return (*frames_of(_tone((523.0,), 0.2, _HOLD_LEVEL)), *[None] * 240)


@functools.cache
def silence() -> tuple[bytes | None, ...]:
    return (None,)


TONES: Final[Mapping[str, Callable[[], Frames]]] = {"": silence, "ringback": ringback, "hold": hold}


def _tone(frequencies: Sequence[float], seconds: float, level: float) -> bytes:
    """Their sum, faded in and out over 10 ms so that nothing clicks."""
    count = round(seconds * SAMPLE_RATE)
    times = np.arange(count) / SAMPLE_RATE
    wave = sum((np.sin(2 * np.pi * frequency * times) for frequency in frequencies), np.zeros(count))
    edge = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / 80)
    return bytes((wave * edge * level).astype("<i2").tobytes())
