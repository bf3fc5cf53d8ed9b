"""How far a conversation has come."""

from __future__ import annotations

from enum import Enum, auto


class Phase(Enum):
    TALKING = auto()
    AWAY = auto()  # the caller is being handed on, and may come back
    ENDING = auto()  # the last words are being said
    CLOSED = auto()


class Course:
    """One conversation's phase. What does not fit the phase changes nothing."""

    __slots__ = ("phase",)

    def __init__(self) -> None:
        self.phase = Phase.TALKING

    @property
    def listening(self) -> bool:
        """Does it matter what the caller says?"""
        return self.phase is Phase.TALKING

    @property
    def away(self) -> bool:
        return self.phase is Phase.AWAY

    @property
    def over(self) -> bool:
        """Is nothing more to be said or answered?"""
        return self.phase in (Phase.ENDING, Phase.CLOSED)

    @property
    def closed(self) -> bool:
        return self.phase is Phase.CLOSED

    def go_away(self) -> None:
        if self.phase is Phase.TALKING:
            self.phase = Phase.AWAY

    def come_back(self) -> None:
        if self.phase is Phase.AWAY:
            self.phase = Phase.TALKING

    def end(self) -> None:
        if not self.closed:
            self.phase = Phase.ENDING

    def close(self) -> None:
        self.phase = Phase.CLOSED
