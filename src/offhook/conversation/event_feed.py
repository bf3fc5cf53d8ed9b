"""Hands on what a conversation tells: to whoever holds it, and to its own parts that follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from offhook.conversation.events import Event
from offhook.conversation.turns.overlap import FOLLOWED, Overlap

Follower = Callable[[Event], None]


class EventFeed:
    """`outside` gets every event, a part the kinds it asks for. One that fails keeps no other from it;
    `failed` is called in the except clause, with words for the log."""

    def __init__(self, outside: Follower, failed: Callable[[str], None]) -> None:
        self._outside = (outside,)
        self._failed = failed
        self._overlap = Overlap()
        self._followers: dict[type, tuple[Follower, ...]] = {}

    def follow(self, kinds: Iterable[type], follower: Follower) -> None:
        for kind in kinds:
            self._followers[kind] = (*self._followers.get(kind, self._outside), follower)

    def tell(self, event: Event) -> None:
        """Never raises."""
        kind = type(event)
        if kind in FOLLOWED and (over := self._overlap.follow(event)) is not None:
            self.tell(over)
        for follower in self._followers.get(kind, self._outside):
            try:
                follower(event)
            except Exception:
                self._failed(f"telling {kind.__name__}")
