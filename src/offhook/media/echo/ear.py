"""One leg: is there an echo on it, and is what is left of a frame more than the rest of one?"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from offhook.frames import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, SILENCE
from offhook.media.echo.filters import PARTITIONS, EchoFilters
from offhook.media.echo.path import HEARD_SAMPLES, LEAST_SAMPLES, MOST_DELAY, EchoPath, Samples, find_path

FLOOR: Final = 270.0
"""Mean square of a frame, -66 dBov: below it nothing is taken for a voice."""
NOISE: Final = 6.0
"""So many times the line's own noise is a sound."""
STILL_FRAMES: Final = 10
"""Without a sound, after which the next one is another."""
FIRST_LOOK: Final = LEAST_SAMPLES // FRAME_SAMPLES
NEXT_LOOKS: Final = (2, 2, 2, 4, 8, 16, 25, 50)
"""Frames of a sound until it is looked at again."""
MOST_LOOKS: Final = 10
"""On one leg, and one more each second: noises that come and go cost no more."""
UNDECIDED_FRAMES: Final = 8
"""So long a sound is no voice yet on a leg of which it is not known whether it has an echo..."""
DOUBTED_FRAMES: Final = 5
"""... and on one that has, at the level of one: it may have changed its way."""
LOUDER: Final = 4.0
"""So many times as strong as the strongest echo, a sound is none."""
PROVEN_FRAMES: Final = 50
"""Of something said, without an echo of it: from then on nothing has to prove itself."""
ALIKE: Final = 0.3
"""The share that has to be explained twice, with the same delay."""
SURE: Final = 0.85
"""The share that is enough once."""
SAME_DELAY: Final = 16
"""Samples."""
MARGIN: Final = 8.0
"""What is left is a voice if it is so many times as strong as what is left of echoes."""
TAIL: Final = 0.6
"""So much of its power a room keeps for 20 ms."""
HANG_FRAMES: Final = 6
"""A voice is heard for so long after it was strong enough, at most; one frame that was, for two."""
LEAST_LEAK: Final = 0.003

_HEARD_FRAMES: Final = math.ceil(HEARD_SAMPLES / FRAME_SAMPLES)
_SAID_FRAMES: Final = math.ceil((MOST_DELAY + HEARD_SAMPLES) / FRAME_SAMPLES)
_ALL_FRAMES: Final = MOST_DELAY // FRAME_SAMPLES + PARTITIONS

Deliver = Callable[[bytes, bytes, bytes], None]


class EchoEar:
    """Made by `EchoCanceller.open`. `row`: of its filter, None until an echo was found."""

    __slots__ = (
        "_clean", "_closed", "_delay", "_deliver", "_due", "_filters", "_gain", "_hang", "_heard_before",
        "_leak", "_left", "_looking", "_looks", "_next_look", "_noise", "_proof", "_said", "_said_before",
        "_smeared", "_span", "_still", "_strongest", "_suspected", "_tail", "_waits", "_waits_for_look",
        "heard", "row",
    )  # fmt: skip

    def __init__(
        self,
        filters: EchoFilters,
        deliver: Deliver,
        due: Callable[[EchoEar], None],
        looking: Callable[[EchoEar], None],
    ) -> None:
        self._filters = filters
        self._deliver = deliver
        self._due = due
        self._looking = looking
        self._closed = False
        self.row: int | None = None
        self.heard = SILENCE
        self._clean: bytes | None = None  # of this tick, where it is filtered
        self._said = SILENCE
        self._said_before: deque[bytes] = deque(maxlen=_SAID_FRAMES)
        self._heard_before: deque[bytes] = deque(maxlen=_HEARD_FRAMES)
        self._tail = 0  # frames in which an echo may still come
        self._noise = FLOOR / NOISE
        self._proof = 0  # frames in which something was said, and no echo of it came
        self._span = 0  # frames since a sound began, 0: there is none
        self._still = 0  # frames since it was heard
        self._looks = float(MOST_LOOKS)  # that it may take
        self._next_look = FIRST_LOOK
        self._waits = 0  # looks at this sound so far
        self._waits_for_look = False
        self._suspected: int | None = None  # the delay of what was found at the last look
        self._delay = 0
        self._smeared = 0.0  # power of the echo, and of what the room keeps of it
        self._leak = 1.0  # of which so much is left
        self._left = 0.0  # power of what is left
        self._strongest = 0.0  # power of the echo at its strongest
        self._hang = 0
        self._gain = 1.0

    def close(self) -> None:
        """Nothing is delivered after this."""
        self._closed = True
        if self.row is not None:
            self._filters.close(self.row)
            self.row = None

    def exchanged(self, heard: bytes, said: bytes) -> None:
        """20 ms. What is heard is delivered at once, or from within `EchoCanceller.run`."""
        if said is not SILENCE and said != SILENCE:
            if not self._tail:
                self._begin()
            self._tail = _ALL_FRAMES if self.row is None else self._delay // FRAME_SAMPLES + PARTITIONS + 3
            self._proof += 1
        elif not self._tail:
            self._deliver(heard, heard, said)
            return
        else:
            self._tail -= 1
        self._looks = min(self._looks + FRAME_SECONDS, MOST_LOOKS)
        self._said_before.append(said)
        self._heard_before.append(heard)
        if self.row is None and not self._span and (heard is SILENCE or heard == SILENCE):
            # Neither echo nor voice: the callers who wait for the end of what is said, nearly all there are.
            self._note_noise(0.0)
            self._deliver(heard, heard, said)
            return
        self.heard, self._said, self._clean = heard, said, None
        self._due(self)

    def _begin(self) -> None:
        """Something is said after a silence."""
        self._said_before.extend([SILENCE] * _SAID_FRAMES)
        self._heard_before.extend([SILENCE] * _HEARD_FRAMES)
        self._smeared, self._hang, self._gain = 0.0, 0, 1.0
        self._be_still()
        if self.row is not None:
            self._filters.rest(self.row)

    def tell(self) -> None:
        if self._closed:
            return
        heard = self.heard if self._clean is None else self._clean
        self._deliver(heard, SILENCE if self._doubted else heard, self._said)

    # -- is there an echo? ----------------------------------------------------------------------

    @property
    def _doubted(self) -> bool:
        """May this sound be an echo, by a way that is not known yet?"""
        if not self._span or self._suspected is not None:
            return self._suspected is not None
        if self.row is not None:
            return self._span <= DOUBTED_FRAMES and self._left <= LOUDER * self._strongest
        return self._span <= UNDECIDED_FRAMES and self._proof < PROVEN_FRAMES + self._span

    def listen(self, power: float) -> None:
        """A frame of that mean square, on a leg that has no filter."""
        self._note_noise(power)
        self._listen(power)

    def _note_noise(self, power: float) -> None:
        self._noise = max(self._noise * (0.9 if power < self._noise else 1.01), 0.1)

    def _listen(self, power: float) -> None:
        if power > max(FLOOR, NOISE * self._noise):
            self._span, self._still = self._span or 1, 0
        elif self._span:
            self._still += 1
            if self._still > STILL_FRAMES:
                self._be_still()
                return
        if self._span:
            if self._span >= self._next_look and self._looks >= 1 and not self._waits_for_look:
                self._waits_for_look = True
                self._looks -= 1
                self._next_look = self._span + NEXT_LOOKS[min(self._waits, len(NEXT_LOOKS) - 1)]
                self._waits += 1
                self._looking(self)
            self._span += 1

    def _be_still(self) -> None:
        self._span = self._still = self._waits = 0
        self._next_look, self._suspected = FIRST_LOOK, None

    def look(self) -> None:
        """What is heard: is it an echo of what was said?"""
        self._waits_for_look = False
        if self._closed or not self._span:
            return
        count = min(max(self._span * FRAME_SAMPLES, LEAST_SAMPLES), HEARD_SAMPLES)
        found = find_path(
            _samples(self._said_before)[-count - MOST_DELAY :], _samples(self._heard_before)[-count:]
        )
        if found is None or found.explained < ALIKE:
            self._suspected = None
        elif found.explained >= SURE or self._is_suspected(found):
            self._take(found)
        else:
            self._suspected = found.delay

    def _is_suspected(self, found: EchoPath) -> bool:
        return self._suspected is not None and abs(found.delay - self._suspected) <= SAME_DELAY

    def _take(self, found: EchoPath) -> None:
        if self.row is None:
            self.row = self._filters.open()
        self._delay = found.delay
        self._filters.begin(self.row, found.taps)
        self._leak, self._gain, self._hang = 1.0, 0.0, 0
        self._smeared = self._strongest = 0.0
        self._be_still()

    # -- what is left of it ---------------------------------------------------------------------

    @property
    def delayed(self) -> bytes:
        """What was said when the echo set out of which the first comes back now."""
        frames, rest = divmod(2 * self._delay, FRAME_BYTES)
        newer, older = self._said_before[-1 - frames], self._said_before[-2 - frames]
        return older[FRAME_BYTES - rest :] + newer[: FRAME_BYTES - rest]

    def weigh(self, left: float, echo: float) -> tuple[float, float, float]:
        """From and to which factor what is left is heard, by the mean squares of that and of the echo; and
        how loud the line's noise is that is heard instead."""
        self._smeared = smeared = max(echo, TAIL * self._smeared)
        self._left, self._strongest = left, max(echo, self._strongest * 0.999)
        if left > MARGIN * self._leak * smeared + FLOOR:
            self._hang = min(self._hang + 2, HANG_FRAMES)
            self._leak *= 1.003
        else:
            self._hang = max(self._hang - 1, 0)
            if smeared > MARGIN * FLOOR:
                self._leak *= 1.08 if left > self._leak * smeared else 0.98
        self._leak = min(max(self._leak, LEAST_LEAK), 1.0)
        before, self._gain = self._gain, 1.0 if self._hang else 0.0
        self._listen(left if self._hang else 0.0)
        self._note_noise(left)
        return before, self._gain, math.sqrt(self._noise)

    def heard_as(self, clean: bytes) -> None:
        self._clean = clean


def _samples(frames: deque[bytes]) -> Samples:
    return np.frombuffer(b"".join(frames), "<i2").astype(np.float32)
