"""The child process that decodes one sound file: stdin is the file, stdout gets s16le mono at 8 kHz.

`hold_audio.py` starts it as `python -P -m offhook.calls.transfers.decoder`. C code parses here what a
stranger may have written. So it runs outside the call plane, with little time and memory, and without the
node's settings. Exit status 1: not playable, with the reason on stderr."""

from __future__ import annotations

import os
import resource
import sys
from math import gcd
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from offhook.frames import SAMPLE_RATE

MOST_SECONDS: Final = 300
"""Seconds of one file. A longer file is cut, and starts again from its beginning."""
RATES: Final = range(4000, 96_001)
MOST_CHANNELS: Final = 8
MOST_BYTES: Final = 2 * SAMPLE_RATE * MOST_SECONDS

CPU_SECONDS: Final = 10
MEMORY: Final = 2 << 30
"""Bytes of address space. The libraries reserve much that they do not use."""

_GRID: Final = 25
"""Hertz. Rates are rounded to it: the filter has a phase for each step of the ratio, and an error of 0.3 % in
pitch is not audible."""
_HALF_WIDTH: Final = 16
"""Length of the filter, in samples at the lower of the two rates."""
_ROWS: Final = 2000

Samples = NDArray[np.float32]


def read(source: soundfile.SoundFile) -> Samples:
    """Mono samples between -1 and 1. Raises ValueError for a file that a telephone call cannot play."""
    if source.samplerate not in RATES or source.channels > MOST_CHANNELS:
        raise ValueError(f"{source.samplerate} Hz with {source.channels} channels is not played")
    left = MOST_SECONDS * source.samplerate
    parts: list[Samples] = []
    while left > 0:
        block = source.read(min(left, source.samplerate), dtype="float32", always_2d=True)
        if not len(block):
            break
        parts.append(np.nan_to_num(block).mean(axis=1))
        left -= len(block)
    if not parts:
        raise ValueError("there is no sound in it")
    return np.concatenate(parts)


def resampled(samples: Samples, rate: int) -> Samples:
    """At 8 kHz, by a windowed-sinc low-pass filter in polyphase form: `up` outputs for each `down` inputs,
    each a row of one matrix product."""
    rate = round(rate / _GRID) * _GRID
    if rate == SAMPLE_RATE:
        return samples
    common = gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    filters, before = _filters(up, down)
    length = -(-len(samples) * up // down)
    rows = -(-length // up)
    padded = np.zeros(down * (rows - 1) + len(filters) + down, np.float32)
    padded[before : before + len(samples)] = samples[: len(padded) - before]
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(filters))[::down]
    output = np.empty((rows, up), np.float32)
    for start in range(0, rows, _ROWS):
        stop = min(start + _ROWS, rows)
        np.matmul(windows[start:stop], filters, out=output[start:stop])
    return output.reshape(-1)[:length]


def _filters(up: int, down: int) -> tuple[Samples, int]:
    """One column for each output of a row, and how many samples before the row's first one the filters
    reach."""
    lower = min(1.0, up / down)
    half = int(np.ceil(_HALF_WIDTH / lower))
    places = np.arange(down + 2 * half)[:, None] - half - np.arange(up)[None, :] * (down / up)
    inside = np.clip(1 - (places / half) ** 2, 0, None)
    window = np.i0(7.0 * np.sqrt(inside)) / np.i0(7.0) * (inside > 0)
    filters = 0.92 * lower * np.sinc(0.92 * lower * places) * window
    return (filters / filters.sum(axis=0)).astype(np.float32), half


def pcm(samples: Samples) -> bytes:
    return bytes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def confine() -> None:
    """Limits what the process may use, and gives calls priority over it."""
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    confine()
    try:
        with soundfile.SoundFile(sys.stdin.fileno(), closefd=False) as source:
            samples, rate = read(source), source.samplerate
    except (soundfile.SoundFileError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(pcm(resampled(samples, rate)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
