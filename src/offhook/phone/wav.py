"""WAV files, in and out."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_BYTES, SAMPLE_RATE


class AudioFileError(Exception):
    """A WAV file that cannot be read or written; the text says why."""


def read_wav(path: Path) -> bytes:
    """16-bit PCM of any rate, mono or stereo, as mono at 8 kHz. Raises AudioFileError."""
    try:
        with wave.open(str(path), "rb") as source:
            width, channels, rate = source.getsampwidth(), source.getnchannels(), source.getframerate()
            if width != 2 or channels not in (1, 2):
                raise AudioFileError(f"{path}: only 16-bit mono or stereo PCM can be played")
            samples = np.frombuffer(source.readframes(source.getnframes()), "<i2").astype(np.float64)
    except OSError as error:
        raise AudioFileError(f"{path}: {error.strerror}") from error
    except (EOFError, wave.Error) as error:
        raise AudioFileError(
            f"{path} is no WAV file that can be read: {error or 'it ends too early'}"
        ) from error
    if channels == 2:
        samples = samples.reshape(-1, 2).mean(axis=1)
    return _at_8_khz(samples, rate).astype("<i2").tobytes()


def _at_8_khz(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    if rate == SAMPLE_RATE or not len(samples):
        return samples
    if rate > SAMPLE_RATE:
        # A plain moving average takes off most of what would fold back; a phone line hides the rest.
        width = max(1, round(rate / SAMPLE_RATE))
        samples = np.convolve(samples, np.ones(width) / width, mode="same")
    places = np.arange(0, len(samples), rate / SAMPLE_RATE)
    resampled: NDArray[np.float64] = np.interp(places, np.arange(len(samples)), samples)
    return resampled


def write_wav(path: Path, pcm: bytes) -> None:
    """16-bit mono PCM at 8 kHz as a WAV file. Raises AudioFileError."""
    try:
        with path.open("wb") as file, wave.open(file, "wb") as target:
            target.setnchannels(1)
            target.setsampwidth(2)
            target.setframerate(SAMPLE_RATE)
            target.writeframes(pcm)
    except OSError as error:
        raise AudioFileError(f"{path}: {error.strerror}") from error


def frames(pcm: bytes) -> Iterator[bytes]:
    """20 ms pieces; the last is filled up with silence."""
    for start in range(0, len(pcm), FRAME_BYTES):
        yield pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
