"""The test caller's phrases as PCM."""

from __future__ import annotations

import json
import wave
from pathlib import Path

CALLER = Path(__file__).parent.parent / "caller"
TEXTS: dict[str, str] = json.loads((CALLER / "texts.json").read_text())
SILENCE = bytes(320)


def clip(name: str) -> bytes:
    """s16le mono 8 kHz."""
    with wave.open(str(CALLER / f"{name}.wav")) as recorded:
        assert (recorded.getframerate(), recorded.getnchannels(), recorded.getsampwidth()) == (8000, 1, 2)
        pcm: bytes = recorded.readframes(recorded.getnframes())
    return pcm


def frames(pcm: bytes) -> list[bytes]:
    """Whole 20 ms frames, the last one filled up with silence."""
    return [pcm[i : i + 320].ljust(320, b"\0") for i in range(0, len(pcm), 320)]
