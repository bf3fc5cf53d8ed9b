"""The frame of what reads a model's answer, an `AnswerReader`, for every vendor's wire: how much of one
answer there may be, and what of its text is for the caller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from offhook.language.thinking import Thoughts

LONGEST_REPLY: Final = 50_000
"""Characters of text, thoughts in it included; and as many of tool arguments."""
LONGEST_THOUGHTS: Final = 500_000
"""Characters of what is kept of one answer's thoughts, with their signatures."""
MOST_PIECES: Final = 50_000
"""Objects in one answer."""


class EventReader(ABC):
    """`add` takes one object after the other. Raises ValueError for one of another form, and for more than
    one answer may have."""

    def __init__(self, thinks_first: bool = False) -> None:
        self._tags = Thoughts(thinks_first)
        self._characters = 0
        self._arguments = 0
        self._thought = 0
        self._pieces = 0

    def add(self, piece: object) -> str:
        """Text to say, often empty."""
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            raise ValueError(f"an answer in more than {MOST_PIECES} pieces")
        try:
            return self._event(piece)
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError(f"an event of another form: {error}") from None

    @abstractmethod
    def _event(self, event: Any) -> str:
        """As the vendor has it: whatever fails for its form fails for the answer."""

    def _say(self, text: str) -> str:
        """Text that the model writes: what of it is for the caller now."""
        self._count(text)
        return self._tags.feed(text)

    def _count(self, text: str) -> None:
        self._characters += len(text)
        _bound(self._characters, LONGEST_REPLY, "a reply")

    def _argue(self, characters: int) -> None:
        """So many of tool arguments."""
        self._arguments += characters
        _bound(self._arguments, LONGEST_REPLY, "a reply")

    def _think(self, characters: int) -> None:
        """So many of thoughts that stand apart, and are kept."""
        self._thought += characters
        _bound(self._thought, LONGEST_THOUGHTS, "thoughts")


def _bound(characters: int, most: int, what: str) -> None:
    if characters > most:
        raise ValueError(f"{what} of more than {most} characters")
