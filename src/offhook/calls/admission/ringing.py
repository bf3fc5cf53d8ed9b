"""Callers who wait for their answer, where places run out: their sender may be forged.

A number whose owner thinks for long holds a place for each INVITE meanwhile. Sources that have acknowledged a
call before have shown that they are there: they go first, and those who have not make room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from offhook.network.sources import REMEMBERED, Source

PATIENCE: Final = 4.0
"""Seconds that a caller who is not known may ring where others who are not known want its place."""


class Ringing:
    """`time` is the loop's clock. Each call that has a place: `begin`, `answered`, `acknowledged`, `end`."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._known: OrderedDict[str, None] = OrderedDict()
        self._since: dict[str, tuple[Source, float]] = {}  # the one that rings for longest first
        self._answered: dict[str, Source] = {}

    def begin(self, call_id: str, source: Source) -> None:
        self._since[call_id] = source, self._time()

    def answered(self, call_id: str) -> None:
        if call_id in self._since:
            self._answered[call_id] = self._since.pop(call_id)[0]

    def acknowledged(self, call_id: str) -> None:
        source = self._answered.pop(call_id, None)
        if source is None:
            return
        self._known[source] = None
        self._known.move_to_end(source)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def end(self, call_id: str) -> None:
        self._since.pop(call_id, None)
        self._answered.pop(call_id, None)

    def makes_room_for(self, source: Source) -> tuple[str, Source] | None:
        """The call that `source` gets its place from, and whose it is: of those whose source is not known the
        one that rings for longest. None if all are known, or, where `source` is not known itself, if none has
        rung for long."""
        for call_id, (other, since) in self._since.items():
            if not self._knows(other):
                gives_way = self._knows(source) or self._time() - since > PATIENCE
                return (call_id, other) if gives_way else None
        return None

    def _knows(self, source: Source) -> bool:
        return source is None or source in self._known
