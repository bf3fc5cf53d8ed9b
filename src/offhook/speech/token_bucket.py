"""How much of something may come."""

from __future__ import annotations


class TokenBucket:
    """`most` at once, and `rate` more with each second (a token bucket). `now`: loop.time()."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, most: float, rate: float, now: float) -> None:
        self._most, self._rate = most, rate
        self._left, self._at = most, now

    def take(self, amount: float, now: float) -> bool:
        """False if there is not so much left; then nothing is taken."""
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True
