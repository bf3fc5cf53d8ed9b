"""What a node asks of its process: files enough for its calls, and no pauses for the garbage collector."""

from __future__ import annotations

import gc
import resource
from typing import Final

THRESHOLDS: Final = (20_000, 20, 50)
"""Python's own (700, 10, 10) look through everything alive about once a second under load, and hold the audio
clock for it. What calls leave behind is almost all freed at once, without the collector."""


def raise_file_limit() -> None:
    """As many open files as the system lets us have: each call takes two sockets and the files of its
    recording, and the usual 1024 end at some 200 calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle_memory() -> None:
    """Call it once, when everything is loaded: what is there now stays until the end, and the collector need
    not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
