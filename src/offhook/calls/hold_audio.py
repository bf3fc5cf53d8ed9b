"""What a caller on hold listens to: a WAV file of the owner's (`holdAudioUrl`), else a quiet tone."""

from __future__ import annotations

import asyncio
import io
import logging
import wave
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np

from offhook.calls.tones import Waiting, frames_of
from offhook.network.guard import AddressRefused
from offhook.speech.base import SAMPLE_RATE

Fetch = Callable[[str, int], Awaitable[bytes]]
"""The body at a URL, of so many bytes at most. Raises AddressRefused, OSError, ValueError."""

MOST_BYTES: Final = 4_000_000
FETCH_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class NotPlayable(ValueError):
    """Not a WAV file of 16-bit PCM."""


async def play_instead(waiting: Waiting, url: str, fetch: Fetch, call_id: str) -> None:
    """Let a caller who waits hear the file as soon as it is here. A file that cannot be had or played leaves
    the tone; MP3 is not played."""
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            body = await fetch(url, MOST_BYTES)
        waiting.change(frames_of(await asyncio.to_thread(pcm_of, body)))
    except (AddressRefused, OSError, ValueError) as error:
        _log.warning("call=%s holdAudioUrl cannot be played: %s", call_id, error)


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
