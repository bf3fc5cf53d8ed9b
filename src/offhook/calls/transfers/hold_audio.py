"""Sounds of the owner's: what a caller on hold listens to (`holdAudioUrl`; else a quiet tone), and what both
hear when they are connected (`transferCompleteAudioUrl`). MP3, WAV, FLAC, Ogg: whatever libsndfile reads, in
a process of its own (`decoder.py`)."""

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
"""The body at a URL, of so many bytes at most. Raises AddressRefused, OSError."""

Sounds = Callable[[str], Awaitable[bytes]]
"""The audio at a URL, mono at 8 kHz. Raises AddressRefused, OSError, NotPlayable."""

MOST_BYTES: Final = 10_000_000
FETCH_SECONDS: Final = 15.0
"""For fetching and decoding together."""
DECODE_SECONDS: Final = 10.0
MOST_DECODERS: Final = 2
"""Processes at once; further files wait."""
MOST_PCM: Final = 4_800_000
"""Five minutes; the decoder cuts there."""

COMMAND: Final = (sys.executable, "-P", "-m", "offhook.calls.transfers.decoder")

_log = logging.getLogger(__name__)


class NotPlayable(ValueError):
    """Not a sound file, or not one for a telephone call."""


def sounds_by(fetch: Fetch) -> Sounds:
    """Sounds out of files at URLs."""
    places = asyncio.Semaphore(MOST_DECODERS)

    async def sound(url: str) -> bytes:
        body = await fetch(url, MOST_BYTES)
        async with places:
            return await asyncio.to_thread(pcm_of, body)

    return sound


async def load(url: str, sounds: Sounds, call_id: str) -> list[bytes | None]:
    """The sound's frames; none of one that cannot be had or played."""
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
        """Let these be heard from now on."""
        ...


async def play_instead(waiting: Changeable, url: str, sounds: Sounds, call_id: str) -> None:
    """Let a caller who waits hear the file as soon as it is here; without one the tone stays."""
    frames = await load(url, sounds, call_id)
    if frames:
        waiting.change(frames)


def pcm_of(body: bytes) -> bytes:
    """A sound file as mono at 8 kHz, at most MOST_PCM bytes. Blocks for the time of a child process. Raises
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
    """Without our settings and anybody's keys; and one thread is enough for the arithmetic."""
    kept = ("PATH", "PYTHONPATH", "HOME", "LANG", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"OPENBLAS_NUM_THREADS": "1"}
