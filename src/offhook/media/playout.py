"""What a conversation says, frame by frame: utterances in the order in which they are to be heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from offhook.frames import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE
from offhook.media.media_events import (
    Began,
    Event,
    Played,
    PlayedOut,
)

QUIET_FRAMES: Final = 250
"""For so long an utterance stays quiet at most: whoever has it so may have forgotten it."""
PREBUFFER_BYTES: Final = 3 * FRAME_BYTES
"""A piece whose sound still streams begins with this much, so that a late packet of it is not a gap."""

FADE_SECONDS: Final = 0.012
"""What is cut dies away for so long: sound that ends in the middle of a wave is heard as a click."""

_FADE: Final = np.zeros(FRAME_SAMPLES, np.float32)
_FADE[: round(FADE_SECONDS * SAMPLE_RATE)] = 0.5 + 0.5 * np.cos(
    np.linspace(0, np.pi, round(FADE_SECONDS * SAMPLE_RATE), dtype=np.float32)
)


class Piece:
    """`sound` grows as it is made; `played` counts its bytes."""

    __slots__ = ("begun", "complete", "played", "sound")

    def __init__(self) -> None:
        self.sound = bytearray()
        self.played = 0
        self.begun = False
        self.complete = False

    @property
    def has_sound(self) -> bool:
        return self.complete or len(self.sound) >= PREBUFFER_BYTES

    def next_frame(self) -> bytes | None:
        """The last one filled up with silence; None if there is none, or none yet."""
        position, sound = self.played, self.sound
        if not self.begun:
            if not self.has_sound:
                return None
            self.begun = True
        end = position + FRAME_BYTES
        if len(sound) >= end:
            self.played = end
            return bytes(sound[position:end])
        if not self.complete or len(sound) <= position:
            return None
        self.played = len(sound)
        return bytes(sound[position:]).ljust(FRAME_BYTES, b"\0")

    def fading(self) -> bytes | None:
        """The frame after what was played, dying away; None where nothing was played, or nothing follows."""
        rest = self.sound[self.played : self.played + FRAME_BYTES]
        if not self.played or len(rest) < 2:
            return None
        frame = np.zeros(FRAME_SAMPLES, np.float32)
        samples = np.frombuffer(rest[: len(rest) // 2 * 2], "<i2")
        frame[: len(samples)] = samples
        return (frame * _FADE).astype("<i2").tobytes()


def _rising(frame: bytes) -> bytes:
    """What goes on in the middle of a wave, without a click."""
    return bytes(((1 - _FADE) * np.frombuffer(frame, "<i2")).astype("<i2").data)


class Utterance:
    __slots__ = ("closed", "interruptible", "number", "pieces", "playing", "quiet", "released", "rises")

    def __init__(self, number: int, interruptible: bool, released: bool) -> None:
        self.number = number
        self.interruptible = interruptible
        self.released = released
        self.pieces: list[Piece] = []
        self.playing = 0  # index of the piece that plays
        self.closed = False
        self.quiet = 0  # frames for which nothing of it is said
        self.rises = False  # it was quiet


class Playout:
    """One utterance at a time. `held`: the caller speaks, so only what cannot be interrupted begins."""

    __slots__ = ("_emit", "_fading", "_known", "_queue", "_talk", "_voice", "current", "held")

    def __init__(
        self, talk: int, emit: Callable[[Event], None], voice: Callable[[], tuple[bool, bool]]
    ) -> None:
        """`voice`: whether the caller speaks, and whether they might be beginning to."""
        self._talk = talk
        self._emit = emit
        self._voice = voice
        self._queue: deque[Utterance] = deque()
        self._known: dict[int, Utterance] = {}
        self._fading: bytes | None = None
        """What is heard of an utterance that was cut, in the tick after it."""
        self.current: Utterance | None = None
        self.held = False

    def get(self, number: int) -> Utterance | None:
        return self._known.get(number)

    def put(self, utterance: Utterance) -> None:
        self._known[utterance.number] = utterance
        self._queue.append(utterance)

    @property
    def idle(self) -> bool:
        return self.current is None and not self._queue

    def next_frame(self) -> bytes | None:
        """The next 20 ms; None if there is nothing to play."""
        while True:
            utterance = self.current
            if utterance is None:
                if self._fading is not None:
                    fading, self._fading = self._fading, None
                    return fading
                if not self._queue:
                    return None
                utterance = self._begin()
                if utterance is None:
                    return None
            if utterance.quiet:
                utterance.quiet -= 1
                dying, self._fading = self._fading, None
                return dying
            if utterance.playing < len(utterance.pieces):
                piece = utterance.pieces[utterance.playing]
                frame = piece.next_frame()
                if frame is not None and utterance.rises:
                    utterance.rises = False
                    return _rising(frame)
                if frame is not None or not piece.complete:
                    return frame
                piece.sound = bytearray()
                self._emit(Played(self._talk, utterance.number, utterance.playing))
                utterance.playing += 1
            elif utterance.closed:
                self._finish(utterance)
            else:
                return None

    def remove(self, utterance: Utterance) -> None:
        """Let it not be heard, or no more."""
        del self._known[utterance.number]
        if utterance is self.current:
            self._let_fade(utterance)
            self.current = None
        else:
            self._queue.remove(utterance)

    def cut(self, number: int) -> None:
        """Silence at once: what plays ends, unless it is another one that cannot be interrupted; what waits
        is dropped, except what cannot be interrupted."""
        current = self.current
        if current is not None and (current.number == number or current.interruptible):
            self.remove(current)
        for waiting in [one for one in self._queue if one.interruptible]:
            self.remove(waiting)

    def wind_up(self) -> None:
        """Nothing more will come of what is queued, and what was not to be heard yet will not be."""
        self.held = False
        for waiting in [one for one in self._queue if not one.released]:
            self.remove(waiting)
        for utterance in self._known.values():
            utterance.closed, utterance.interruptible, utterance.quiet = True, False, 0
            for piece in utterance.pieces:
                piece.complete = True

    def clear(self) -> None:
        if self.current is not None:
            self._let_fade(self.current)
        self._queue.clear()
        self._known.clear()
        self.current = None

    def quieten(self, utterance: Utterance, on: bool) -> None:
        """Pause it, or go on with it where it paused."""
        if not on:
            if utterance.quiet and self._fading is not None:  # nothing was quiet yet: no tick was between
                self._fading, utterance.rises = None, False
            utterance.quiet = 0
        elif utterance.interruptible and utterance is self.current:
            if not utterance.quiet:
                self._let_fade(utterance)
            utterance.quiet, utterance.rises = QUIET_FRAMES, True

    def _let_fade(self, utterance: Utterance) -> None:
        if not utterance.quiet and utterance.playing < len(utterance.pieces):
            self._fading = utterance.pieces[utterance.playing].fading()

    def _begin(self) -> Utterance | None:
        """Start the first utterance that may be heard; None if there is none, or it has no sound yet."""
        held = self.held or self._voice()[1]
        for utterance in self._queue:
            if not utterance.released or (held and utterance.interruptible):
                continue
            if utterance.pieces:
                if not utterance.pieces[0].has_sound:
                    return None
            elif not utterance.closed:
                continue  # its words are still to come; what follows need not wait for them
            self._queue.remove(utterance)
            self.current = utterance
            if utterance.pieces:
                self._emit(Began(self._talk, utterance.number))
            return utterance
        return None

    def _finish(self, utterance: Utterance) -> None:
        self.remove(utterance)
        if any(self._voice()):
            # Whoever spoke over it may have something to say now: that is for the conversation to know.
            self.held = True
        self._emit(PlayedOut(self._talk, utterance.number))
