"""Messages that the node which wrote them delivers without asking the database for them again."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from offhook.store import OutboxRow

from .receiver import Receiver

MAX_KEPT = 1000
"""Messages in memory. Those beyond wait in the database alone, where all of them are."""

MAX_BEHIND = 16
"""Messages of one call in memory."""

MAX_CLEAR = 20_000
"""Calls of which it is known that nothing of theirs waits in the database alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A message on its way. One that this node wrote brings its `receiver`, and is leased to the node until
    `kept_until` (milliseconds since the epoch); one that the database gave has neither."""

    row: OutboxRow
    receiver: Receiver | None = None
    kept_until: int = 0


class Lines:
    """For each call the messages in memory, in the order in which they go out; the first is under way.

    A message can be kept here if the call is clear: all that comes before it is here too, or done with. What
    is known of a call may be forgotten at any time, which costs one look into the database."""

    def __init__(self) -> None:
        self._clear: OrderedDict[str, None] = OrderedDict()
        self._lines: dict[str, deque[Message]] = {}
        self._positions: set[int] = set()

    def __contains__(self, position: int) -> bool:
        return position in self._positions

    def __len__(self) -> int:
        return len(self._positions)

    def waiting(self, call_id: str) -> int:
        """How many messages of the call are here."""
        line = self._lines.get(call_id)
        return 0 if line is None else len(line)

    def is_clear(self, call_id: str) -> bool:
        return call_id in self._clear

    def clear(self, call_id: str) -> None:
        """Nothing of the call waits in the database alone."""
        self._clear[call_id] = None
        self._clear.move_to_end(call_id)
        if len(self._clear) > MAX_CLEAR:
            self._clear.popitem(last=False)

    def forget(self, call_id: str) -> None:
        """Something of the call may wait in the database alone."""
        self._clear.pop(call_id, None)

    def keep(self, message: Message) -> bool:
        """Put it at the end of its call's line. False if its call is not clear any more."""
        call_id = message.row.call_id
        if call_id not in self._clear:
            return False
        self._lines.setdefault(call_id, deque()).append(message)
        self._positions.add(message.row.position)
        return True

    def done(self, call_id: str) -> Message | None:
        """The first of the line is delivered and written down; which is the next."""
        line = self._lines[call_id]
        self._positions.discard(line.popleft().row.position)
        if line:
            return line[0]
        del self._lines[call_id]
        return None

    def give_up(self, call_id: str) -> list[Message]:
        """The whole line, which goes on by the database alone."""
        self.forget(call_id)
        line = self._lines.pop(call_id, deque())
        self._positions.difference_update(message.row.position for message in line)
        return list(line)
