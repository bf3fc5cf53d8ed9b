"""The playout as the conversation knows it: what is queued to be said, and what of it was played.

The media plane plays it: `PlayoutQueue` hands on what is queued as soon as it is there, and keeps account of
what it tells to be played: which words were heard is known from here."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from offhook.conversation.audio.spoken_utterance import SpokenPiece, SpokenUtterance
from offhook.media.channel import Channel
from offhook.media.media_commands import (
    Clear,
    Cut,
    HoldBack,
    Quieten,
    Remove,
)


class UtteranceListener(Protocol):
    """Told at the end of a 20 ms tick: does little and never raises."""

    def utterance_began(self, utterance: SpokenUtterance) -> None: ...

    def piece_played(self, utterance: SpokenUtterance, piece: SpokenPiece) -> None: ...

    def utterance_finished(self, utterance: SpokenUtterance) -> None: ...


class PlayoutQueue:
    """Utterances in the order in which they are to be heard; one at a time. What is `current` and what waits
    is as the media plane told it last, at the end of a tick.

    `hold`: the caller speaks, so nothing begins but what cannot be interrupted anyway."""

    __slots__ = ("_by_number", "_channel", "_hold", "_listener", "_numbers", "_queue", "current")

    def __init__(self, listener: UtteranceListener, channel: Channel) -> None:
        self._listener = listener
        self._queue: deque[SpokenUtterance] = deque()
        self._by_number: dict[int, SpokenUtterance] = {}
        self._numbers = 0
        self._hold = False
        self.current: SpokenUtterance | None = None
        self._channel = channel
        self._channel.playing = self

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
            self._channel.send(HoldBack(self._channel.number, hold))

    def waiting(self) -> list[SpokenUtterance]:
        return list(self._queue)

    def all(self) -> list[SpokenUtterance]:
        return [*([self.current] if self.current else []), *self._queue]

    def put(self, utterance: SpokenUtterance) -> None:
        self._numbers += 1
        self._queue.append(utterance)
        self._by_number[self._numbers] = utterance
        utterance.queued(self._channel, self._numbers)

    def cut(self) -> SpokenUtterance | None:
        """Silence at once: what plays ends here and what waits is dropped, except what cannot be interrupted.
        The utterance that was cut, None if nothing was."""
        utterance, self.current = self.current, None
        dropped = [waiting for waiting in self._queue if waiting.interruptible]
        for each in dropped:
            self._queue.remove(each)
        if utterance is not None or dropped:
            self._channel.send(Cut(self._channel.number, 0 if utterance is None else utterance.number))
        for each in [*dropped, *([utterance] if utterance else [])]:
            self._forget(each)
        return utterance

    def quieten(self, on: bool) -> None:
        """Let what plays pause, or go on where it paused."""
        if self.current is not None:
            self._channel.send(Quieten(self._channel.number, self.current.number, on))

    def remove(self, utterance: SpokenUtterance) -> None:
        """Drop an utterance that has not begun."""
        if utterance in self._queue:
            self._queue.remove(utterance)
            self._channel.send(Remove(self._channel.number, utterance.number))
            self._forget(utterance)

    def clear(self) -> SpokenUtterance | None:
        """Drop everything; the utterance that was playing."""
        self._channel.send(Clear(self._channel.number))
        for each in self.all():
            self._forget(each)
        self._queue.clear()
        utterance, self.current = self.current, None
        return utterance

    def _forget(self, utterance: SpokenUtterance) -> None:
        del self._by_number[utterance.number]
        utterance.let_go()

    # -- what the media plane tells ---------------------------------------------------------------
    # Of an utterance that was cut or dropped meanwhile nothing is heard any more.

    def began(self, number: int) -> None:
        utterance = self._by_number.get(number)
        if utterance is not None:
            self._queue.remove(utterance)
            self.current = utterance
            utterance.began()
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
        self._channel.send(HoldBack(self._channel.number, self._hold))
