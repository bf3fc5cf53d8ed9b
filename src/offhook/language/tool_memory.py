"""What a model wants to see again beside the tools that it has called: its thoughts, signed. They belong to a
call, and their place in the conversation is that of its id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

MOST_KEPT: Final = 64
"""Answers of which the thoughts are kept."""

T = TypeVar("T")


class ToolMemory(Generic[T]):
    """Of one call, by the ids of tool calls; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, T] = OrderedDict()

    def keep(self, call_id: str, what: T) -> None:
        self._kept[call_id] = what
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def of(self, call_ids: Iterable[str]) -> T | None:
        """That of the first id which has any."""
        return next((self._kept[one] for one in call_ids if one in self._kept), None)
