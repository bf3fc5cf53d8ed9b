"""What the assistant says, from pieces of text with their audio to 20 ms frames, and what of it was heard.

`Playout.next_frame` is called by the 20 ms clock: the frame that it gives is the one being played. So all
that is known of having spoken, to whole words, comes from here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from offhook.conversation.context import Said
from offhook.conversation.transcript import Entry
from offhook.speech.base import FRAME_BYTES, SAMPLE_RATE
from offhook.speech.joined import WORD, joined

PREBUFFER_BYTES = 3 * FRAME_BYTES
"""A piece whose audio still streams begins with this much, so that a late packet of it is not a gap."""
CHARACTERS_PER_SECOND = 15.0
"""English speech; where a piece's length is not known yet."""


class Piece:
    """A sentence or so. `text` is as written, for transcript and context; `audio` grows as it is made, by
    `maker` if that was begun ahead."""

    __slots__ = ("audio", "begun", "complete", "maker", "played", "size", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.audio = bytearray()
        self.size = 0  # bytes made so far; stays when the audio is let go
        self.played = 0
        self.begun = False
        self.complete = False
        self.maker: asyncio.Task[None] | None = None

    def add(self, audio: bytes) -> None:
        self.audio += audio
        self.size += len(audio)

    def heard(self) -> str:
        """The words whose sound has been played. Engines give no word timings: words are taken to be spoken
        at an even pace, a character each, and a word counts when it was played to its end."""
        if self.complete and self.played >= self.size:
            return self.text
        if not self.begun:
            return ""
        expected = len(self.text) / CHARACTERS_PER_SECOND * SAMPLE_RATE * 2
        whole = self.size if self.complete else max(self.size, expected)
        reached = len(self.text) * self.played / whole
        end = 0
        for word in WORD.finditer(self.text):
            if word.end() > reached:
                break
            end = word.end()
        return self.text[:end].strip()

    def seconds(self) -> float:
        """How long the unplayed part lasts, estimated where it is not made yet."""
        if self.complete:
            return max(self.size - self.played, 0) / (SAMPLE_RATE * 2)
        return max(len(self.text) / CHARACTERS_PER_SECOND - self.played / (SAMPLE_RATE * 2), 0.0)


class Utterance:
    """Something said in one go: a reply, a message, a goodbye. `reply`: it answers the caller.
    `released` false: not to be heard yet. `closed`: no more pieces will come."""

    __slots__ = (
        "changed",
        "closed",
        "entry",
        "interruptible",
        "on_end",
        "pieces",
        "playing",
        "released",
        "reply",
        "said",
        "turn",
    )

    def __init__(self, *, interruptible: bool, reply: bool, released: bool, said: Said | None) -> None:
        self.pieces: list[Piece] = []
        self.playing = 0  # index of the piece that plays
        self.turn = -1  # of the assistant's turns, once it is heard
        self.interruptible = interruptible
        self.reply = reply
        self.released = released
        self.closed = False
        self.said = said
        self.entry: Entry | None = None
        self.on_end: list[Callable[[bool], None]] = []  # called once: True when all of it was played
        self.changed: Callable[[], None] = _nothing  # wakes whoever makes the audio

    def end(self, played: bool) -> None:
        callbacks, self.on_end = self.on_end, []
        for callback in callbacks:
            callback(played)

    def heard(self) -> str:
        return joined(*(piece.heard() for piece in self.pieces))

    def rest(self) -> list[str]:
        """The texts that were not heard, the first one from the word at which it was cut."""
        rests = (piece.text[len(piece.heard()) :].strip() for piece in self.pieces)
        return [rest for rest in rests if rest]

    def rest_seconds(self) -> float:
        return sum(piece.seconds() for piece in self.pieces)


class Listener(Protocol):
    """Told from the 20 ms tick: does little and never raises."""

    def utterance_began(self, utterance: Utterance) -> None: ...

    def piece_played(self, utterance: Utterance, piece: Piece) -> None: ...

    def utterance_finished(self, utterance: Utterance) -> None: ...


class Playout:
    """Utterances in the order in which they are to be heard; one at a time.

    `hold`: the caller speaks, so nothing begins but what cannot be interrupted anyway."""

    __slots__ = ("_listener", "_queue", "current", "hold")

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._queue: deque[Utterance] = deque()
        self.current: Utterance | None = None
        self.hold = False

    @property
    def idle(self) -> bool:
        return self.current is None and not self._queue

    def waiting(self) -> list[Utterance]:
        return list(self._queue)

    def all(self) -> list[Utterance]:
        return [*([self.current] if self.current else []), *self._queue]

    def put(self, utterance: Utterance) -> None:
        self._queue.append(utterance)

    def next_frame(self) -> bytes | None:
        """The next 20 ms, padded with silence at a piece's end; None if there is nothing to play."""
        while True:
            utterance = self.current
            if utterance is None:
                if not self._queue:
                    return None
                utterance = self._begin()
                if utterance is None:
                    return None
            if utterance.playing < len(utterance.pieces):
                piece = utterance.pieces[utterance.playing]
                frame = _take_frame(piece)
                if frame is not None or not piece.complete:
                    return frame
                self._piece_done(utterance, piece)
            elif utterance.closed:
                self.current = None
                self._listener.utterance_finished(utterance)
            else:
                return None

    def cut(self) -> Utterance | None:
        """Silence at once: what plays ends here and what waits is dropped, except what cannot be interrupted.
        The utterance that was cut, None if nothing was."""
        self._queue = deque(waiting for waiting in self._queue if not waiting.interruptible)
        utterance, self.current = self.current, None
        return utterance

    def remove(self, utterance: Utterance) -> None:
        """Drop an utterance that has not begun."""
        if utterance in self._queue:
            self._queue.remove(utterance)

    def clear(self) -> Utterance | None:
        """Drop everything; the utterance that was playing."""
        self._queue.clear()
        utterance, self.current = self.current, None
        return utterance

    def _begin(self) -> Utterance | None:
        """Start the first utterance that may be heard; None if there is none, or it has no sound yet."""
        for utterance in self._queue:
            if not utterance.released or (self.hold and utterance.interruptible):
                continue
            if utterance.pieces:
                if not _has_sound(utterance.pieces[0]):
                    return None
            elif not utterance.closed:
                continue  # its words are still to come; what follows need not wait for them
            self._queue.remove(utterance)
            self.current = utterance
            if utterance.pieces:
                self._listener.utterance_began(utterance)
            # What began may have changed its mind about being heard.
            return utterance if self.current is utterance else None
        return None

    def _piece_done(self, utterance: Utterance, piece: Piece) -> None:
        piece.audio = bytearray()
        utterance.playing += 1
        utterance.changed()
        self._listener.piece_played(utterance, piece)


def _has_sound(piece: Piece) -> bool:
    return piece.complete or piece.size >= PREBUFFER_BYTES


def _take_frame(piece: Piece) -> bytes | None:
    """The piece's next frame; None if it has none, or none yet."""
    position = piece.played
    available = piece.size - position
    if not piece.begun:
        if not _has_sound(piece):
            return None
        piece.begun = True
    if available >= FRAME_BYTES:
        piece.played = position + FRAME_BYTES
        return bytes(piece.audio[position : position + FRAME_BYTES])
    if not piece.complete or available <= 0:
        return None
    piece.played = piece.size
    return bytes(piece.audio[position:]).ljust(FRAME_BYTES, b"\0")


def _nothing() -> None:
    """Nobody waits for a change."""
