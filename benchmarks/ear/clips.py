"""What callers say, as sound: 8 kHz, through a telephone's mu-law. Spoken by the local voice at several paces
and pitches, or one of the recorded phrases of tests/caller. Kept on disk, since speaking takes a while."""

from __future__ import annotations

import functools
import hashlib
import tempfile
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offhook.frames import FRAME_BYTES, SAMPLE_RATE
from offhook.rtp.codecs import PCMU
from offhook.speech import local_engines
from offhook.speech.framing import Head

RECORDED: Final = Path(__file__).parents[2] / "tests" / "caller"
KEPT: Final = Path(tempfile.gettempdir()) / "offhook-ear"

VOICES: Final[Mapping[str, tuple[float, float]]] = {
    "plain": (1.0, 1.0),
    "low": (1.1, 0.82),
    "quick": (1.2, 1.06),
}
"""Pace, and pitch beside the voice's own."""
CALLER_LEVEL: Final = -20.0
"""dBov, at which those of `loud` speak."""


@functools.cache
def mouth() -> local_engines.Mouth:
    return local_engines.Mouth()


@functools.cache
def ears() -> local_engines.Ears:
    return local_engines.Ears()


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """What was made before under this name."""
    path = KEPT / hashlib.sha256(name.encode()).hexdigest()[:24]
    if path.exists():
        return path.read_bytes()
    made = make()
    KEPT.mkdir(exist_ok=True)
    path.write_bytes(made)
    return made


def spoken(text: str, voice: str = "plain") -> bytes:
    """`text` in one of `VOICES`."""
    pace, pitch = VOICES[voice]

    def make() -> bytes:
        asked: Head = {"text": text, "voice": "heart", "speed": pace / pitch}
        sound = b"".join(piece for _, piece in mouth().speak(asked, b""))
        return telephone(_pitched(sound, pitch))

    return kept(f"spoken {text} {pace} {pitch}", make)


def recorded(name: str) -> bytes:
    with wave.open(str(RECORDED / f"{name}.wav")) as clip:
        return telephone(clip.readframes(clip.getnframes()))


def at_level(sound: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """At so many dBov, where there is sound."""
    power = np.square(sound[: len(sound) // 160 * 160].reshape(-1, 160)).mean(axis=1)
    now = float(power[power > power.max() / 1000].mean())
    factor = 10 ** (level / 20) * 32768 / np.sqrt(now)
    louder: NDArray[np.float64] = sound * factor
    return louder


def loud(pcm: bytes, level: float = CALLER_LEVEL) -> bytes:
    sound = at_level(np.frombuffer(pcm, "<i2").astype(float), level)
    return telephone(np.clip(sound, -32768, 32767).astype("<i2").tobytes())


def heard(pcm: bytes) -> str:
    """What the local transcriber makes of it."""

    def make() -> bytes:
        return str(next(ears().transcribe({}, pcm))[0]["text"]).encode()

    return kept(f"heard {hashlib.sha256(pcm).hexdigest()}", make).decode()


def telephone(pcm: bytes) -> bytes:
    """Whole frames, as they come out of G.711."""
    whole = pcm + bytes(-len(pcm) % FRAME_BYTES)
    coding = PCMU.coding()
    return coding.decode(coding.encode(whole))


def _pitched(pcm: bytes, pitch: float) -> bytes:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    places = np.arange(0, len(samples) - 1, pitch)
    return bytes(np.interp(places, np.arange(len(samples)), samples).astype("<i2").data)


def seconds(pcm: bytes) -> float:
    return len(pcm) / (2 * SAMPLE_RATE)


def voice_begins(pcm: bytes) -> float:
    """Seconds to the first sound above a twentieth of the loudest."""
    levels = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).reshape(-1, 80).max(axis=1)
    return float(np.flatnonzero(levels > levels.max() / 20)[0]) * 80 / SAMPLE_RATE


def voice_ends(pcm: bytes) -> float:
    """Seconds from the beginning to the last sound above a twentieth of the loudest."""
    levels = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).reshape(-1, 80).max(axis=1)
    loud = np.flatnonzero(levels > levels.max() / 20)
    return float(loud[-1] + 1) * 80 / SAMPLE_RATE if len(loud) else 0.0


def at_pauses(pcm: bytes, least: float = 0.05) -> list[bytes]:
    """The sound in the pieces between its silences of `least` seconds."""
    levels = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).reshape(-1, FRAME_BYTES // 2).max(axis=1)
    quiet = levels < levels.max() / 30
    pieces, start, run = [], 0, 0
    for at, silent in enumerate(quiet):
        run = run + 1 if silent else 0
        if run == round(least / 0.02) and at - run - start > 5:
            pieces.append(pcm[start * FRAME_BYTES : (at + 1) * FRAME_BYTES])
            start = at + 1
    rest = pcm[start * FRAME_BYTES :]
    return [*pieces, rest] if len(rest) > 5 * FRAME_BYTES else pieces
