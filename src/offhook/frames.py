"""What sound is inside: `bytes` of signed 16-bit little-endian mono PCM, in frames of 20 ms.

Here alone is said at which rate. What comes and goes at another one is converted at the edge: codecs in
`rtp/codecs.py`, engines in their own workers."""

from __future__ import annotations

from typing import Final

SAMPLE_RATE: Final = 8000
"""Samples a second."""
FRAME_SECONDS: Final = 0.02
FRAME_SAMPLES: Final = round(SAMPLE_RATE * FRAME_SECONDS)
FRAME_BYTES: Final = 2 * FRAME_SAMPLES
SILENCE: Final = bytes(FRAME_BYTES)
