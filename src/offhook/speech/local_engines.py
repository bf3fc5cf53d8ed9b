"""The local engines themselves. Runs in the worker processes; nothing else may import it.

`transcribe`: s16le 8 kHz -> `{"text": ...}`. `speak`: `{"text", "voice", "speed"}` -> s16le 8 kHz, one piece
a sentence.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import moonshine_voice
import numpy as np
from hibari import Hibari
from hibari.voices import DEFAULT, VOICES, voice_path
from moonshine_voice.moonshine_api import ModelArch, TranscriptC
from moonshine_voice.transcriber import Transcriber

from offhook.frames import SAMPLE_RATE
from offhook.speech.framing import Handler, Head, Reply
from offhook.speech.resample import Samples, to_8k_from_24k, to_16k_from_8k

# The model hears short phrases on the phone far better with quiet around them, at a steady level, cut by our
# own voice activity instead of its own, and at 16 kHz from a clean filter: on the 26 phrases of
# tests/caller without numbers, 10 wrong words of 179 instead of 18.
_QUIET_BEFORE = np.zeros(int(0.25 * SAMPLE_RATE), np.float32)
_QUIET_AFTER = np.zeros(int(0.25 * SAMPLE_RATE), np.float32)
_TRANSCRIBE_OPTIONS = {"vad_threshold": "0.0", "vad_max_segment_duration": "30.0"}
_PEAK = np.float32(0.9)
_MOST_GAIN = np.float32(30.0)

# Below this level (peak, of full scale) there are no words, only what the model would make up.
_SILENCE = 0.004

_VOICE_LEVEL = 0.14  # RMS while speaking: -17 dBFS
_VOICE_PEAK = 0.95
_LEAD_SECONDS = 0.02
_TAIL_SECONDS = 0.16
_LONGEST_PIECE = 240

_SPACES = re.compile(r"\s+")


class Ears:
    """Moonshine tiny-en."""

    def __init__(self) -> None:
        folder = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
        self._transcriber = Transcriber(folder, ModelArch.TINY, options=_TRANSCRIBE_OPTIONS)

    def transcribe(self, head: Head, pcm: bytes) -> Iterator[Reply]:
        samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) * np.float32(1 / 32768)
        yield {"text": self._text(samples)}, b""

    def _text(self, samples: Samples) -> str:
        if not len(samples):
            return ""
        samples = samples - samples.mean()
        peak = np.abs(samples).max()
        if peak < _SILENCE:
            return ""
        samples = samples * min(_PEAK / peak, _MOST_GAIN)
        audio = to_16k_from_8k(np.concatenate([_QUIET_BEFORE, samples, _QUIET_AFTER]))
        return _SPACES.sub(" ", " ".join(self._lines(np.ascontiguousarray(audio)))).strip()

    def _lines(self, audio: Samples) -> list[str]:
        # The C function itself: the package's own method turns every sample into a Python float and copies
        # the audio back the same way, 40 ms for ten seconds.
        transcript = ctypes.POINTER(TranscriptC)()
        library = self._transcriber._lib
        error = library.moonshine_transcribe_without_streaming(
            self._transcriber._handle,
            audio.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            len(audio),
            2 * SAMPLE_RATE,
            0,
            ctypes.byref(transcript),
        )
        if error:
            raise RuntimeError(f"moonshine: error {error}")
        found = transcript.contents
        lines = (found.lines[i].text for i in range(found.line_count))
        return [ctypes.string_at(text).decode("utf-8", "replace") for text in lines if text]


class Mouth:
    """Hibari. Voices other than the one in its package are used if their file has been put in its cache."""

    def __init__(self) -> None:
        self._voices = {DEFAULT: Hibari()}

    def speak(self, head: Head, _: bytes) -> Iterator[Reply]:
        voice = self._voice(str(head.get("voice")))
        speed = head.get("speed")
        pace = float(speed) if isinstance(speed, int | float) else 1.0
        for sentence in voice.split_sentences(str(head.get("text"))):
            for piece in _pieces(sentence):
                # A fixed seed: the same sentence is the same audio, each time and in each worker.
                audio = voice(piece, speed=pace, seed=1)
                yield {}, to_telephone(audio)

    def _voice(self, name: str) -> Hibari:
        name = name.lower()
        if name not in VOICES:
            name = DEFAULT
        if name not in self._voices:
            try:
                self._voices[name] = Hibari(model=voice_path(name, download_missing=False), voice=name)
            except FileNotFoundError:
                return self._voices[DEFAULT]
        return self._voices[name]


def to_telephone(audio: Samples) -> bytes:
    """Speech at 24 kHz, full scale 1.0 -> s16le 8 kHz at telephone loudness, with the model's silence of
    about 0.3 s before and 0.5 s after the words shortened."""
    samples = _trim(to_8k_from_24k(audio))
    if not len(samples):
        return b""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    levels = np.sqrt(np.square(frames).mean(axis=1)) if len(frames) else np.abs(samples).max(keepdims=True)
    active = levels[levels > levels.max() * 0.1]
    if not len(active):
        return b""
    level, peak = float(np.sqrt(np.square(active).mean())), float(np.abs(samples).max())
    gain = np.float32(32767 * min(_VOICE_LEVEL / level, _VOICE_PEAK / peak))
    return bytes(np.rint(samples * gain).astype("<i2").data)


def _trim(samples: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > 0.008)
    if not len(loud):
        return samples[:0]
    start = max(int(loud[0]) - int(_LEAD_SECONDS * SAMPLE_RATE), 0)
    end = min(int(loud[-1]) + int(_TAIL_SECONDS * SAMPLE_RATE), len(samples))
    return samples[start:end]


def _pieces(sentence: str) -> Iterator[str]:
    """A sentence in pieces that the voice can say in one go."""
    rest = sentence.strip()
    while len(rest) > _LONGEST_PIECE:
        cut = _cut(rest)
        yield rest[:cut]
        rest = rest[cut:].lstrip()
    if rest:
        yield rest


def _cut(text: str) -> int:
    for marks in ((", ", "; ", ": "), (" ",)):
        at = max(text.rfind(mark, 1, _LONGEST_PIECE) for mark in marks)
        if at > 0:
            return at + 1
    return _LONGEST_PIECE


def load() -> Mapping[str, Handler]:
    """Both engines, each tried once: the first job then runs at full speed."""
    ears, mouth = Ears(), Mouth()
    for _, pcm in mouth.speak({"text": "Hello, one moment please.", "voice": DEFAULT, "speed": 1.0}, b""):
        for _ in ears.transcribe({}, pcm):
            pass
    return {"transcribe": ears.transcribe, "speak": mouth.speak}
