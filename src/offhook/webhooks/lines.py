"""Messages that the node itself has written. It delivers them from memory, without reading them from the
database."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, replace

from offhook.store import Document, OutboxRow
from offhook.webhooks.receiver import DEFAULT_TIMEOUT_SECONDS, Receiver

MAX_KEPT = 1000
"""Messages in memory. Further ones wait in the database only, which holds all of them."""

MAX_KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of their bodies. Bodies of further messages are read from the database when it is their turn."""

MAX_BEHIND = 16
"""Messages of one call in memory."""

MAX_CLEAR = 20_000
"""Calls that began on this node and whose messages were all kept here. The oldest are forgotten first."""


@dataclass(frozen=True, slots=True, eq=False)
class QueuedMessage:
    """A message to be delivered. `attempts` were made so far. `receiver` is as it was stored, or ready for
    use on the node that wrote the message; the message is leased to that node until `kept_until`
    (milliseconds since the epoch; 0 for a message from the database). Without a `body`, the body is read from
    the database."""

    id: str
    org_id: str
    call_id: str
    type: str
    host: str
    body: str | None
    attempts: int
    receiver: Receiver | Document
    kept_until: int = 0

    @property
    def timeout_seconds(self) -> float:
        """Seconds that an attempt may take."""
        if isinstance(self.receiver, Receiver):
            return self.receiver.timeout_seconds
        return float(self.receiver.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS))

    @classmethod
    def found(cls, row: OutboxRow) -> QueuedMessage:
        """A message as the database gave it."""
        return cls(row.id, row.org_id, row.call_id, row.type, row.host, None, row.attempts, row.receiver)


class Lines:
    """Holds the messages of each call in memory, in the order in which they are sent. The first of each line
    is being delivered.

    A message can be kept in memory if its call is clear: all earlier messages are here too, or finished. That
    holds from the call's beginning until a message fails or is left to the database."""

    def __init__(self) -> None:
        self._clear: OrderedDict[str, None] = OrderedDict()
        self._lines: dict[str, deque[QueuedMessage]] = {}
        self._ids: set[str] = set()
        self._bytes = 0

    def __contains__(self, webhook_id: str) -> bool:
        return webhook_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def waiting(self, call_id: str) -> int:
        """How many messages of the call are in memory."""
        line = self._lines.get(call_id)
        return 0 if line is None else len(line)

    def is_clear(self, call_id: str) -> bool:
        return call_id in self._clear

    def clear(self, call_id: str) -> None:
        """The call begins: none of its messages waits in the database."""
        self._clear[call_id] = None
        if len(self._clear) > MAX_CLEAR:
            self._clear.popitem(last=False)

    def forget(self, call_id: str) -> None:
        """Messages of the call may wait in the database only."""
        self._clear.pop(call_id, None)

    def keep(self, message: QueuedMessage) -> bool:
        """Puts the message at the end of its call's line. False if the call is not clear any more."""
        call_id = message.call_id
        if call_id not in self._clear:
            return False
        line = self._lines.setdefault(call_id, deque())
        if line and self._bytes + _size(message) > MAX_KEPT_BYTES:
            message = replace(message, body=None)
        line.append(message)
        self._ids.add(message.id)
        self._bytes += _size(message)
        return True

    def done(self, call_id: str) -> QueuedMessage | None:
        """The first message of the line is delivered and stored as such. Returns the next one."""
        line = self._lines[call_id]
        first = line.popleft()
        self._ids.discard(first.id)
        self._bytes -= _size(first)
        if line:
            return line[0]
        del self._lines[call_id]
        return None

    def give_up(self, call_id: str) -> list[QueuedMessage]:
        """Drops the whole line, which is delivered from the database from now on."""
        self.forget(call_id)
        line = self._lines.pop(call_id, deque())
        self._ids.difference_update(message.id for message in line)
        self._bytes -= sum(map(_size, line))
        return list(line)


def _size(message: QueuedMessage) -> int:
    """In bytes: a body is ASCII."""
    return 0 if message.body is None else len(message.body)
