"""How much is sent to somebody who has not shown yet that it is there and wants it.

Over UDP whoever forges a sender, or names another's address in Contact or Record-Route, would aim us there.
An INVITE is answered within a few times its own octets until its ACK comes, which only a reader of the answer
can send; a host that has not signalled in a dialog gets a short start there, until it responds."""

from __future__ import annotations

from typing import Final

TIMES: Final = 9
"""Octets for each octet of an INVITE, before its ACK; a BYE that follows is among them."""

START: Final = 1300
"""Octets of requests, repetitions included, for a host that has not signalled in a dialog."""

FAREWELL: Final = 700
"""Octets that repeated answers leave for the BYE."""


class Allowance:
    """Octets that may still be sent. What is sent for the first time always is, what is repeated only within
    them."""

    __slots__ = ("left",)

    def __init__(self, octets: float) -> None:
        self.left = octets

    def spend(self, octets: int) -> None:
        self.left -= octets

    def covers(self, octets: int, keep: int = 0) -> bool:
        """Whether so many may be sent again, and `keep` more later; they are spent then."""
        if self.left < octets + keep:
            return False
        self.left -= octets
        return True

    def add(self, octets: int) -> None:
        self.left += octets

    def lift(self) -> None:
        """It has shown itself: no limit from now on."""
        self.left = float("inf")
