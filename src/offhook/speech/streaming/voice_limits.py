"""How much sound a text may have: what sends more does not send speech."""

from __future__ import annotations

from typing import Final

from offhook.frames import SAMPLE_RATE

LONGEST_REPLY: Final = 180 * SAMPLE_RATE * 2
"""Bytes: three minutes of audio for one sentence."""

SECONDS_PER_TEXT: Final = 20.0
SECONDS_PER_CHARACTER: Final = 1.0
"""Of audio for one text: far more than anybody takes to say it, pauses and spelling included."""

SLOWEST: Final = 2.0
"""Seconds that a second of audio may take to come, beside what a server may be silent."""


def most_audio(text: str) -> int:
    """Bytes of audio for a text."""
    seconds = SECONDS_PER_TEXT + SECONDS_PER_CHARACTER * len(text)
    return min(round(seconds * SAMPLE_RATE) * 2, LONGEST_REPLY)
