"""What the assistant says: utterances, made of pieces of text with their sound, and what of it was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum, auto

from offhook.conversation.context import Said
from offhook.conversation.transcript import Entry
from offhook.engines.unspoken import CHARACTERS_PER_SECOND
from offhook.frames import SAMPLE_RATE
from offhook.media.channel import Channel
from offhook.media.media_commands import (
    SOUND_BYTES,
    AddPiece,
    CloseUtterance,
    Interruptible,
    Release,
    Sound,
    Utter,
)
from offhook.speech.engine_protocols import SpokenSound, TimedWord
from offhook.speech.joined import WORD, joined

TOLERANCE = 0.01
"""Seconds: times of words are rounded."""

Hand = Callable[[bytes, bool], None]
"""Where a piece's sound goes; true with the last of it."""


class SpokenPiece:
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
        """Hand on the sound that is made, and all that follows."""
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


class Purpose(Enum):
    REPLY = auto()  # it answers the caller
    MESSAGE = auto()  # said for another reason: the first message, a goodbye, an owner's words


class Delivery(Enum):
    HELD = auto()  # not to be heard yet
    RELEASED = auto()
    PLAYING = auto()
    OVER = auto()  # played, or dropped


class SpokenUtterance:
    """Something said in one go. `closed`: no more pieces will come."""

    __slots__ = (
        "_channel",
        "_closed",
        "_interruptible",
        "_pieces",
        "changed",
        "delivery",
        "entry",
        "number",
        "on_end",
        "playing",
        "purpose",
        "said",
        "turn",
    )

    def __init__(
        self,
        *,
        said: Said | None,
        interruptible: bool = True,
        purpose: Purpose = Purpose.MESSAGE,
        delivery: Delivery = Delivery.RELEASED,
    ) -> None:
        """`delivery`: held or released. `said`: where the model is shown what was said."""
        self.number = 0  # in the playout
        self.playing = 0  # index of the piece that plays
        self.turn = -1  # of the assistant's turns, once it is heard
        self.purpose = purpose
        self.delivery = delivery
        self.said = said
        self.entry: Entry | None = None
        self.on_end: list[Callable[[bool], None]] = []  # called once: True when all of it was played
        self.changed: Callable[[], None] = _nothing  # wakes whoever makes the audio
        self._pieces: list[SpokenPiece] = []
        self._interruptible = interruptible
        self._closed = False
        self._channel: Channel | None = None  # of the playout that it is queued in

    @property
    def pieces(self) -> Sequence[SpokenPiece]:
        return self._pieces

    @property
    def interruptible(self) -> bool:
        return self._interruptible

    @interruptible.setter
    def interruptible(self, interruptible: bool) -> None:
        if interruptible != self._interruptible:
            self._interruptible = interruptible
            if self._channel is not None:
                self._channel.send(Interruptible(self._channel.number, self.number, interruptible))

    @property
    def answers(self) -> bool:
        """Is it what the caller is waiting for?"""
        return self.purpose is Purpose.REPLY

    def release(self) -> None:
        """It may be heard from now on."""
        self._deliver(Delivery.HELD, Delivery.RELEASED)

    def hold(self) -> None:
        """If it has not begun to be heard, it waits for another release."""
        self._deliver(Delivery.RELEASED, Delivery.HELD)

    def _deliver(self, before: Delivery, after: Delivery) -> None:
        if self.delivery is before:
            self.delivery = after
            if self._channel is not None:
                released = after is Delivery.RELEASED
                self._channel.send(Release(self._channel.number, self.number, released))

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        if self._channel is not None:
            self._channel.send(CloseUtterance(self._channel.number, self.number))

    def add(self, piece: SpokenPiece) -> None:
        self._pieces.append(piece)
        if self._channel is not None:
            self._hand_on(self._channel, len(self._pieces) - 1)

    def queued(self, channel: Channel, number: int) -> None:
        """The media plane has it from now on, with all that is still to come of it."""
        self._channel, self.number = channel, number
        released = self.delivery is Delivery.RELEASED
        channel.send(Utter(channel.number, number, self._interruptible, released))
        for at in range(len(self._pieces)):
            self._hand_on(channel, at)
        if self._closed:
            channel.send(CloseUtterance(channel.number, number))

    def began(self) -> None:
        """It is heard."""
        self.delivery = Delivery.PLAYING

    def let_go(self) -> None:
        """It is over: nothing more of it goes to the media plane."""
        self.delivery = Delivery.OVER
        self._channel = None
        for piece in self._pieces[self.playing :]:
            piece.hand_to(_nowhere)

    def _hand_on(self, channel: Channel, at: int) -> None:
        talk, number, send = channel.number, self.number, channel.send

        def hand(audio: bytes, last: bool) -> None:
            whole = len(audio)
            for start in range(0, whole, SOUND_BYTES):
                part = audio[start : start + SOUND_BYTES]
                send(Sound(talk, number, at, part, last and start + SOUND_BYTES >= whole))
            if last and not whole:
                send(Sound(talk, number, at, b"", True))

        send(AddPiece(talk, number))
        self._pieces[at].hand_to(hand)

    def end(self, played: bool) -> None:
        callbacks, self.on_end = self.on_end, []
        for callback in callbacks:
            callback(played)

    def began_shortly_before(self, at: float, seconds: float) -> bool:
        """Was it no more than so many `seconds` old at that moment?"""
        return self.entry is not None and 0 <= at - self.entry.start <= seconds

    def heard(self) -> str:
        return joined(*(piece.heard() for piece in self.pieces))

    def rest(self) -> list[str]:
        """The texts that were not heard, the first one from the word at which it was cut."""
        rests = (piece.text[len(piece.heard()) :].strip() for piece in self.pieces)
        return [rest for rest in rests if rest]

    @property
    def text(self) -> str:
        return joined(*(piece.text for piece in self.pieces))

    def rest_seconds(self) -> float:
        return sum(piece.seconds() for piece in self.pieces)


def _nowhere(audio: bytes, last: bool) -> None:
    """It will not be heard."""


def _nothing() -> None:
    """Nobody waits for a change."""
