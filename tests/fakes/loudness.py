"""Hearing without understanding: loud sound is speech, and what is said in each stretch of it is known."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Event = Literal["began", "goes on", "paused"]
LOUD = 500
STEP = 320


@dataclass
class Loudness:
    """Sound at 8 kHz in, what happens in it out, in steps of 20 ms. `pause`: seconds of silence that end a
    stretch."""

    texts: list[str]
    pause: float
    seconds: float = 0.0
    began: float | None = None
    ended: float = 0.0
    text: str = ""
    told: float = field(default=0.0)

    def hear(self, audio: bytes) -> Iterator[Event]:
        for start in range(0, len(audio), STEP):
            part = audio[start : start + STEP]
            samples = struct.unpack(f"<{len(part) // 2}h", part)
            self.seconds += len(samples) / 8000
            if sum(map(abs, samples)) > LOUD * len(samples):
                self.ended = self.seconds
                if self.began is None:
                    self.began = self.told = self.seconds - 0.02
                    self.text = self.texts.pop(0) if self.texts else ""
                    yield "began"
                elif self.seconds - self.told >= 0.3:
                    self.told = self.seconds
                    yield "goes on"
            elif self.began is not None and self.seconds - self.ended >= self.pause:
                yield "paused"
                self.began = None

    def words(self) -> list[tuple[str, float, float]]:
        """With their times: each takes the same."""
        assert self.began is not None
        words = self.text.split()
        each = (self.ended - self.began) / max(len(words), 1)
        return [(word, self.began + each * at, self.began + each * (at + 1)) for at, word in enumerate(words)]
