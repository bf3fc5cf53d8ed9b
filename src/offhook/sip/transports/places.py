"""Who may have a connection: so many in all, so many a source, over all transports together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Set
from dataclasses import dataclass
from typing import Protocol

from offhook.network.sources import ALONE, IN_ALL, Common, Shares, Source


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Seconds and counts. `idle` is long, since a phone behind a translation is only reachable by the
    connection of its call; a stranger has `first` seconds for a whole message, whom we called `answer`
    seconds (more than 64*T1), and each message `message` seconds from its first octet. `unsent` is in
    octets, for a peer that does not read.

    Who comes when all `connections` are taken, or the `per_source` of its source, gets the place of the one
    that has been idle for longest: of its own source, or of the one that has most."""

    connections: int = 2048
    per_source: int = 256
    connecting: int = 128  # connections of ours that are being made
    connect: float = 4.0
    first: float = 10.0
    answer: float = 40.0
    message: float = 10.0
    idle: float = 3600.0
    unsent: int = 1 << 20
    waiting: int = 64  # messages for a connection that is still being made


class Placed(Protocol):
    """A connection that has a place."""

    def give_way(self) -> None:
        """Close at once and give the place back."""


class Places:
    """The places of one user agent. A connection is known by its far end (transport and address), which is
    never closed for another while `in_use` has it. `common`: places of other processes are among them, which
    `ask_others` asks for one of a source (IN_ALL: of any) when none can be had here; the newcomer is told to
    give way if they have none. `connecting`: connections of ours that are being made."""

    def __init__(self, limits: ConnectionLimits, common: Common = ALONE) -> None:
        self.limits = limits
        self.in_use: Callable[[], Set[Hashable]] = frozenset
        self.ask_others: Callable[[str, Placed], bool] = lambda whose, newcomer: False
        self.connecting = 0
        self._shares = Shares(limits.connections, limits.per_source, common.places("connections"))
        self._mine = 0
        self._of_source: dict[Source, dict[Hashable, Placed]] = {}  # the one idle for longest first

    def __len__(self) -> int:
        return self._mine

    def take(self, far_end: Hashable, source: Source, connection: Placed) -> bool:
        """Whether there is a place for a new connection; another one may have to go for it."""
        if not self._shares.admits(source) and not self._make_room(source, connection):
            return False
        self._shares.take(source)
        self._mine += 1
        self._of_source.setdefault(source, {})[far_end] = connection
        return True

    def touch(self, far_end: Hashable, source: Source) -> None:
        """The connection was used: of its source it is now the last to go."""
        of_source = self._of_source.get(source, {})
        connection = of_source.pop(far_end, None)
        if connection is not None:
            of_source[far_end] = connection

    def give_back(self, far_end: Hashable, source: Source) -> None:
        self._shares.give_back(source)
        self._mine -= 1
        del self._of_source[source][far_end]
        if not self._of_source[source]:
            del self._of_source[source]

    def close_idle(self, whose: str) -> bool:
        """Close what has been idle for longest: of that source, or (IN_ALL) of the one that has most here."""
        source: Source = whose
        if whose == IN_ALL:
            source = max(self._of_source, key=lambda one: len(self._of_source[one]), default=None)
        in_use = self.in_use()
        for far_end, idle in self._of_source.get(source, {}).items():
            if far_end not in in_use:
                idle.give_way()
                return True
        return False

    def _make_room(self, source: Source, newcomer: Placed) -> bool:
        whose = IN_ALL if source is None or self._shares.held >= self._shares.total else source
        return self.close_idle(whose) or self.ask_others(whose, newcomer)
