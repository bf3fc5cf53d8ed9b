"""From voice activity probabilities to the decisions "the caller speaks" and "the caller has stopped"."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_SECONDS = 0.032
START_PROBABILITY = 0.5
STOP_PROBABILITY = 0.35
START_WINDOWS = 3
STOP_WINDOWS = 6


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """`at` is when the sound began, about 0.1 s before this was decided."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """`at` is when the sound ended, about 0.2 s before this was decided."""

    at: float


class SpeechGate:
    """Hysteresis over windows of 32 ms: speech begins with three windows in a row at 0.5 or above, so that a
    click does not count, and ends after six below 0.35, so that the gap inside a word does not."""

    __slots__ = ("_run", "speaking", "voiced")

    def __init__(self) -> None:
        self.speaking = False
        self.voiced = 0.0
        """Seconds of voice in the speech now going on, pauses left out."""
        self._run = 0  # windows in a row that speak for a change

    @property
    def suspects(self) -> bool:
        """Might speech be beginning?"""
        return self._run > 0 and not self.speaking

    def feed(self, probability: float, now: float) -> SpeechBegan | SpeechEnded | None:
        """One window that ended at `now` (loop.time())."""
        if not self.speaking:
            if probability < START_PROBABILITY:
                self._run = 0
                return None
            self._run += 1
            if self._run < START_WINDOWS:
                return None
            self.speaking, self._run = True, 0
            self.voiced = START_WINDOWS * WINDOW_SECONDS
            return SpeechBegan(now - self.voiced)
        if probability >= STOP_PROBABILITY:
            self._run = 0
            self.voiced += WINDOW_SECONDS
            return None
        self._run += 1
        if self._run < STOP_WINDOWS:
            return None
        ended = now - STOP_WINDOWS * WINDOW_SECONDS
        self.speaking, self._run, self.voiced = False, 0, 0.0
        return SpeechEnded(ended)
