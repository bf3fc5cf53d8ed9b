"""Audio files of the owner's: what a caller on hold listens to (`holdAudioUrl`; else a quiet tone), and what
both parties hear when they are connected (`transferCompleteAudioUrl`). libsndfile reads MP3, WAV, FLAC and
Ogg, in a process of its own (`decoder.py`)."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from offhook.media.sound_frames import Frames, frames_of
from offhook.network.guard import AddressRefused

Fetch = Callable[[str, int], Awaitable[bytes]]
"""Fetches the body at a URL, of at most so many bytes. Raises AddressRefused, OSError."""

Sounds = Callable[[str], Awaitable[bytes]]
"""Fetches the audio at a URL, mono at 8 kHz. Raises AddressRefused, OSError, NotPlayable."""

MOST_BYTES: Final = 10_000_000
FETCH_SECONDS: Final = 15.0
"""Seconds for fetching and decoding together."""
DECODE_SECONDS: Final = 10.0
MOST_DECODERS: Final = 2
"""Decoder processes at once. Further files wait."""
MOST_PCM: Final = 4_800_000
"""Five minutes; the decoder cuts there."""

COMMAND: Final = (sys.executable, "-P", "-m", "offhook.calls.transfers.decoder")

_log = logging.getLogger(__name__)


class NotPlayable(ValueError):
    """Not a sound file, or one that a telephone call cannot play."""


def sounds_by(fetch: Fetch) -> Sounds:
    """Sounds out of files at URLs."""
    places = asyncio.Semaphore(MOST_DECODERS)

    async def sound(url: str) -> bytes:
        body = await fetch(url, MOST_BYTES)
        async with places:
            return await asyncio.to_thread(pcm_of, body)

    return sound


async def load(url: str, sounds: Sounds, call_id: str) -> list[bytes | None]:
    """The frames of the audio file. No frames if it cannot be fetched or played."""
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return frames_of(await sounds(url))
    except (AddressRefused, OSError, ValueError) as error:
        _log.warning("call=%s an audio file cannot be played: %s", call_id, error)
        return []
    except Exception:
        _log.exception("call=%s an audio file cannot be played", call_id)
        return []


class Changeable(Protocol):
    def change(self, frames: Frames) -> None:
        """Plays these frames from now on."""
        ...


async def play_instead(waiting: Changeable, url: str, sounds: Sounds, call_id: str) -> None:
    """Plays the file to a waiting caller as soon as it is available. Without one the tone goes on."""
    frames = await load(url, sounds, call_id)
    if frames:
        waiting.change(frames)


def pcm_of(body: bytes) -> bytes:
    """A sound file as mono at 8 kHz, at most MOST_PCM bytes. Blocks until the child process ends. Raises
    NotPlayable."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as made:
        given.write(body)
        given.seek(0)
        # Files, and no pipes: the child's limit on their size bounds what comes back, whatever happens to it.
        with subprocess.Popen(  # noqa: S603 - our own command
            COMMAND, stdin=given, stdout=made, stderr=subprocess.PIPE, env=_environment()
        ) as child:
            try:
                status = child.wait(DECODE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                raise NotPlayable(f"it was not decoded within {DECODE_SECONDS:g} s") from None
            if status != 0:
                raise NotPlayable(_reason(child, status))
        made.seek(0)
        pcm = made.read(MOST_PCM)
    if not pcm:
        raise NotPlayable("there is no sound in it")
    return pcm


def _reason(child: subprocess.Popen[bytes], status: int) -> str:
    said = child.stderr.read(1000).decode(errors="replace") if child.stderr is not None else ""
    lines = said.strip().splitlines()
    return lines[-1][:200] if lines and status == 1 else f"the decoder ended with {status}"


def _environment() -> dict[str, str]:
    """Without our settings and without anybody's keys. One thread is enough for the arithmetic."""
    kept = ("PATH", "PYTHONPATH", "HOME", "LANG", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"OPENBLAS_NUM_THREADS": "1"}
