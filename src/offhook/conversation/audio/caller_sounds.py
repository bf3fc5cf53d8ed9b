"""Which of the caller's sounds a transcript belongs to: the times of its words come from voice activity.

A streaming transcriber says no times. Its final comes 0.05 to 2 s after the voice, or in the middle of it;
one utterance may bring several, and a cough brings none. So sounds are kept for a while, and words are given
the latest ones that can hold them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_SOUNDS = 64

CHARACTERS_PER_SECOND = 30.0
"""Nobody speaks faster: words that are longer than a sound began before it."""
PAUSE_SECONDS = 1.5
"""The longest pause within one utterance."""
YOUNG_SECONDS = 0.3
"""A sound that began later than this cannot have been understood yet."""
REST_SECONDS = 0.3
"""A sound that goes on this long after a final may hold other words."""
WORDLESS_SECONDS = 0.45
"""A sound as short as this, before or behind others that hold all the words, has none: a cough, a sigh."""
ORDINARY_PACE = 17.0
"""Characters a second, at which they do."""
LATE_SECONDS = 3.0
"""Words that come longer than this after any voice were said just now, too softly for it."""


@dataclass(slots=True)
class CallerSound:
    """One sound of the caller's, in loop.time(). `end` None: it goes on. `told`: up to when its words are
    known. `owed`: a transcriber of whole phrases answers it with one final."""

    start: float
    end: float | None = None
    told: float | None = None
    owed: bool = False

    @property
    def begins(self) -> float:
        """Where words begin that are not known yet."""
        return self.start if self.told is None else max(self.start, self.told)

    @property
    def untold(self) -> bool:
        """May there be words in it that are not known yet?"""
        if self.told is None or self.end is None:
            return True
        return self.end - self.told >= REST_SECONDS


class CallerSounds:
    """`assistant_heard_between(a, b)`: was the assistant heard between these moments?"""

    def __init__(self, assistant_heard_between: Callable[[float, float], bool]) -> None:
        self._assistant_heard_between = assistant_heard_between
        self._sounds: deque[CallerSound] = deque(maxlen=MOST_SOUNDS)
        self._words_in: tuple[CallerSound, float] | None = (
            None  # where the words begin of which there are partials
        )

    def began(self, at: float) -> None:
        self._sounds.append(CallerSound(at))

    def ended(self, at: float, owed: bool) -> None:
        if self._sounds:
            last = self._sounds[-1]
            last.end, last.owed = at, owed

    def forget(self) -> None:
        """Another transcriber listens; it has heard none of the sounds that have ended."""
        going_on = [one for one in self._sounds if one.end is None]
        self._sounds.clear()
        self._sounds.extend(going_on)
        self._words_in = None

    def owed(self) -> tuple[float, float] | None:
        """The sound that a final of a whole phrase answers."""
        for one in self._sounds:
            if one.owed and one.end is not None:
                one.owed, one.told = False, one.end
                return one.start, one.end
        return None

    def partial(self, text: str, now: float) -> None:
        """Words of which the final is still to come."""
        if self._words_in is None and text.strip():
            first = self._first_of(text, now)
            self._words_in = None if first is None else (first, first.begins)

    def final(self, text: str, now: float) -> tuple[float, float]:
        """When the words of a final were spoken."""
        last = self._last_of(text, now)
        start, end = self._begin_of(text, now), now
        if last is not None and last.end is not None and now - last.end <= LATE_SECONDS:
            end = last.end
        if text.strip():
            self._words_in = None
            for one in self._sounds:
                one.told = now
        return start, max(start, end)

    def _begin_of(self, text: str, now: float) -> float:
        if self._words_in is not None:
            first, begins = self._words_in
            if first.untold:  # else that was a partial behind its final
                return begins
        found = self._first_of(text, now)
        if found is not None:
            return found.begins
        # Another final of the same utterance, or words without any voice.
        return self._sounds[-1].start if self._recent(now) else now

    def _recent(self, now: float) -> bool:
        if not self._sounds:
            return False
        ended = self._sounds[-1].end
        return ended is None or now - ended <= LATE_SECONDS

    def _last_of(self, text: str, now: float) -> CallerSound | None:
        """The sound in which the words that have just come end."""
        words_in = self._words_in
        if words_in is not None and words_in[0].untold:
            held = [one for one in self._sounds if one.start >= words_in[0].start]
            return _without_edges(held, text, now, before=False)[-1]
        held = self._held_in(text, now)
        return held[-1] if held else self._sounds[-1] if self._sounds else None

    def _first_of(self, text: str, now: float) -> CallerSound | None:
        """The sound in which they begin; None if no sound is left for them."""
        held = self._held_in(text, now)
        return held[0] if held else None

    def _held_in(self, text: str, now: float) -> list[CallerSound]:
        """The sounds that hold words that have just come."""
        untold = [one for one in self._sounds if one.untold] if self._recent(now) else []
        if not untold:
            return []
        if len(untold) > 1 and untold[-1].end is None and now - untold[-1].start < YOUNG_SECONDS:
            untold.pop()
        first = untold.pop()
        voice, held = _voice(first, now), [first]
        while untold:
            before = untold[-1]
            assert before.end is not None
            short = voice * CHARACTERS_PER_SECOND < len(text) and now - before.end <= LATE_SECONDS
            apart = first.begins - before.end > PAUSE_SECONDS
            if not short and (apart or self._assistant_heard_between(before.end, first.begins)):
                break
            first = untold.pop()
            voice += _voice(first, now)
            held.insert(0, first)
        return _without_edges(held, text, now)


def _voice(sound: CallerSound, now: float) -> float:
    return (sound.end or now) - sound.begins


def _without_edges(held: list[CallerSound], text: str, now: float, before: bool = True) -> list[CallerSound]:
    """Without what has no words `before` and behind those that hold them all."""
    held, voice = held[:], sum(_voice(one, now) for one in held)
    while len(held) > 1:
        edge = 0 if before and _voice(held[0], now) < _voice(held[-1], now) else -1
        short = _voice(held[edge], now)
        if short > WORDLESS_SECONDS or (voice - short) * ORDINARY_PACE < len(text):
            break
        held.pop(edge)
        voice -= short
    return held
