"""Sounds of the owner's: what a caller on hold listens to (`holdAudioUrl`; else a quiet tone), and what both
hear when they are connected (`transferCompleteAudioUrl`). WAV is played, MP3 is not."""

from __future__ import annotations

import asyncio
import io
import logging
import wave
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np

from offhook.calls.transfers.tones import Waiting, frames_of
from offhook.network.guard import AddressRefused
from offhook.speech.base import SAMPLE_RATE

Fetch = Callable[[str, int], Awaitable[bytes]]
"""The body at a URL, of so many bytes at most. Raises AddressRefused, OSError."""

Sounds = Callable[[str], Awaitable[bytes]]
"""The audio at a URL, mono at 8 kHz. Raises AddressRefused, OSError, NotPlayable."""

MOST_BYTES: Final = 4_000_000
FETCH_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class NotPlayable(ValueError):
    """Not a WAV file of 16-bit PCM."""


def sounds_by(fetch: Fetch) -> Sounds:
    """Sounds out of files: those are read in a thread, since a long one would hold up the clock."""

    async def sound(url: str) -> bytes:
        return await asyncio.to_thread(pcm_of, await fetch(url, MOST_BYTES))

    return sound


async def load(url: str, sounds: Sounds, call_id: str) -> list[bytes | None]:
    """The sound's frames; none of one that cannot be had or played."""
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return frames_of(await sounds(url))
    except (AddressRefused, OSError, ValueError) as error:
        _log.warning("call=%s an audio file cannot be played: %s", call_id, error)
        return []


async def play_instead(waiting: Waiting, url: str, sounds: Sounds, call_id: str) -> None:
    """Let a caller who waits hear the file as soon as it is here; without one the tone stays."""
    frames = await load(url, sounds, call_id)
    if frames:
        waiting.change(frames)


def pcm_of(body: bytes) -> bytes:
    """A WAV file of 16-bit PCM, of any rate from 8 kHz on and any number of channels, as mono at 8 kHz.
    Raises NotPlayable."""
    try:
        with wave.open(io.BytesIO(body)) as source:
            width, channels, rate = source.getsampwidth(), source.getnchannels(), source.getframerate()
            data = source.readframes(source.getnframes())
    except (wave.Error, EOFError) as error:
        raise NotPlayable(f"no WAV file: {error}") from error
    whole = len(data) // (2 * channels) * 2 * channels
    if width != 2 or rate < SAMPLE_RATE or not whole:
        raise NotPlayable("only 16-bit PCM from 8 kHz on is played")
    samples = np.frombuffer(data[:whole], "<i2").astype(np.float64).reshape(-1, channels).mean(axis=1)
    if rate != SAMPLE_RATE:
        # A moving average takes off most of what would fold back; G.711 hides the rest.
        spread = max(1, round(rate / SAMPLE_RATE))
        smooth = np.convolve(samples, np.ones(spread) / spread, mode="same")
        samples = np.interp(np.arange(0, len(samples), rate / SAMPLE_RATE), np.arange(len(smooth)), smooth)
    return bytes(samples.astype("<i2").tobytes())
