"""Recordings, written as the call goes: one stereo and one mono WAV per call.

Left is the customer, right the assistant; both tracks grow with the 20 ms clock, so a sample's place in the
file is its time in the call. Once a second the collected audio goes to the writer, which appends it and mends
the header: a killed process leaves files that open and lack the last second at most."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np

from offhook.frames import FRAME_BYTES, FRAME_SECONDS
from offhook.media.recorded import HEADER_BYTES, mono_path, stereo_path, wav_header

PIECE_FRAMES: Final = round(1 / FRAME_SECONDS)
"""One second: what a crash may cost."""
PIECE_BYTES: Final = PIECE_FRAMES * FRAME_BYTES
"""Of one track."""

_log = logging.getLogger(__name__)


class _WavFile:
    def __init__(self, path: Path, channels: int) -> None:
        self._channels = channels
        self._bytes = 0
        # Under its name it is a WAV file from the first moment: a crash never leaves an empty one.
        begun = path.with_suffix(".begun")
        self._file: BinaryIO = begun.open("wb", buffering=0)
        try:
            self._file.write(wav_header(channels, 0))
            begun.rename(path)
        except OSError:
            self._file.close()
            begun.unlink(missing_ok=True)
            raise

    def append(self, data: bytes) -> None:
        file = self._file.fileno()
        os.pwrite(file, data, HEADER_BYTES + self._bytes)
        self._bytes += len(data)
        os.pwrite(file, wav_header(self._channels, self._bytes), 0)

    def close(self) -> None:
        self._file.close()


class _Files:
    """The two files of one recording. Lives on the writer's thread."""

    def __init__(self, folder: Path, call_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stereo = _WavFile(stereo_path(folder, call_id), 2)
        try:
            self._mono = _WavFile(mono_path(folder, call_id), 1)
        except OSError:
            self._stereo.close()
            raise

    def append(self, heard: bytes, said: bytes) -> None:
        left = np.frombuffer(heard, "<i2")
        right = np.frombuffer(said, "<i2")
        both = np.empty((len(left), 2), "<i2")
        both[:, 0] = left
        both[:, 1] = right
        self._stereo.append(both.tobytes())
        mixed = np.clip(left.astype(np.int32) + right, -32768, 32767).astype("<i2")
        self._mono.append(mixed.tobytes())

    def close(self) -> None:
        self._stereo.close()
        self._mono.close()


Job = Callable[[], None]


class Writer(Protocol):
    """Runs jobs in the order given, away from the clock."""

    disk_refuses: bool
    """The last that was written could not be. Of the jobs alone."""

    def submit(self, job: Job, *, must: bool = False) -> bool:
        """False if there is no room for it; a job that `must` run always finds some."""
        ...


class WriterThread:
    """One thread that writes all recordings of the node: a slow disk must never hold the 20 ms clock.

    `backlog` jobs may wait (a job is a second or more of one call); a disk that is slower than that loses
    audio of the recordings rather than memory of the process."""

    def __init__(self, backlog: int = 4096) -> None:
        self._backlog = backlog
        self._jobs: queue.SimpleQueue[tuple[Context, Job] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
        self._thread.start()
        self.refused = 0
        self.disk_refuses = False

    def submit(self, job: Job, *, must: bool = False) -> bool:
        if not must and self._jobs.qsize() >= self._backlog:
            self.refused += 1
            return False
        self._jobs.put((copy_context(), job))  # so that what goes wrong with it names its call
        return True

    def close(self) -> None:
        """Write what is waiting, then end the thread. Blocks; call it when the node stops."""
        self._jobs.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (next_one := self._jobs.get()) is not None:
            context, job = next_one
            context.run(_done, job)


def _done(job: Job) -> None:
    try:
        job()
    except Exception:
        _log.exception("a recording could not be written")


class Recorder:
    """One call's recording. `exchanged` is called on the 20 ms tick and only collects."""

    __slots__ = (
        "_call_id", "_closed", "_files", "_folder", "_gap", "_heard", "_said", "_writer", "failed", "frames",
        "keeps",
    )  # fmt: skip

    def __init__(self, folder: Path, call_id: str, writer: Writer) -> None:
        self._folder = folder
        self._call_id = call_id
        self._writer = writer
        self._files: _Files | None = None
        self._heard: list[bytes] = []
        self._said: list[bytes] = []
        self._gap = 0
        self._closed = False
        self.keeps = True
        """Whether what is exchanged now may be kept. What may not is silent in the file."""
        self.failed = False
        self.frames = 0

    @property
    def begun(self) -> bool:
        """Whether there are files."""
        return self._files is not None

    def exchanged(self, heard: bytes, said: bytes) -> None:
        """One frame of each side, 320 bytes each."""
        if self._closed or self.failed:
            return
        if not self.keeps:
            if self._heard:
                self._hand_over()
            self._gap += len(heard)
            return
        self._heard.append(heard)
        self._said.append(said)
        self.frames += 1
        if len(self._heard) >= PIECE_FRAMES:
            self._hand_over()

    def close(self, done: Callable[[], None] | None = None) -> None:
        """Write the rest. `done` runs on the writer's thread when the files are complete."""
        if self._closed:
            return
        self._closed = True
        if self._heard:
            self._hand_over()
        self._writer.submit(lambda: self._finish(done), must=True)

    def _hand_over(self) -> None:
        heard, said, gap = b"".join(self._heard), b"".join(self._said), self._gap
        self._heard.clear()
        self._said.clear()
        if self._writer.submit(lambda: self._write(heard, said, gap)):
            self._gap = 0
        else:
            # What is lost is silent in the file: all that follows keeps its place in time.
            self._gap += len(heard)

    def _write(self, heard: bytes, said: bytes, gap: int) -> None:
        if self.failed:
            return
        try:
            if self._files is None:
                self._files = _Files(self._folder, self._call_id)
            while gap > 0:
                silence = bytes(min(gap, PIECE_BYTES))
                self._files.append(silence, silence)
                gap -= len(silence)
            self._files.append(heard, said)
            if self._writer.disk_refuses:
                self._writer.disk_refuses = False
                _log.warning("call=%s recordings are written again to %s", self._call_id, self._folder)
        except OSError as error:
            # The call matters more than its recording: keep what is on disk, say so once, go on.
            self.failed = self._writer.disk_refuses = True
            what = error.strerror or error
            _log.error(
                "call=%s recording stopped, the call goes on (%s): look at %s",
                self._call_id,
                what,
                self._folder,
            )

    def _finish(self, done: Callable[[], None] | None) -> None:
        try:
            if self._files is not None:
                self._files.close()
        finally:
            if done is not None:
                done()
