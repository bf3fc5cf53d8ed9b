"""Voice activity of every call of the node, evaluated together.

Silero VAD at 8 kHz judges 256 samples (32 ms) at a time. One row alone costs about 70 us, a row in a batch
of 32 or more about 10 us, so the channels only collect audio and `VoiceActivity.run` evaluates all that have
enough in one call. A channel that has heard nothing but silence is not evaluated: what the model says of
silence from its first state is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from offhook.frames import FRAME_BYTES, SAMPLE_RATE, SILENCE
from offhook.log_context import CALL
from offhook.speech.models import VOICE_ACTIVITY
from offhook.speech.silero import CHUNK_SAMPLES, CONTEXT_SAMPLES, STATE, WINDOW_SAMPLES, Silero

CHUNK_SECONDS = CHUNK_SAMPLES / SAMPLE_RATE

_CONTEXT_BYTES = 2 * CONTEXT_SAMPLES
_CHUNK_BYTES = 2 * CHUNK_SAMPLES
_WINDOW_BYTES = _CONTEXT_BYTES + _CHUNK_BYTES
_KEPT_FRAMES = 5
_MOST_BYTES = _WINDOW_BYTES + _KEPT_FRAMES * FRAME_BYTES
_SCALE = np.float32(1 / 32768)
_REST_FRAMES = 50
"""Silent frames in a row, a second, after which the model begins anew."""

log = logging.getLogger(__name__)


class Unloadable(Exception):
    """The model cannot be loaded. The text says what to do."""


class ActivityChannel:
    """One caller's audio on its way to the model. Made by `VoiceActivity.open`.

    `audio` begins with the last samples that were judged, then come those that were not yet. `silent` counts
    the silent frames since the last one with sound; `rests` says that the model's state is its first one, and
    that all of `audio` is silence."""

    __slots__ = (
        "_activity",
        "audio",
        "call",
        "closed",
        "on_probability",
        "queued",
        "rests",
        "row",
        "silent",
    )

    def __init__(self, activity: VoiceActivity, row: int, on_probability: Callable[[float], None]) -> None:
        self._activity = activity
        self.row = row
        self.audio = bytearray(_CONTEXT_BYTES)
        self.queued = False
        self.closed = False
        self.silent = _REST_FRAMES
        self.rests = True
        self.on_probability = on_probability
        self.call = CALL.get()

    def push(self, frame: bytes) -> None:
        """Take 20 ms (320 bytes). If `run` has not been called for 100 ms, the oldest audio is dropped.
        Ignored once closed. Raises ValueError for any other length."""
        if len(frame) != FRAME_BYTES:
            raise ValueError(f"a frame has {FRAME_BYTES} bytes, not {len(frame)}")
        if self.closed:
            return
        if frame is SILENCE or frame == SILENCE:
            self.silent += 1
        else:
            self.silent, self.rests = 0, False
        audio = self.audio
        audio += frame
        if len(audio) > _MOST_BYTES:
            del audio[_CONTEXT_BYTES : _CONTEXT_BYTES + FRAME_BYTES]
        if not self.queued and len(audio) >= _WINDOW_BYTES:
            self._activity.is_due(self)

    def close(self) -> None:
        """No callback comes after this."""
        if not self.closed:
            self.closed = True
            self._activity.release(self)


class VoiceActivity:
    """The voice activity detector of a node.

    `batch` bounds how many rows one `run` evaluates, and thereby how long it holds the loop (128 rows: about
    1.3 ms). Rows beyond it follow in a call of their own, right after whatever else is ready on the loop."""

    def __init__(self, model: Path = VOICE_ACTIVITY, batch: int = 128) -> None:
        """Raises Unloadable."""
        try:
            self._model = Silero(model)
        except (OSError, ValueError) as error:
            raise Unloadable(
                f"the voice activity model cannot be loaded ({' '.join(str(error).split())}): reinstall"
                " offhook (pip install --force-reinstall offhook)"
            ) from error
        self._batch = batch
        self._states = np.zeros((2, batch, STATE), np.float32)
        # What numpy makes at its first multiplications is made now, and not on the first caller's tick.
        of_silence, _ = self._model(np.zeros((batch, WINDOW_SAMPLES), np.float32), self._states)
        self._of_silence = float(of_silence[0])
        self._free = list(range(batch))
        self._ready: deque[ActivityChannel] = deque()
        self._again = False

    def open(self, on_probability: Callable[[float], None]) -> ActivityChannel:
        """A channel whose callback gets the probability of speech (0..1) in each 32 ms, in order,
        from within `run`."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        self._states[:, row] = 0
        return ActivityChannel(self, row, on_probability)

    def is_due(self, channel: ActivityChannel) -> None:
        """It has 32 ms that are not judged."""
        channel.queued = True
        self._ready.append(channel)

    def release(self, channel: ActivityChannel) -> None:
        self._free.append(channel.row)

    def run(self) -> None:
        """Evaluate the channels that have 32 ms of audio; call after each 20 ms tick, on the loop.
        An error of one channel's callback is logged and touches no other channel."""
        self._again = False
        channels: list[ActivityChannel] = []
        sounding: list[ActivityChannel] = []
        while self._ready and len(sounding) < self._batch:
            channel = self._ready.popleft()
            channel.queued = False
            if channel.closed:
                continue
            channels.append(channel)
            if not channel.rests:
                sounding.append(channel)
        if channels:
            probabilities = iter(self._evaluate(sounding) if sounding else ())
            before = CALL.set(None)
            for channel in channels:
                self._tell(channel, self._of_silence if channel.rests else next(probabilities))
                self._judged(channel)
            CALL.reset(before)
        if self._ready and not self._again:
            self._again = True
            asyncio.get_running_loop().call_soon(self.run)

    def _evaluate(self, channels: list[ActivityChannel]) -> list[float]:
        rows = [channel.row for channel in channels]
        windows = b"".join([channel.audio[:_WINDOW_BYTES] for channel in channels])
        window = np.frombuffer(windows, "<i2").astype(np.float32).reshape(len(rows), -1)
        window *= _SCALE
        probabilities, states = self._model(window, self._states[:, rows])
        self._states[:, rows] = states
        found: list[float] = probabilities.tolist()
        return found

    def _judged(self, channel: ActivityChannel) -> None:
        del channel.audio[:_CHUNK_BYTES]
        if not channel.rests and channel.silent >= _REST_FRAMES:
            self._states[:, channel.row] = 0
            channel.rests = True
        if len(channel.audio) >= _WINDOW_BYTES:
            self.is_due(channel)

    def _tell(self, channel: ActivityChannel, probability: float) -> None:
        if channel.closed:
            return
        CALL.set(channel.call)
        try:
            channel.on_probability(probability)
        except Exception:
            log.exception("a listener to voice activity failed")

    def _grow(self) -> None:
        rows = self._states.shape[1]
        self._states = np.concatenate([self._states, np.zeros_like(self._states)], axis=1)
        self._free.extend(range(rows, 2 * rows))
