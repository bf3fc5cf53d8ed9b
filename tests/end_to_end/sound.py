"""Audio on both ends: what callers play, what was recorded, and the words in it."""

from __future__ import annotations

import functools
import io
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.speech.local_engines import Ears
from tests.speech.clips import clip

RATE = 8000
LOUD = 250.0
"""Root mean square of 20 ms above which somebody speaks."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Tracks of s16le samples at 8 kHz, one row a channel."""

    tracks: NDArray[np.int16]

    @property
    def seconds(self) -> float:
        return int(self.tracks.shape[1]) / RATE

    def track(self, channel: int) -> bytes:
        return bytes(self.tracks[channel].tobytes())


def read(source: Path | bytes) -> Recording:
    """A WAV file of 16-bit PCM at 8 kHz."""
    with wave.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return Recording(np.ascontiguousarray(samples.reshape(-1, file.getnchannels()).T))


def write(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return path


def quiet(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def says(name: str, folder: Path) -> Path:
    """A file in which the test's caller says a phrase and is then silent for a minute."""
    return write(folder / f"{name}.wav", quiet(0.3) + clip(name) + quiet(60))


def silence(folder: Path) -> Path:
    return write(folder / "silence.wav", quiet(90))


def loud_seconds(pcm: bytes) -> float:
    """For how long somebody speaks."""
    whole = len(pcm) // 320 * 320
    frames = np.frombuffer(pcm[:whole], "<i2").astype(np.float64).reshape(-1, 160)
    return float(np.count_nonzero(np.sqrt((frames**2).mean(axis=1)) > LOUD)) * 0.02


@functools.cache
def _ears() -> Ears:
    return Ears()


def words(pcm: bytes) -> str:
    """What the local transcriber hears, in lower case without punctuation."""
    samples = np.frombuffer(pcm, "<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > LOUD)
    if not len(loud):
        return ""
    return _heard(samples[max(0, loud[0] - 1600) : loud[-1] + 1600].tobytes())


@functools.lru_cache(64)
def _heard(spoken: bytes) -> str:
    """Many callers are told the same, to the letter of each packet."""
    (head, _), *_ = _ears().transcribe({}, spoken)
    return "".join(c for c in str(head["text"]).lower() if c.isalnum() or c == " ")
