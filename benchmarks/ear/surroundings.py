"""Where the caller is: what their telephone picks up beside them, frame by frame."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.ear import clips
from offhook.frames import FRAME_BYTES, SAMPLE_RATE

_ROOM_SECONDS: Final = 0.12
_REVERBERATION: Final = 0.3


class Surroundings(Protocol):
    def picks_up(self, near: bytes, said: bytes) -> bytes:
        """What is heard of the line in a tick in which the caller says `near`, and the assistant `said`."""
        ...


class Speakerphone:
    """Sends back what it plays, through the room, so many dB quieter and seconds later."""

    def __init__(self, level: float, delay: float) -> None:
        self._factor = 10 ** (level / 20)
        size = round(_ROOM_SECONDS * SAMPLE_RATE)
        room = np.random.default_rng(5).standard_normal(size)
        room *= np.exp(-6.9 * np.arange(size) / SAMPLE_RATE / _REVERBERATION)
        room[0] = 2 * np.sqrt(np.square(room[1:]).sum())
        self._room = room / np.sqrt(np.square(room).sum())
        self._played = bytes(2 * (round(delay * SAMPLE_RATE) + size) + FRAME_BYTES)
        self._size = size

    def picks_up(self, near: bytes, said: bytes) -> bytes:
        self._played = self._played[FRAME_BYTES:] + clips.telephone(said)
        part = np.frombuffer(self._played[: 2 * self._size + FRAME_BYTES], "<i2")
        echo = np.convolve(part, self._room)[self._size : self._size + FRAME_BYTES // 2] * self._factor
        return _sum(near, echo)


class Television:
    """Goes on all the time, so many dB softer than callers speak."""

    def __init__(self, level: float) -> None:
        names = ("long", "email", "angry", "phone", "insurance", "order", "address", "weather")
        sound = np.frombuffer(b"".join(clips.recorded(name) for name in names), "<i2").astype(float)
        self._sound = clips.at_level(sound, clips.CALLER_LEVEL + level)
        self._at = 0

    def picks_up(self, near: bytes, said: bytes) -> bytes:
        size = FRAME_BYTES // 2
        far = self._sound[self._at : self._at + size]
        self._at = (self._at + size) % (len(self._sound) - size)
        return _sum(near, far)


def _sum(near: bytes, far: NDArray[np.float64]) -> bytes:
    both = np.frombuffer(near, "<i2") + far
    return clips.telephone(np.clip(both, -32768, 32767).astype("<i2").tobytes())
