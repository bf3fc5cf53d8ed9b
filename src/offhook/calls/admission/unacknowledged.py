"""Calls over UDP that were answered and are not acknowledged yet: the sender of an INVITE may be forged.

SIP waits 32 seconds for an ACK (RFC 3261 §13.3.1.4). When places run out, that is too long: a few forged
INVITEs a second, each from a source of its own, would hold all places."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

CHECK_SECONDS: Final = 0.5

PATIENCE: Final = ((3 / 4, 2.0), (1 / 2, 4.0))
"""The share of taken places from which the wait for an ACK is shortened, and the shortened wait in seconds:
long enough for three or four transmissions of the 200."""


FEW: Final = 1 / 8
"""A share of the places. While unacknowledged calls hold no more than this, they are not the reason why
places run out, and a phone that loses packets gets the full wait."""


class Unacknowledged:
    """`places`: how many calls there may be. `taken` gives the share of places that are taken. `give_up` gets
    the id of a call whose ACK is overdue."""

    def __init__(self, places: float, taken: Callable[[], float], give_up: Callable[[str], None]) -> None:
        self._few = places * FEW
        self._taken = taken
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._since: dict[str, float] = {}  # the one that waits for longest first
        self._checking: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._since)

    def add(self, call_id: str) -> None:
        """The call's 200 was sent."""
        self._since[call_id] = self._loop.time()
        if self._checking is None:
            self._checking = self._loop.call_later(CHECK_SECONDS, self._check)

    def remove(self, call_id: str) -> None:
        """The call's ACK came, or the call has ended."""
        self._since.pop(call_id, None)
        if not self._since and self._checking is not None:
            self._checking.cancel()
            self._checking = None

    def _check(self) -> None:
        self._checking = self._loop.call_later(CHECK_SECONDS, self._check)
        patience = self._patience()
        if patience is None:
            return
        until = self._loop.time() - patience
        for call_id in [one for one, since in self._since.items() if since <= until]:
            self._give_up(call_id)

    def _patience(self) -> float | None:
        if len(self._since) < self._few:
            return None
        taken = self._taken()
        return next((seconds for part, seconds in PATIENCE if taken >= part), None)
