"""The files of a recording: where they are, one side of them alone, and their end."""

from __future__ import annotations

import os
import struct
import threading
from array import array
from pathlib import Path
from typing import BinaryIO, Final, Literal, get_args

from offhook.frames import SAMPLE_RATE

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
HEADER_BYTES: Final = _HEADER.size


def wav_header(channels: int, data_bytes: int) -> bytes:
    """The 44 bytes before 16-bit PCM at 8 kHz (RIFF/WAVE, format 1)."""
    frame = 2 * channels
    return _HEADER.pack(
        b"RIFF", 36 + data_bytes, b"WAVE",
        b"fmt ", 16, 1, channels, SAMPLE_RATE, SAMPLE_RATE * frame, frame, 16,
        b"data", data_bytes,
    )  # fmt: skip


def stereo_path(folder: Path, call_id: str) -> Path:
    return folder / f"{call_id}-stereo.wav"


def mono_path(folder: Path, call_id: str) -> Path:
    return folder / f"{call_id}-mono.wav"


Side = Literal["customer", "assistant"]
SIDES: Final[tuple[Side, ...]] = get_args(Side)

_TRACK_PIECE_BYTES: Final = 256 * 1024
_tracks = threading.Lock()


def track_path(folder: Path, call_id: str, side: Side) -> Path:
    return folder / f"{call_id}-{side}.wav"


def write_track(folder: Path, call_id: str, side: Side) -> Path | None:
    """One side alone, drawn from the stereo file of an ended call the first time that somebody asks for it.
    None without a stereo file. Blocks, so not for the loop. Raises OSError for a disk that refuses, and then
    leaves nothing behind."""
    track = track_path(folder, call_id, side)
    with _tracks:
        if track.is_file():
            return track
        try:
            stereo = stereo_path(folder, call_id).open("rb")
        except FileNotFoundError:
            return None
        unfinished = track.with_suffix(".part")
        try:
            with stereo, unfinished.open("wb") as out:
                _draw(stereo, out, SIDES.index(side))
            unfinished.replace(track)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    return track


def _draw(stereo: BinaryIO, out: BinaryIO, channel: int) -> None:
    frames = (os.fstat(stereo.fileno()).st_size - HEADER_BYTES) // 4
    out.write(wav_header(1, 2 * max(frames, 0)))
    stereo.seek(HEADER_BYTES)
    while piece := stereo.read(_TRACK_PIECE_BYTES):
        samples = array("h", piece[: len(piece) // 4 * 4])  # a side keeps the order of its octets
        out.write(samples[channel::2].tobytes())


def erase(folder: Path, call_id: str) -> None:
    """Remove all that was recorded of a call. Blocks. Raises OSError when something stays."""
    with _tracks:
        for file in (stereo_path(folder, call_id), mono_path(folder, call_id)):
            file.unlink(missing_ok=True)
        for side in SIDES:
            track_path(folder, call_id, side).unlink(missing_ok=True)
