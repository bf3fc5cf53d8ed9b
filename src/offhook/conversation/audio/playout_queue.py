"""What the assistant says, from pieces of text with their sound to what of it was heard.

The media plane plays it: `Playout` hands on what is queued as soon as it is there, and keeps account of what
is told to be played. So all that is known of having spoken, to whole words, comes from here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from offhook.conversation.context import Said
from offhook.conversation.transcript import Entry
from offhook.frames import SAMPLE_RATE
from offhook.media.client import Channel
from offhook.media.protocol import (
    SOUND_BYTES,
    AddPiece,
    Clear,
    CloseUtterance,
    Cut,
    HoldBack,
    Interruptible,
    Release,
    Remove,
    Sound,
    Utter,
)
from offhook.speech.base import SpokenSound, TimedWord
from offhook.speech.joined import WORD, joined

CHARACTERS_PER_SECOND = 15.0
"""English speech; where a piece's length is not known yet."""

TOLERANCE = 0.01
"""Seconds: times of words are rounded."""

Hand = Callable[[bytes, bool], None]
"""Where a piece's sound goes; true with the last of it."""


class Piece:
    """A sentence or so. `text` is as written, for transcript and context, `spoken` as the voice got it; its
    sound is made by `maker` if that was begun ahead, and kept until the piece is part of an utterance that is
    queued."""

    __slots__ = (
        "_complete",
        "_hand",
        "_kept",
        "_words",
        "begun",
        "maker",
        "played",
        "size",
        "spoken",
        "text",
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.spoken = text
        self.size = 0  # bytes made so far
        self.played = 0
        self.begun = False
        self.maker: asyncio.Task[None] | None = None
        self._complete = False
        self._words: list[TimedWord] = []
        self._kept: list[bytes] = []
        self._hand: Hand | None = None

    def take(self, sound: SpokenSound) -> None:
        """What the voice has made."""
        self._words += sound.words
        if sound.audio:
            self.add(sound.audio)
        if sound.last:
            self.complete = True

    def add(self, audio: bytes) -> None:
        self.size += len(audio)
        if self._hand is None:
            self._kept.append(audio)
        else:
            self._hand(audio, False)

    @property
    def complete(self) -> bool:
        """Is all of its sound made?"""
        return self._complete

    @complete.setter
    def complete(self, complete: bool) -> None:
        self._complete = complete
        if complete and self._hand is not None:
            self._hand(b"", True)

    def hand_to(self, hand: Hand) -> None:
        """What there is of the sound, and all that follows."""
        kept, self._kept, self._hand = b"".join(self._kept), [], hand
        if kept or self._complete:
            hand(kept, self._complete)

    def heard(self) -> str:
        """The words whose sound has been played to their ends: by the voice's own times where it gives them,
        else words are taken to be spoken at an even pace, a character each."""
        if self.complete and self.played >= self.size:
            return self.text
        if not self.begun:
            return ""
        reached = self._reached()
        end = 0
        for word in WORD.finditer(self.text):
            if word.end() > reached:
                break
            end = word.end()
        return self.text[:end].strip()

    def _reached(self) -> float:
        """To which character of the text it has been played."""
        if self._words:
            at, played = 0, self.played / (SAMPLE_RATE * 2)
            for word in self._words:
                found = self.spoken.find(word.text, at)
                if word.end > played + TOLERANCE or found < 0:
                    break
                at = found + len(word.text)
            while at < len(self.spoken) and not (self.spoken[at].isalnum() or self.spoken[at].isspace()):
                at += 1  # the marks at the word
            # Of numbers and the like the voice got other words than are written.
            return at if self.spoken == self.text else len(self.text) * at / len(self.spoken)
        expected = len(self.text) / CHARACTERS_PER_SECOND * SAMPLE_RATE * 2
        whole = self.size if self.complete else max(self.size, expected)
        return len(self.text) * self.played / whole

    def seconds(self) -> float:
        """How long the unplayed part lasts, estimated where it is not made yet."""
        if self.complete:
            return max(self.size - self.played, 0) / (SAMPLE_RATE * 2)
        return max(len(self.text) / CHARACTERS_PER_SECOND - self.played / (SAMPLE_RATE * 2), 0.0)


class Utterance:
    """Something said in one go: a reply, a message, a goodbye. `reply`: it answers the caller.
    `released` false: not to be heard yet. `closed`: no more pieces will come."""

    __slots__ = (
        "_closed",
        "_interruptible",
        "_pieces",
        "_playout",
        "_released",
        "changed",
        "entry",
        "number",
        "on_end",
        "playing",
        "reply",
        "said",
        "turn",
    )

    def __init__(self, *, interruptible: bool, reply: bool, released: bool, said: Said | None) -> None:
        self.number = 0  # of the playout that it is queued in
        self.playing = 0  # index of the piece that plays
        self.turn = -1  # of the assistant's turns, once it is heard
        self.reply = reply
        self.said = said
        self.entry: Entry | None = None
        self.on_end: list[Callable[[bool], None]] = []  # called once: True when all of it was played
        self.changed: Callable[[], None] = _nothing  # wakes whoever makes the audio
        self._pieces: list[Piece] = []
        self._interruptible = interruptible
        self._released = released
        self._closed = False
        self._playout: Playout | None = None

    @property
    def pieces(self) -> Sequence[Piece]:
        return self._pieces

    @property
    def interruptible(self) -> bool:
        return self._interruptible

    @interruptible.setter
    def interruptible(self, interruptible: bool) -> None:
        if interruptible != self._interruptible:
            self._interruptible = interruptible
            if self._playout is not None:
                self._playout.send(Interruptible(self._playout.talk, self.number, interruptible))

    @property
    def released(self) -> bool:
        return self._released

    @released.setter
    def released(self, released: bool) -> None:
        if released != self._released:
            self._released = released
            if self._playout is not None:
                self._playout.send(Release(self._playout.talk, self.number, released))

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        if self._playout is not None:
            self._playout.send(CloseUtterance(self._playout.talk, self.number))

    def add(self, piece: Piece) -> None:
        self._pieces.append(piece)
        if self._playout is not None:
            self._hand_on(self._playout, len(self._pieces) - 1)

    def queued(self, playout: Playout, number: int) -> None:
        """It is the playout's from now on, with all that is still to come of it."""
        self._playout, self.number = playout, number
        playout.send(Utter(playout.talk, number, self._interruptible, self._released))
        for at in range(len(self._pieces)):
            self._hand_on(playout, at)
        if self._closed:
            playout.send(CloseUtterance(playout.talk, number))

    def let_go(self) -> None:
        """Nothing more of it is handed on."""
        self._playout = None
        for piece in self._pieces[self.playing :]:
            piece.hand_to(_nowhere)

    def _hand_on(self, playout: Playout, at: int) -> None:
        talk, number = playout.talk, self.number

        def hand(audio: bytes, last: bool) -> None:
            whole = len(audio)
            for start in range(0, whole, SOUND_BYTES):
                part = audio[start : start + SOUND_BYTES]
                playout.send(Sound(talk, number, at, part, last and start + SOUND_BYTES >= whole))
            if last and not whole:
                playout.send(Sound(talk, number, at, b"", True))

        playout.send(AddPiece(talk, number))
        self._pieces[at].hand_to(hand)

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
    """Told at the end of a 20 ms tick: does little and never raises."""

    def utterance_began(self, utterance: Utterance) -> None: ...

    def piece_played(self, utterance: Utterance, piece: Piece) -> None: ...

    def utterance_finished(self, utterance: Utterance) -> None: ...


class Playout:
    """Utterances in the order in which they are to be heard; one at a time. What is `current` and what waits
    is as the media plane told it last, at the end of a tick.

    `hold`: the caller speaks, so nothing begins but what cannot be interrupted anyway."""

    __slots__ = ("_by_number", "_hold", "_listener", "_numbers", "_queue", "current", "send", "talk")

    def __init__(self, listener: Listener, channel: Channel) -> None:
        self._listener = listener
        self._queue: deque[Utterance] = deque()
        self._by_number: dict[int, Utterance] = {}
        self._numbers = 0
        self._hold = False
        self.current: Utterance | None = None
        self.talk = channel.number
        self.send = channel.send
        channel.playing = self

    @property
    def idle(self) -> bool:
        return self.current is None and not self._queue

    @property
    def hold(self) -> bool:
        return self._hold

    @hold.setter
    def hold(self, hold: bool) -> None:
        if hold != self._hold:
            self._hold = hold
            self.send(HoldBack(self.talk, hold))

    def waiting(self) -> list[Utterance]:
        return list(self._queue)

    def all(self) -> list[Utterance]:
        return [*([self.current] if self.current else []), *self._queue]

    def put(self, utterance: Utterance) -> None:
        self._numbers += 1
        self._queue.append(utterance)
        self._by_number[self._numbers] = utterance
        utterance.queued(self, self._numbers)

    def cut(self) -> Utterance | None:
        """Silence at once: what plays ends here and what waits is dropped, except what cannot be interrupted.
        The utterance that was cut, None if nothing was."""
        utterance, self.current = self.current, None
        dropped = [waiting for waiting in self._queue if waiting.interruptible]
        for each in dropped:
            self._queue.remove(each)
        if utterance is not None or dropped:
            self.send(Cut(self.talk, 0 if utterance is None else utterance.number))
        for each in [*dropped, *([utterance] if utterance else [])]:
            self._forget(each)
        return utterance

    def remove(self, utterance: Utterance) -> None:
        """Drop an utterance that has not begun."""
        if utterance in self._queue:
            self._queue.remove(utterance)
            self.send(Remove(self.talk, utterance.number))
            self._forget(utterance)

    def clear(self) -> Utterance | None:
        """Drop everything; the utterance that was playing."""
        self.send(Clear(self.talk))
        for each in self.all():
            self._forget(each)
        self._queue.clear()
        utterance, self.current = self.current, None
        return utterance

    def _forget(self, utterance: Utterance) -> None:
        del self._by_number[utterance.number]
        utterance.let_go()

    # -- what the media plane tells ---------------------------------------------------------------
    # Of an utterance that was cut or dropped meanwhile nothing is heard any more.

    def began(self, number: int) -> None:
        utterance = self._by_number.get(number)
        if utterance is not None:
            self._queue.remove(utterance)
            self.current = utterance
            self._listener.utterance_began(utterance)

    def played_to(self, number: int, at: int, size: int) -> None:
        utterance = self._by_number.get(number)
        if utterance is not None:
            piece = utterance.pieces[at]
            piece.begun, piece.played = True, size

    def played(self, number: int, at: int) -> None:
        utterance = self._by_number.get(number)
        if utterance is None:
            return
        piece = utterance.pieces[at]
        piece.begun, piece.played = True, piece.size
        utterance.playing = at + 1
        utterance.changed()
        self._listener.piece_played(utterance, piece)

    def finished(self, number: int) -> None:
        utterance = self._by_number.get(number)
        if utterance is not None:
            if utterance is self.current:
                self.current = None
            else:
                self._queue.remove(utterance)  # there was nothing of it to be heard
            self._forget(utterance)
            self._listener.utterance_finished(utterance)
        # The engine waits for this word if the caller speaks.
        self.send(HoldBack(self.talk, self._hold))


def _nowhere(audio: bytes, last: bool) -> None:
    """It will not be heard."""


def _nothing() -> None:
    """Nobody waits for a change."""
