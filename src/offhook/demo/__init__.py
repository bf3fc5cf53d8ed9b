"""The demo: a caller, whose phrases are the `*.wav` beside this file, and what it hears."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PHRASES: Final = (
    ("hours", "What are your opening hours?"),
    ("price", "How much does a cleaning cost?"),
    ("weather", "What will the weather be like next week?"),
    ("goodbye", "Thanks, goodbye."),
)
"""File name and words of what the caller says, in this order."""


def phrase_path(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.wav")
